//! Comparison of what was handed in with the log.

use std::collections::BTreeMap;

use super::verification::{Members, StepOutcome};
use super::{DELIVERABLES, Manifest};
use crate::exam::log::{LogAction, LogEntry};

/// The versions of each task are those that the log has, each under its number.
pub(super) fn saved(
    members: &Members,
    log: Result<&Vec<LogEntry>, &String>,
    manifest: Result<&Manifest, &String>,
) -> StepOutcome {
    let (log, manifest) = (
        log.map_err(String::clone)?,
        manifest.map_err(String::clone)?,
    );
    let mut logged: BTreeMap<(String, usize), &str> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in log {
        if let LogAction::Saved {
            attempt,
            task,
            content,
        } = &entry.deed
            && *attempt == manifest.attempt
        {
            let number = counts.entry(task).or_default();
            *number += 1;
            logged.insert((task.clone(), *number), content);
        }
    }
    let of_log = logged.len();
    for (name, content) in members {
        let Some(path) = name.strip_prefix(DELIVERABLES) else {
            continue;
        };
        let version = path.split_once('/').and_then(|(task, file)| {
            let (number, _) = file.split_once('-')?;
            Some((task.to_owned(), number.parse().ok()?))
        });
        let known = version.and_then(|version| logged.remove(&version));
        match known {
            None => return Err(format!("the log does not know `{name}`")),
            Some(hash) if hash != blake3::hash(content).to_hex().as_str() => {
                return Err(format!("`{name}` is not what the log says was saved"));
            }
            Some(_) => {}
        }
    }
    if let Some((task, number)) = logged.keys().next() {
        return Err(format!("version {number} of `{task}` is missing"));
    }
    Ok(match of_log {
        1 => "1 version, in the log".to_owned(),
        _ => format!("{of_log} versions, all in the log"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::bundle::deliverable_name;

    const FIRST: &[u8] = b"%PDF of a first version";
    const SECOND: &[u8] = b"%PDF of a second version";

    fn entry(attempt: &str, content: &[u8]) -> LogEntry {
        let deed = LogAction::Saved {
            attempt: attempt.to_owned(),
            task: "report".to_owned(),
            content: blake3::hash(content).to_hex().to_string(),
        };
        LogEntry::after(None, 1, "seat:01", None, deed)
    }

    fn looked_at(members: &[(u32, &[u8])], log: &[LogEntry]) -> StepOutcome {
        let manifest = Manifest {
            format: 1,
            session: "session".to_owned(),
            attempt: "mine".to_owned(),
            scenario: "pair".to_owned(),
            hash: String::new(),
            exported_by: "ada".to_owned(),
            exported_ms: 1,
            log_entries: 0,
            log_hash: String::new(),
            members: BTreeMap::new(),
        };
        let members = members.iter().map(|(number, content)| {
            let name = deliverable_name("report", *number, "my-report.pdf");
            (name, content.to_vec())
        });
        saved(&members.collect(), Ok(&log.to_vec()), Ok(&manifest))
    }

    #[test]
    fn versions_are_those_of_the_log_in_its_order() {
        let log = [
            entry("mine", FIRST),
            entry("another", b"of another"),
            entry("mine", SECOND),
        ];
        let good = looked_at(&[(1, FIRST), (2, SECOND)], &log);
        assert_eq!(good.as_deref(), Ok("2 versions, all in the log"));
        for (members, found) in [
            (vec![(1, SECOND), (2, FIRST)], "is not what the log says"),
            (vec![(1, FIRST)], "version 2 of `report` is missing"),
            (vec![(2, SECOND)], "version 1 of `report` is missing"),
            (vec![(1, FIRST), (2, SECOND), (3, FIRST)], "does not know"),
        ] {
            let bad = looked_at(&members, &log).unwrap_err();
            assert!(bad.contains(found), "{bad}");
        }
    }
}
