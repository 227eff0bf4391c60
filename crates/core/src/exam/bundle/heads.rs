//! Verification of a bundle's log: its chain, what its writer signed of it, and a candidate's receipt.

use ed25519_dalek::VerifyingKey;

use super::key::fingerprint;
use super::verification::StepOutcome;
use super::{Manifest, last_hash};
use crate::exam::log::{self, LogAction, LogEntry, verify_heads};
use crate::exam::receipt::Receipt;
use crate::exam::session::AttemptMove;

fn pluralized(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    }
}

/// The log is a chain without a gap that ends where the manifest says.
pub(super) fn check_log(
    log: Result<&Vec<LogEntry>, &String>,
    manifest: Result<&Manifest, &String>,
) -> StepOutcome {
    let log = log.map_err(String::clone)?;
    log::verify(log).map_err(|error| error.to_string())?;
    let manifest = manifest.map_err(String::clone)?;
    let (entries, hash) = (log.len() as u64, last_hash(log));
    if (entries, hash) != (manifest.log_entries, manifest.log_hash.as_str()) {
        return Err("it does not end where the manifest says".to_owned());
    }
    let entries = pluralized(log.len(), "entry", "entries");
    Ok(format!("{entries}, the last with hash {hash}"))
}

/// Every entry from the first that is signed is signed by the key.
pub(super) fn check_heads(
    log: Result<&Vec<LogEntry>, &String>,
    manifest: Result<&Manifest, &String>,
    key: Result<&VerifyingKey, &String>,
) -> StepOutcome {
    let log = log.map_err(String::clone)?;
    let manifest = manifest.map_err(String::clone)?;
    let key = key.map_err(String::clone)?;
    let first = verify_heads(&manifest.session, log, key).map_err(|error| error.to_string())?;
    Ok(match first {
        None => "no entry is signed: either the log is older than signatures, or they were taken \
                 away, which only a receipt shows"
            .to_owned(),
        Some(first) => {
            let signed = log.iter().filter(|entry| entry.signature.is_some());
            let signed = pluralized(signed.count(), "entry", "entries");
            format!("{signed} from number {first} on, each as it was written")
        }
    })
}

