//! Secrets of log-ins and API tokens.

use std::fmt;

/// Bytes of a secret.
const BYTES: usize = 32;

/// Digits of a secret.
pub const DIGITS: usize = 2 * BYTES;

/// 256 random bits, written as 64 hexadecimal digits.
#[derive(Clone)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Generates a secret.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// What it is kept as.
    #[must_use]
    pub fn hash(&self) -> String {
        hash(&self.0)
    }

    /// The secret itself, for whoever is to keep it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The BLAKE3 hash that is stored of a secret. Secrets have 256 random bits, so that a slow hash is not needed.
#[must_use]
pub fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Whether a text has the format of a secret.
#[must_use]
pub fn is_secret(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, other) = (Secret::draw().unwrap(), Secret::draw().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert!(is_secret(one.reveal()));
        assert!(!format!("{one:?}").contains(one.reveal()));
        assert_ne!(one.hash(), one.reveal());
    }
}
