//! Checks of a scenario's folder that a client sends, before it is used.

use plateau_core::api::ScenarioFiles;
use plateau_core::error::ErrorCode;
use plateau_core::path::FolderPath;

use super::failure::{ApiResult, Failure};

/// Most files in a scenario.
const FILES: usize = 2000;

/// Most bytes of all files of a scenario together.
const BYTES: usize = 64 << 20;

/// Most bytes of a path.
const PATH: usize = 4096;

/// Most bytes of a part of a path, as file systems take.
const PART: usize = 255;

/// Refuses a folder that is too large, and paths that lead out of it.
pub(super) fn check(files: &ScenarioFiles) -> ApiResult<()> {
    if files.len() > FILES {
        return Err(Failure::new(
            ErrorCode::TooManyFiles,
            format!("the scenario has {} files", files.len()),
        )
        .hint(format!("at most {FILES} are taken")));
    }
    let bytes: usize = files.values().map(|content| decoded(content)).sum();
    if bytes > BYTES {
        return Err(Failure::new(
            ErrorCode::ScenarioTooLarge,
            format!("the scenario has {} MiB", bytes.div_ceil(1 << 20)),
        )
        .hint(format!("at most {} MiB are taken", BYTES >> 20)));
    }
    match files.keys().find(|path| !stays_inside(path)) {
        None => Ok(()),
        Some(path) => Err(Failure::new(
            ErrorCode::BadFile,
            format!("`{path}` does not stay in the scenario's folder"),
        )
        .hint("paths are relative, with `/` between their parts and without `.` or `..`")),
    }
}

/// Most bytes that a text in base64 stands for.
fn decoded(content: &str) -> usize {
    content.len() / 4 * 3
}

fn stays_inside(path: &str) -> bool {
    path.len() <= PATH && FolderPath::parse(path).is_ok_and(|path| path.has_parts_up_to(PART))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn one(path: &str) -> ScenarioFiles {
        BTreeMap::from([(path.to_owned(), String::new())])
    }

    #[test]
    fn paths_stay_in_the_folder() {
        for path in ["scenario.yaml", "files/a/b.txt", "..a/b..", "é.md"] {
            assert!(check(&one(path)).is_ok(), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "./a",
            "a/",
            "a\\b",
            "a\0b",
        ] {
            let refused = check(&one(path)).unwrap_err();
            assert_eq!(refused.0.code, ErrorCode::BadFile, "{path}");
        }
    }

    #[test]
    fn folders_have_a_size() {
        let many = (0..=FILES)
            .map(|n| (format!("f{n}"), String::new()))
            .collect();
        assert_eq!(check(&many).unwrap_err().0.code, ErrorCode::TooManyFiles);
        let large = BTreeMap::from([("f".to_owned(), "A".repeat(BYTES / 3 * 4 + 8))]);
        assert_eq!(
            check(&large).unwrap_err().0.code,
            ErrorCode::ScenarioTooLarge
        );
    }
}