/// The log has the entry that a receipt was given for.
pub(super) fn check_receipt(
    receipt: &Receipt,
    log: Result<&Vec<LogEntry>, &String>,
    manifest: Result<&Manifest, &String>,
    key: Result<&VerifyingKey, &String>,
) -> StepOutcome {
    let key = key.map_err(String::clone)?;
    let own = fingerprint(key).map_err(|error| error.to_string())?;
    if receipt.fingerprint != own {
        return Err(format!(
            "the receipt is signed by another key, {}",
            receipt.fingerprint
        ));
    }
    if !receipt.head().is_signed(&receipt.signature, key) {
        return Err("the receipt is not what the key's owner signed".to_owned());
    }
    let manifest = manifest.map_err(String::clone)?;
    if receipt.session != manifest.session {
        let session = &receipt.session;
        return Err(format!("the receipt is of another session, {session}"));
    }
    let number = receipt.entry;
    let log = log.map_err(String::clone)?;
    let Some(entry) = log.iter().find(|entry| entry.seq == number) else {
        return Err(format!(
            "the log was cut off: the key's owner signed entry {number} when the attempt was handed \
             in, and the log has {}",
            pluralized(log.len(), "entry", "entries")
        ));
    };
    if entry.hash != receipt.hash {
        return Err(format!(
            "the log was rewritten: its entry {number} is not the one that the key's owner signed \
             when the attempt was handed in"
        ));
    }
    let is_hand_in = match &entry.deed {
        LogAction::Attempt { attempt, by, .. } => {
            *by == AttemptMove::HandIn && *attempt == receipt.attempt
        }
        LogAction::Created {}
        | LogAction::Changed { .. }
        | LogAction::Insisted { .. }
        | LogAction::Session { .. }
        | LogAction::Extended { .. }
        | LogAction::GaveBack { .. }
        | LogAction::Warned { .. }
        | LogAction::Entered { .. }
        | LogAction::Recoded { .. }
        | LogAction::Said { .. }
        | LogAction::Rehearsed { .. }
        | LogAction::Saved { .. }
        | LogAction::Accepted { .. }
        | LogAction::Judged { .. }
        | LogAction::Alarmed { .. } => false,
    };
    if !is_hand_in || entry.at_ms != receipt.at_ms {
        return Err(format!(
            "the receipt was changed: entry {number} says something else than it does"
        ));
    }
    if receipt.attempt != manifest.attempt {
        let attempt = &receipt.attempt;
        return Err(format!("the receipt is of another attempt, {attempt}"));
    }
    Ok(format!(
        "entry {number} is the one that the receipt was given for"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::exam::log::verify;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn manifest() -> Manifest {
        Manifest {
            format: 1,
            session: "s1".to_owned(),
            attempt: "a1".to_owned(),
            scenario: "pair".to_owned(),
            hash: String::new(),
            exported_by: "ada".to_owned(),
            exported_ms: 1,
            log_entries: 0,
            log_hash: String::new(),
            members: BTreeMap::new(),
        }
    }

    fn moved(by: AttemptMove) -> LogAction {
        LogAction::Attempt {
            attempt: "a1".to_owned(),
            by,
            pause: None,
        }
    }

    /// Appends as a daemon does, with its key or without.
    fn append(log: &mut Vec<LogEntry>, deed: LogAction, key: Option<&SigningKey>) {
        let last = log.last().map(|entry| (entry.seq, entry.hash.as_str()));
        let at_ms = 7 + log.len() as u64;
        let mut entry = LogEntry::after(last, at_ms, "local", None, deed);
        entry.signature = key.map(|key| entry.head("s1").sign(key));
        log.push(entry);
    }

    fn log() -> Vec<LogEntry> {
        let mut log = Vec::new();
        for deed in [
            LogAction::Created {},
            moved(AttemptMove::Start),
            moved(AttemptMove::HandIn),
            moved(AttemptMove::Keep),
        ] {
            append(&mut log, deed, Some(&key()));
        }
        log
    }

    fn receipt(log: &[LogEntry]) -> Receipt {
        let own = fingerprint(&key().verifying_key()).unwrap();
        Receipt::of(log[2].head("s1"), &log[2], "01", "a1", &own).unwrap()
    }

    fn heads(log: &Vec<LogEntry>) -> StepOutcome {
        check_heads(Ok(log), Ok(&manifest()), Ok(&key().verifying_key()))
    }

    fn compared(receipt: &Receipt, log: &Vec<LogEntry>) -> StepOutcome {
        check_receipt(
            receipt,
            Ok(log),
            Ok(&manifest()),
            Ok(&key().verifying_key()),
        )
    }

    fn refused(receipt: &Receipt, log: &Vec<LogEntry>, why: &str) {
        let refused = compared(receipt, log).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }

    #[test]
    fn a_log_that_is_whole_has_the_entry_of_the_receipt() {
        let log = log();
        assert_eq!(
            heads(&log).as_deref(),
            Ok("4 entries from number 1 on, each as it was written")
        );
        let found = "entry 3 is the one that the receipt was given for";
        assert_eq!(compared(&receipt(&log), &log).as_deref(), Ok(found));
    }

    #[test]
    fn a_tail_that_is_cut_off_shows_also_where_the_daemon_went_on() {
        let whole = log();
        let receipt = receipt(&whole);
        let mut cut = whole;
        cut.truncate(2);
        assert!(heads(&cut).is_ok(), "nothing else shows it");
        refused(&receipt, &cut, "the log was cut off");
        // The daemon itself signs what it appends to what it finds.
        append(&mut cut, moved(AttemptMove::Pause), Some(&key()));
        append(&mut cut, moved(AttemptMove::HandIn), Some(&key()));
        assert_eq!(verify(&cut), Ok(()));
        assert!(heads(&cut).is_ok());
        refused(&receipt, &cut, "the log was rewritten");
    }

    #[test]
    fn a_chain_that_is_computed_anew_shows_without_the_key() {
        let whole = log();
        for forger in [None, Some(SigningKey::from_bytes(&[8; 32]))] {
            let mut forged = whole[..1].to_vec();
            for deed in [moved(AttemptMove::Start), moved(AttemptMove::HandIn)] {
                append(&mut forged, deed, forger.as_ref());
            }
            assert_eq!(verify(&forged), Ok(()), "the chain is good");
            let found = heads(&forged).unwrap_err();
            assert!(found.contains("entry 2"), "{found}");
        }
        // Without any signature it looks like an old log; the receipt knows better.
        let mut bare = Vec::new();
        for deed in [
            LogAction::Created {},
            moved(AttemptMove::Start),
            moved(AttemptMove::Resume),
        ] {
            append(&mut bare, deed, None);
        }
        assert!(heads(&bare).unwrap().contains("no entry is signed"));
        refused(&receipt(&whole), &bare, "the log was rewritten");
    }

    #[test]
    fn a_receipt_that_is_changed_or_of_something_else_is_refused() {
        let log = log();
        let given = receipt(&log);
        let change = |change: fn(&mut Receipt)| {
            let mut changed = given.clone();
            change(&mut changed);
            changed
        };
        refused(&change(|r| r.entry = 4), &log, "is not what the key");
        refused(&change(|r| r.session = "s2".into()), &log, "is not what");
        refused(&change(|r| r.hash = "00".into()), &log, "is not what");
        refused(&change(|r| r.at_ms += 1), &log, "the receipt was changed");
        refused(&change(|r| r.attempt = "a2".into()), &log, "was changed");
        refused(&change(|r| r.fingerprint.clear()), &log, "another key");
        let elsewhere = check_receipt(
            &given,
            Ok(&log),
            Ok(&Manifest {
                attempt: "a2".to_owned(),
                ..manifest()
            }),
            Ok(&key().verifying_key()),
        );
        assert!(elsewhere.unwrap_err().contains("another attempt"));
        let head = log[1].head("s1");
        let start = Receipt::of(head, &log[1], "01", "a1", &given.fingerprint);
        refused(&start.unwrap(), &log, "the receipt was changed");
    }
}
