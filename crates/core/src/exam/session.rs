//! The states of a session and of an attempt, and the legal transitions between them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal ),* $(,)? } )*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
            #[serde(rename_all = "kebab-case")]
            pub enum $name {
                $( $(#[$variant_meta])* $variant, )*
            }

            impl $name {
                /// All values, in their order.
                pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

                /// Its name, as it is written and stored.
                #[must_use]
                pub const fn word(self) -> &'static str {
                    match self { $( Self::$variant => $word, )* }
                }

                /// The value with this name; `None` if the name is unknown.
                #[must_use]
                pub fn of(word: &str) -> Option<Self> {
                    Self::ALL.iter().copied().find(|known| known.word() == word)
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.pad(self.word())
                }
            }
        )*
    };
}

words! {
    /// State of a session.
    SessionState {
        /// It is being described; nothing runs.
        Draft = "draft",
        /// Its labs are being built.
        Preparing = "preparing",
        /// Its labs wait for the candidates.
        Ready = "ready",
        /// Candidates work, or may begin to.
        Open = "open",
        /// Nobody can work any longer; evaluators judge.
        Closed = "closed",
        /// Nothing changes any more, but by a recorded reopening.
        Sealed = "sealed",
        /// It was cancelled before anybody began.
        Cancelled = "cancelled",
    }

    /// State of an attempt.
    AttemptState {
        /// Nothing of it runs.
        Waiting = "waiting",
        /// Its lab is being built.
        Preparing = "preparing",
        /// Its lab could not be built.
        Broken = "broken",
        /// Its lab waits for the candidate.
        Ready = "ready",
        /// The candidate works and the clock runs.
        Running = "running",
        /// The candidate cannot work.
        Paused = "paused",
        /// Access is closed; the state of the lab is being kept.
        HandedIn = "handed-in",
        /// The state of the lab is kept; it is to be graded.
        Kept = "kept",
        /// It has a grade.
        Graded = "graded",
        /// The candidate did not come.
        Absent = "absent",
    }

    /// Transitions of a session.
    SessionMove {
        /// Its labs are to be built.
        Prepare = "prepare",
        /// All labs are ready.
        Prepared = "prepared",
        /// Its labs are to be removed; nobody has begun.
        Dismantle = "dismantle",
        /// Candidates may begin.
        Open = "open",
        /// Nobody can work any longer.
        Close = "close",
        /// Nothing is to change any more.
        Seal = "seal",
        /// Something has to change after all.
        Reopen = "reopen",
        /// It does not take place.
        Cancel = "cancel",
    }

    /// Transitions of an attempt.
    AttemptMove {
        /// Its lab is to be built.
        Prepare = "prepare",
        /// Its lab is ready.
        Prepared = "prepared",
        /// Its lab could not be built.
        Break = "break",
        /// Its lab is removed; the candidate has not begun.
        Dismantle = "dismantle",
        /// The clock starts.
        Start = "start",
        /// The clock stops.
        Pause = "pause",
        /// The clock goes on.
        Resume = "resume",
        /// Nobody works on it any longer.
        HandIn = "hand-in",
        /// The state of the lab is kept.
        Keep = "keep",
        /// It was graded.
        Grade = "grade",
        /// The candidate did not come.
        MissOut = "miss-out",
    }
}

impl SessionState {
    /// The state after a transition; `None` where it is not legal.
    #[must_use]
    pub fn after(self, by: SessionMove) -> Option<Self> {
        let row = SESSION_MOVES.iter();
        row.copied()
            .find(|(from, how, _)| (*from, *how) == (self, by))
            .map(|(_, _, to)| to)
    }

    /// The transitions that are legal in this state.
    pub fn moves(self) -> impl Iterator<Item = SessionMove> {
        let here = SESSION_MOVES.iter().filter(move |row| row.0 == self);
        here.map(|row| row.1)
    }

    /// Whether seats, scenarios and jurors can still change.
    #[must_use]
    pub fn is_draft(self) -> bool {
        self == Self::Draft
    }
}

impl AttemptState {
    /// The state after a transition; `None` where it is not legal.
    #[must_use]
    pub fn after(self, by: AttemptMove) -> Option<Self> {
        let row = ATTEMPT_MOVES.iter();
        row.copied()
            .find(|(from, how, _)| (*from, *how) == (self, by))
            .map(|(_, _, to)| to)
    }

    /// The transitions that are legal in this state.
    pub fn moves(self) -> impl Iterator<Item = AttemptMove> {
        let here = ATTEMPT_MOVES.iter().filter(move |row| row.0 == self);
        here.map(|row| row.1)
    }

