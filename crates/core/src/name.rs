//! Names of scenarios, nodes, networks, tasks, labs and sessions.

/// A name: a-z, 0-9 and `-`, with a letter or a digit at both ends, so that it can be a label of a
/// host name, a file's name and a segment of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Longest name in a scenario: what a label of a host name may have.
    pub const LONGEST: usize = 63;

    /// Takes a text of 1 to `longest` characters as a name; `None` where it cannot be one.
    #[must_use]
    pub fn parse(text: &'a str, longest: usize) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let fits = bytes.len() <= longest
            && ends.iter().all(|end| end.is_some_and(|byte| plain(*byte)))
            && bytes.iter().all(|byte| plain(*byte) || *byte == b'-');
        fits.then_some(Self(text))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_from_end_to_end() {
        let long = "a".repeat(Name::LONGEST);
        for name in ["a", "7", "web-1", "a--b", long.as_str()] {
            let parsed = Name::parse(name, Name::LONGEST).map(Name::as_str);
            assert_eq!(parsed, Some(name));
        }
        let longer = "a".repeat(Name::LONGEST + 1);
        for name in ["", "-", "a-", "-a", "A", "a_b", "a.b", "é", "a b", &longer] {
            assert_eq!(Name::parse(name, Name::LONGEST), None, "{name}");
        }
    }
}
