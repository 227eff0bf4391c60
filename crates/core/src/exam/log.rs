//! The log of a session: what happened, in order, each entry chained to the one before by its hash and
//! signed as the last one when it was written.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::clock::{ClockEvent, PauseKind};
use super::session::{AttemptMove, SessionMove};

pub use head::{HeadError, LogHead, verify_heads};

mod head;

/// Hash that the first entry is chained to.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogEntry {
    /// Its number in the session, from 1.
    pub seq: u64,
    /// When, in milliseconds since the epoch, by the daemon's clock that never goes back.
    pub at_ms: u64,
    /// Who: `system`, `local`, an account's name, or `seat:<number>`.
    pub actor: String,
    /// Why, where somebody has to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What.
    pub deed: LogAction,
    /// BLAKE3 of the entry before, as 64 hexadecimal digits.
    pub previous: String,
    /// BLAKE3 of this entry without this field and the next.
    #[serde(default)]
    pub hash: String,
    /// What the daemon's key signed of it when it was the last: ed25519, in hexadecimal. Entries of
    /// earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Action that an entry records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LogAction {
    /// The session was described.
    Created {},
    /// What the session is was changed: seats, scenarios, jurors.
    Changed {
        /// What, in words.
        what: String,
    },
    /// A scenario without a proof was taken all the same.
    Insisted {
        /// The scenario.
        scenario: String,
    },
    /// The session's state changed.
    Session {
        /// How.
        by: SessionMove,
    },
    /// An attempt's state changed.
    Attempt {
        /// The attempt.
        attempt: String,
        /// How.
        by: AttemptMove,
        /// Why its clock stopped, for [`AttemptMove::Pause`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pause: Option<PauseKind>,
    },
    /// An attempt was granted more time.
    Extended {
        /// The attempt.
        attempt: String,
        /// How much, in milliseconds.
        by_ms: u64,
    },
    /// Time that an attempt lost by a failure was given back.
    GaveBack {
        /// The attempt.
        attempt: String,
        /// How much, in milliseconds.
        by_ms: u64,
    },
    /// A candidate was warned of how little time is left.
    Warned {
        /// The attempt.
        attempt: String,
        /// What is left, in milliseconds.
        left_ms: u64,
    },
    /// A candidate came in by a code, or was let in again.
    Entered {
        /// The seat.
        seat: String,
        /// From where, such as an address.
        from: String,
    },
    /// A seat's access code was replaced.
    Recoded {
        /// The seat.
        seat: String,
    },
    /// A message was sent to seats.
    Said {
        /// The seat; all where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seat: Option<String>,
        /// The text.
        text: String,
    },
    /// All labs of the session were started, graded untouched and removed again.
    Rehearsed {
        /// The rehearsal.
        rehearsal: String,
        /// Whether the room holds the session.
        holds: bool,
    },
    /// A version of a deliverable was saved.
    Saved {
        /// The attempt.
        attempt: String,
        /// The task.
        task: String,
        /// BLAKE3 of the content.
        content: String,
    },
    /// A grading was taken for the attempt's own.
    Accepted {
        /// The attempt.
        attempt: String,
        /// The grading.
        grading: String,
    },
    /// A person judged something.
    Judged {
        /// The attempt.
        attempt: String,
        /// What, such as `override web/answers` or `rubric report/clear`.
        what: String,
        /// BLAKE3 of the judgement as it is kept.
        content: String,
    },
    /// Everybody was told something went wrong.
    Alarmed {
        /// What.
        what: String,
    },
}

/// A defect of a log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LogError {
    /// A number is missing, or there twice.
    #[error("entry {expected} is missing: the next is {found}")]
    Gap {
        /// The number that should be there.
        expected: u64,
        /// The number that is.
        found: u64,
    },
    /// An entry is not chained to the one before.
    #[error("entry {seq} does not follow the one before it")]
    Unchained {
        /// Its number.
        seq: u64,
    },
    /// An entry is not what was written.
    #[error("entry {seq} was changed after it was written")]
    Changed {
        /// Its number.
        seq: u64,
    },
}

impl LogEntry {
    /// The entry after another, or the first, with its hash.
    #[must_use]
    pub fn after(
        last: Option<(u64, &str)>,
        at_ms: u64,
        actor: &str,
        reason: Option<String>,
        deed: LogAction,
    ) -> Self {
        let (seq, previous) = last.map_or((0, GENESIS), |last| last);
        let mut entry = Self {
            seq: seq + 1,
            at_ms,
            actor: actor.to_owned(),
            reason,
            deed,
            previous: previous.to_owned(),
            hash: String::new(),
            signature: None,
        };
        entry.hash = entry.digest();
        entry
    }

