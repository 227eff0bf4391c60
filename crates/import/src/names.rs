//! Names that a scenario allows, each given once.

use std::collections::BTreeSet;

use plateau_core::name::Name;

/// Names that are taken, so that each is given once.
#[derive(Clone, Debug, Default)]
pub(crate) struct UniqueNames(BTreeSet<String>);

impl UniqueNames {
    /// The name nearest to the one wanted that the language allows and nobody has: lower-case
    /// letters, digits and hyphens, at most 63 of them.
    pub(crate) fn take(&mut self, wanted: &str) -> String {
        let name = as_name(wanted, Name::LONGEST);
        let numbered = (2..).map(|number| {
            let tail = format!("-{number}");
            as_name(&name, Name::LONGEST - tail.len()) + &tail
        });
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        let free = candidates.find(|name| !self.0.contains(name));
        let free = free.unwrap_or(name);
        self.0.insert(free.clone());
        free
    }
}

fn as_name(wanted: &str, longest: usize) -> String {
    let mut name = String::new();
    for c in wanted.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(longest);
    match name.trim_end_matches('-') {
        "" => "x".to_owned(),
        name => name.to_owned(),
    }
}
