//! Receipts: what a candidate keeps of the moment at which their attempt was handed in.
//!
//! A receipt has the signature that the entry of the session's log got when it was written. Whoever
//! holds it can show that the log had this entry, whatever became of the database since.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::log::{LogEntry, LogHead};

/// What a line begins with.
const WORD: &str = "plateau-receipt-1";

/// Longest text that is read as one, in bytes.
pub const RECEIPT_LIMIT: u64 = 16 << 10;

/// That an attempt was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// The session's identifier.
    pub session: String,
    /// Candidate number.
    pub seat: String,
    /// The attempt's identifier.
    pub attempt: String,
    /// Number of the log's entry.
    pub entry: u64,
    /// When the attempt was handed in, in milliseconds since the epoch.
    pub at_ms: u64,
    /// BLAKE3 of the log's entry.
    pub hash: String,
    /// The signature of the log's head, of ed25519 in hexadecimal.
    pub signature: String,
    /// Fingerprint of the public key that it is of.
    pub fingerprint: String,
}

/// A text that is not a receipt.
#[derive(Debug, Error)]
pub enum ReceiptError {
    /// It is JSON of something else.
    #[error("it does not have the fields of a receipt")]
    Fields(#[source] serde_json::Error),
    /// It is neither JSON nor a line.
    #[error("it does not begin with `{WORD}`")]
    Word,
    /// A part of the line is missing, or there is one too many.
    #[error("it has {found} parts and not 9")]
    Parts {
        /// How many there are.
        found: usize,
    },
    /// A number is something else.
    #[error("`{text}` is not a valid number")]
    Number {
        /// What stands there.
        text: String,
    },
}

impl Receipt {
    /// That of an entry; `None` where it is not signed.
    #[must_use]
    pub fn of(
        head: LogHead<'_>,
        entry: &LogEntry,
        seat: &str,
        attempt: &str,
        fingerprint: &str,
    ) -> Option<Self> {
        Some(Self {
            session: head.session.to_owned(),
            seat: seat.to_owned(),
            attempt: attempt.to_owned(),
            entry: head.seq,
            at_ms: entry.at_ms,
            hash: head.hash.to_owned(),
            signature: entry.signature.clone()?,
            fingerprint: fingerprint.to_owned(),
        })
    }

    /// The head of the log that it is of.
    #[must_use]
    pub fn head(&self) -> LogHead<'_> {
        LogHead {
            session: &self.session,
            seq: self.entry,
            hash: &self.hash,
        }
    }

    /// All of it in one line, to be printed or copied.
    #[must_use]
    pub fn line(&self) -> String {
        let Self {
            session,
            seat,
            attempt,
            entry,
            at_ms,
            hash,
            signature,
            fingerprint,
        } = self;
        format!(
            "{WORD}:{session}:{seat}:{attempt}:{entry}:{at_ms}:{hash}:{signature}:{fingerprint}"
        )
    }

    /// Reads a line, which may be broken anywhere, or the same as JSON.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map_err(ReceiptError::Fields);
        }
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let rest = plain.strip_prefix(WORD);
        let rest = rest.and_then(|rest| rest.strip_prefix(':'));
        let parts: Vec<&str> = rest.ok_or(ReceiptError::Word)?.split(':').collect();
        let [
            session,
            seat,
            attempt,
            entry,
            at_ms,
            hash,
            signature,
            fingerprint,
        ] = parts[..]
        else {
            let found = parts.len() + 1;
            return Err(ReceiptError::Parts { found });
        };
        Ok(Self {
            session: session.to_owned(),
            seat: seat.to_owned(),
            attempt: attempt.to_owned(),
            entry: number(entry)?,
            at_ms: number(at_ms)?,
            hash: hash.to_lowercase(),
            signature: signature.to_lowercase(),
            fingerprint: fingerprint.to_lowercase(),
        })
    }
}

fn number(text: &str) -> Result<u64, ReceiptError> {
    text.parse().map_err(|_| ReceiptError::Number {
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            session: "019ab3c4-0000-7000-8000-000000000001".into(),
            seat: "A-0.7".into(),
            attempt: "019ab3c4-0000-7000-8000-000000000002".into(),
            entry: 57,
            at_ms: 1_780_000_000_000,
            hash: "ab".repeat(32),
            signature: "cd".repeat(64),
            fingerprint: "ef".repeat(32),
        }
    }

    #[test]
    fn a_line_and_json_are_read_back_also_from_broken_lines() {
        let receipt = receipt();
        let line = receipt.line();
        assert!(line.len() < 400, "{line}");
        assert_eq!(Receipt::parse(&line).unwrap(), receipt);
        let json = serde_json::to_string_pretty(&receipt).unwrap();
        assert_eq!(Receipt::parse(&json).unwrap(), receipt);
        let broken: Vec<&str> = (0..line.len())
            .step_by(64)
            .map(|at| &line[at..line.len().min(at + 64)])
            .collect();
        let broken = format!(" {}\r\n", broken.join("\r\n  "));
        assert_eq!(Receipt::parse(&broken).unwrap(), receipt);
    }

    #[test]
    fn what_is_something_else_is_refused() {
        let line = receipt().line();
        for (text, why) in [
            ("", "does not begin"),
            ("hello", "does not begin"),
            ("{}", "fields"),
            (&format!("{line}:more"), "10 parts"),
            (&line.replace(":57:", ":many:"), "`many`"),
        ] {
            let refused = Receipt::parse(text).unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
