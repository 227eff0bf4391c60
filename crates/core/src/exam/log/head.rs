//! Signatures of a log's head: each entry is signed as the last one when it is written.
//!
//! The chain of hashes shows that an entry was changed in its place. Whoever can write to the database
//! could compute the chain anew, or drop its end. They do not have the key that signs.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use thiserror::Error;

use super::LogEntry;

/// The end of a session's log, as it was when an entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHead<'a> {
    /// The session's identifier.
    pub session: &'a str,
    /// Number of the last entry.
    pub seq: u64,
    /// Its hash.
    pub hash: &'a str,
}

/// A defect of the signatures of a log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// A signature is missing behind one that is there.
    #[error(
        "entry {seq} is not signed although entry {first} is: the key's owner did not write it"
    )]
    Unsigned {
        /// Its number.
        seq: u64,
        /// The first that is signed.
        first: u64,
    },
    /// A signature is not that of the key.
    #[error("the signature of entry {seq} is not that of the key's owner")]
    Forged {
        /// Its number.
        seq: u64,
    },
}

impl LogHead<'_> {
    /// What is signed.
    fn text(&self) -> String {
        let Self { session, seq, hash } = self;
        format!("plateau log head 1\n{session}\n{seq}\n{hash}\n")
    }

    /// The signature of a key, in hexadecimal.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        hex::encode(key.sign(self.text().as_bytes()).to_bytes())
    }

    /// Whether a signature is that of a key.
    #[must_use]
    pub fn is_signed(&self, signature: &str, key: &VerifyingKey) -> bool {
        let bytes = hex::decode(signature).ok();
        let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
        let text = self.text();
        signature.is_some_and(|signature| key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl LogEntry {
    /// What stands at the end of a session's log once this entry is written.
    #[must_use]
    pub fn head<'a>(&'a self, session: &'a str) -> LogHead<'a> {
        LogHead {
            session,
            seq: self.seq,
            hash: &self.hash,
        }
    }
}

/// The first entry that is signed: it and all that follow are signed by the key. `None` where no entry
/// is, as in a log that was written before heads were signed.
///
/// # Errors
/// The first entry whose signature is missing or wrong.
pub fn verify_heads(
    session: &str,
    log: &[LogEntry],
    key: &VerifyingKey,
) -> Result<Option<u64>, HeadError> {
    let mut first = None;
    for entry in log {
        let seq = entry.seq;
        match (&entry.signature, first) {
            (None, None) => {}
            (None, Some(first)) => return Err(HeadError::Unsigned { seq, first }),
            (Some(signature), _) => {
                if !entry.head(session).is_signed(signature, key) {
                    return Err(HeadError::Forged { seq });
                }
                first = first.or(Some(seq));
            }
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::super::{LogAction, verify};
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    /// A log whose entries are signed from a number on.
    fn log(signed_from: u64) -> Vec<LogEntry> {
        let mut log: Vec<LogEntry> = Vec::new();
        for what in ["one", "two", "three", "four"] {
            let last = log.last().map(|entry| (entry.seq, entry.hash.as_str()));
            let what = what.to_owned();
            let mut entry = LogEntry::after(last, 7, "local", None, LogAction::Changed { what });
            if entry.seq >= signed_from {
                entry.signature = Some(entry.head("s1").sign(&key()));
            }
            log.push(entry);
        }
        log
    }

    fn verified(log: &[LogEntry]) -> Result<Option<u64>, HeadError> {
        verify_heads("s1", log, &key().verifying_key())
    }

    #[test]
    fn signatures_do_not_change_the_chain_and_may_begin_anywhere() {
        for (from, found) in [(1, Some(1)), (3, Some(3)), (9, None)] {
            let log = log(from);
            assert_eq!(verify(&log), Ok(()));
            assert_eq!(verified(&log), Ok(found));
        }
    }

    #[test]
    fn what_the_key_did_not_sign_is_found() {
        let whole = log(1);
        let stranger = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(
            verify_heads("s1", &whole, &stranger),
            Err(HeadError::Forged { seq: 1 })
        );
        let other = verify_heads("s2", &whole, &key().verifying_key());
        assert_eq!(other, Err(HeadError::Forged { seq: 1 }));
        let mut taken_over = whole.clone();
        taken_over[3].signature = taken_over[2].signature.clone();
        assert_eq!(verified(&taken_over), Err(HeadError::Forged { seq: 4 }));
        let mut cleared = whole;
        cleared[2].signature = None;
        let unsigned = HeadError::Unsigned { seq: 3, first: 1 };
        assert_eq!(verified(&cleared), Err(unsigned));
    }
}