    /// Whether the candidate may use the lab.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Running
    }

    /// Whether the candidate has begun, from when on they may know what the attempt is about.
    #[must_use]
    pub fn has_begun(self) -> bool {
        match self {
            Self::Waiting | Self::Preparing | Self::Broken | Self::Ready | Self::Absent => false,
            Self::Running | Self::Paused | Self::HandedIn | Self::Kept | Self::Graded => true,
        }
    }

    /// Whether the state will not change any more by itself.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Graded | Self::Absent)
    }
}

/// The legal transitions of a session: from, by, to.
pub const SESSION_MOVES: &[(SessionState, SessionMove, SessionState)] = {
    use SessionMove as By;
    use SessionState as In;
    &[
        (In::Draft, By::Prepare, In::Preparing),
        (In::Draft, By::Cancel, In::Cancelled),
        (In::Preparing, By::Prepared, In::Ready),
        (In::Preparing, By::Dismantle, In::Draft),
        (In::Ready, By::Prepare, In::Preparing),
        (In::Ready, By::Dismantle, In::Draft),
        (In::Ready, By::Open, In::Open),
        (In::Open, By::Close, In::Closed),
        (In::Closed, By::Seal, In::Sealed),
        (In::Sealed, By::Reopen, In::Closed),
    ]
};

/// The legal transitions of an attempt: from, by, to.
pub const ATTEMPT_MOVES: &[(AttemptState, AttemptMove, AttemptState)] = {
    use AttemptMove as By;
    use AttemptState as In;
    &[
        (In::Waiting, By::Prepare, In::Preparing),
        (In::Waiting, By::MissOut, In::Absent),
        (In::Preparing, By::Prepared, In::Ready),
        (In::Preparing, By::Break, In::Broken),
        (In::Preparing, By::Dismantle, In::Waiting),
        (In::Broken, By::Prepare, In::Preparing),
        (In::Broken, By::Dismantle, In::Waiting),
        (In::Broken, By::MissOut, In::Absent),
        (In::Ready, By::Start, In::Running),
        (In::Ready, By::Dismantle, In::Waiting),
        (In::Ready, By::MissOut, In::Absent),
        (In::Running, By::Pause, In::Paused),
        (In::Running, By::HandIn, In::HandedIn),
        (In::Paused, By::Resume, In::Running),
        (In::Paused, By::HandIn, In::HandedIn),
        (In::HandedIn, By::Keep, In::Kept),
        (In::Kept, By::Grade, In::Graded),
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_move_from_a_state_leads_to_one_other() {
        let mut seen = BTreeSet::new();
        for (from, by, to) in SESSION_MOVES {
            assert!(seen.insert((from.word(), by.word())), "{from} {by}");
            assert_ne!(from, to, "{by}");
        }
        seen.clear();
        for (from, by, to) in ATTEMPT_MOVES {
            assert!(seen.insert((from.word(), by.word())), "{from} {by}");
            assert_ne!(from, to, "{by}");
        }
    }

    #[test]
    fn every_state_can_be_reached_and_every_move_is_used() {
        let reached: BTreeSet<_> = SESSION_MOVES.iter().map(|row| row.2).collect();
        for state in SessionState::ALL {
            assert!(
                *state == SessionState::Draft || reached.contains(state),
                "{state}"
            );
        }
        for by in SessionMove::ALL {
            assert!(SESSION_MOVES.iter().any(|row| row.1 == *by), "{by}");
        }
        let reached: BTreeSet<_> = ATTEMPT_MOVES.iter().map(|row| row.2).collect();
        for state in AttemptState::ALL {
            assert!(
                *state == AttemptState::Waiting || reached.contains(state),
                "{state}"
            );
        }
        for by in AttemptMove::ALL {
            assert!(ATTEMPT_MOVES.iter().any(|row| row.1 == *by), "{by}");
        }
    }

    #[test]
    fn a_word_comes_back_as_what_it_was() {
        for state in AttemptState::ALL {
            assert_eq!(AttemptState::of(state.word()), Some(*state));
            let json = serde_json::to_value(state).unwrap();
            assert_eq!(json, state.word());
        }
        for by in AttemptMove::ALL {
            assert_eq!(serde_json::to_value(by).unwrap(), by.word());
        }
        for state in SessionState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        assert_eq!(AttemptState::of("asleep"), None);
    }

    #[test]
    fn what_was_begun_cannot_be_dismantled() {
        for state in [
            AttemptState::Running,
            AttemptState::Paused,
            AttemptState::HandedIn,
            AttemptState::Kept,
            AttemptState::Graded,
        ] {
            assert_eq!(state.after(AttemptMove::Dismantle), None, "{state}");
        }
    }
}
