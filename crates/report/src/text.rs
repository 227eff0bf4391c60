//! Texts of a document with limits.

use serde::{Deserialize, Serialize};

/// Most characters of one text: what is longer is neither a name nor a title.
const MOST: usize = 500;

/// A text of one line, which is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Line(String);

impl TryFrom<String> for Line {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a text is empty".to_owned());
        }
        if text.chars().count() > MOST {
            return Err(format!("a text is longer than {MOST} characters"));
        }
        Ok(Self(text))
    }
}

/// An access code: capitals and digits in groups, such as `K7QF-2M9X-P4TB`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Code(String);

impl Code {
    /// Most characters, with the hyphens: more would not fit on a slip in large type.
    const MOST: usize = 19;

    /// Whether it has none of the characters that are taken for one another most often.
    pub(crate) fn is_plain(&self) -> bool {
        !self.0.contains(['0', 'O', '1', 'I'])
    }
}

impl TryFrom<String> for Code {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        let whole = code.split('-').all(|group| {
            !group.is_empty()
                && group
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        });
        if !whole || code.len() > Self::MOST {
            // The code itself is a secret, and errors go to logs.
            return Err(format!(
                "a code is capitals and digits in groups with hyphens between, such as \
                 K7QF-2M9X-P4TB, at most {} characters",
                Self::MOST
            ));
        }
        Ok(Self(code))
    }
}