    /// BLAKE3 of the entry without its hash and its signature, in the order of its fields.
    #[must_use]
    pub fn digest(&self) -> String {
        let bare = Self {
            hash: String::new(),
            signature: None,
            ..self.clone()
        };
        // An entry is texts and numbers, which always become JSON.
        let text = serde_json::to_vec(&bare).unwrap_or_default();
        blake3::hash(&text).to_hex().to_string()
    }

    /// What it does to the clock of an attempt, if anything.
    #[must_use]
    pub fn tick(&self, of: &str) -> Option<(u64, ClockEvent)> {
        let (attempt, tick) = self.attempt_tick()?;
        (attempt == of).then_some((self.at_ms, tick))
    }

    /// The attempt whose clock it does something to, and what.
    #[must_use]
    pub fn attempt_tick(&self) -> Option<(&str, ClockEvent)> {
        Some(match &self.deed {
            LogAction::Attempt { attempt, by, pause } => match by {
                AttemptMove::Start => (attempt, ClockEvent::Start),
                AttemptMove::Pause => (
                    attempt,
                    ClockEvent::Pause(pause.unwrap_or(PauseKind::Incident)),
                ),
                AttemptMove::Resume => (attempt, ClockEvent::Resume),
                AttemptMove::HandIn => (attempt, ClockEvent::Stop),
                AttemptMove::Prepare
                | AttemptMove::Prepared
                | AttemptMove::Break
                | AttemptMove::Dismantle
                | AttemptMove::Keep
                | AttemptMove::Grade
                | AttemptMove::MissOut => return None,
            },
            LogAction::Extended { attempt, by_ms } => (attempt, ClockEvent::Extend(*by_ms)),
            LogAction::GaveBack { attempt, by_ms } => (attempt, ClockEvent::GiveBack(*by_ms)),
            LogAction::Created {}
            | LogAction::Changed { .. }
            | LogAction::Insisted { .. }
            | LogAction::Session { .. }
            | LogAction::Warned { .. }
            | LogAction::Entered { .. }
            | LogAction::Recoded { .. }
            | LogAction::Said { .. }
            | LogAction::Rehearsed { .. }
            | LogAction::Saved { .. }
            | LogAction::Accepted { .. }
            | LogAction::Judged { .. }
            | LogAction::Alarmed { .. } => return None,
        })
    }
}

/// Whether a log is complete and unchanged: numbers from 1 without a gap, each entry as written and chained
/// to the one before.
///
/// # Errors
/// The first entry with a defect.
pub fn verify(log: &[LogEntry]) -> Result<(), LogError> {
    let mut previous = GENESIS.to_owned();
    for (entry, expected) in log.iter().zip(1..) {
        if entry.seq != expected {
            return Err(LogError::Gap {
                expected,
                found: entry.seq,
            });
        }
        if entry.previous != previous {
            return Err(LogError::Unchained { seq: entry.seq });
        }
        if entry.hash != entry.digest() {
            return Err(LogError::Changed { seq: entry.seq });
        }
        previous.clone_from(&entry.hash);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<LogEntry> {
        let mut log: Vec<LogEntry> = Vec::new();
        for deed in [
            LogAction::Created {},
            LogAction::Session {
                by: SessionMove::Prepare,
            },
            LogAction::Attempt {
                attempt: "a".into(),
                by: AttemptMove::Start,
                pause: None,
            },
        ] {
            let last = log.last().map(|entry| (entry.seq, entry.hash.as_str()));
            let entry = LogEntry::after(last, 7, "local", Some("because".into()), deed);
            log.push(entry);
        }
        log
    }

    #[test]
    fn a_log_as_it_was_written_is_whole_also_through_json() {
        let log = log();
        let through: Vec<LogEntry> =
            serde_json::from_str(&serde_json::to_string(&log).unwrap()).unwrap();
        assert_eq!(through, log);
        assert_eq!(verify(&through), Ok(()));
    }

    #[test]
    fn every_change_is_found() {
        let mut changed = log();
        changed[1].actor = "somebody".into();
        assert_eq!(verify(&changed), Err(LogError::Changed { seq: 2 }));
        let mut rehashed = log();
        rehashed[1].reason = None;
        rehashed[1].hash = rehashed[1].digest();
        assert_eq!(verify(&rehashed), Err(LogError::Unchained { seq: 3 }));
        let mut shorter = log();
        shorter.remove(1);
        let gap = LogError::Gap {
            expected: 2,
            found: 3,
        };
        assert_eq!(verify(&shorter), Err(gap));
    }
}
