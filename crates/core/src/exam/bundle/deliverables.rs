//! Whether what was handed in is what the log says was saved.

use std::collections::BTreeMap;

use super::verification::{Found, Members};
use super::{DELIVERABLES, Manifest};
use crate::exam::log::{Deed, Entry};

/// The versions of each task are those that the log has, each under its number.
pub(super) fn saved(
    members: &Members,
    log: Result<&Vec<Entry>, &String>,
    manifest: Result<&Manifest, &String>,
) -> Found {
    let (log, manifest) = (
        log.map_err(String::clone)?,
        manifest.map_err(String::clone)?,
    );
    let mut logged: BTreeMap<(String, usize), &str> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in log {
        if let Deed::Saved {
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
