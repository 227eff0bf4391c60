//! Problems of scenarios.

use std::collections::BTreeSet;
use std::path::Path;

use plateau_core::problem::Problem;

use super::count;
use crate::style::{FAINT, HEAD, styled};

/// The problems with the folder before their files, so that an editor finds the place.
pub(crate) fn below(folder: &Path, problems: Vec<Problem>) -> Vec<Problem> {
    let below = |mut problem: Problem| {
        let path = match problem.place.file.as_str() {
            "." => folder.to_owned(),
            file => folder.join(file),
        };
        problem.place.file = path.to_string_lossy().into_owned();
        problem
    };
    problems.into_iter().map(below).collect()
}

/// All problems, and how many they are.
pub(crate) fn list(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let place = styled(HEAD, format!("{}:", problem.place));
        let code = styled(FAINT, format!("[{}]", problem.code));
        text.push_str(&format!("{place} {} {code}\n", problem.message));
        for line in problem.hint.iter().flat_map(|hint| hint.lines()) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    let files: BTreeSet<&str> = problems.iter().map(|p| p.place.file.as_str()).collect();
    text.push_str(&format!(
        "{} in {}\n",
        count(problems.len(), "problem"),
        count(files.len(), "file")
    ));
    text
}
