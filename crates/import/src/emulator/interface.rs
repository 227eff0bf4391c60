//! Names of interfaces that a scenario allows.

use std::collections::BTreeSet;

/// The kernel's IFNAMSIZ less the closing zero (linux/if.h).
const LONGEST: usize = 15;

/// The name nearest to the one wanted that an interface can have and none of the node's has yet:
/// at most 15 letters, digits, `-`, `_` and `.`, and not `lo`.
pub(crate) fn allowed(wanted: &str, taken: &BTreeSet<String>) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') => c,
        _ => '-',
    };
    let name: String = wanted.chars().map(plain).collect();
    let name = match name.as_str() {
        "" | "lo" | "." | ".." => "port".to_owned(),
        _ => shortened(&name, ""),
    };
    let numbered = (2..).map(|number| shortened(&name, &format!("-{number}")));
    let mut candidates = std::iter::once(name.clone()).chain(numbered);
    candidates
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or(name)
}

/// The end of a long name tells interfaces apart, so it is the middle that goes.
fn shortened(name: &str, end: &str) -> String {
    let room = LONGEST - end.len();
    if name.len() <= room {
        return format!("{name}{end}");
    }
    let letters =
        name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '_'));
    let tail = &name[letters.len()..];
    let tail = &tail[tail.len().saturating_sub(room - 1)..];
    format!("{}{tail}{end}", &name[..room - tail.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_what_tells_it_apart() {
        let none = BTreeSet::new();
        assert_eq!(allowed("eth1", &none), "eth1");
        assert_eq!(allowed("ethernet-1/1", &none), "ethernet-1-1");
        assert_eq!(allowed("GigabitEthernet12", &none), "GigabitEthern12");
        assert_eq!(allowed("é", &none), "-");
        assert_eq!(allowed("lo", &none), "port");
        let taken = BTreeSet::from(["GigabitEthern12".to_owned()]);
        assert_eq!(allowed("GigabitEthernet12", &taken), "GigabitEthe12-2");
        assert!(allowed("1234567890123456789", &none).len() <= LONGEST);
    }
}
