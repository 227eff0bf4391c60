//! Events during the work, as they are kept as evidence, told and shown.

use serde::{Deserialize, Serialize};

messages! {
    /// One line of a lab's evidence of its events.
    struct EventRecord {
        /// When (RFC 3339, UTC).
        pub at: String,
        /// The event's identifier.
        pub event: String,
        /// How far it got.
        pub progress: EventProgress,
    }

    /// How far an event got.
    #[derive(Eq)]
    #[serde(rename_all = "kebab-case")]
    enum EventProgress {
        /// It was begun: it never will be again.
        Begun {},
        /// A step of it was done.
        Step {
            /// The step, in words.
            step: String,
            /// How long it took, in milliseconds.
            took_ms: u64,
        },
        /// All of it was done.
        Done {},
        /// It failed, which never counts against the candidate.
        Failed {
            /// Why, the whole chain.
            reason: String,
        },
    }

    /// An event, as shown.
    struct EventView {
        /// Its identifier.
        pub id: String,
        /// When it happens, in words: `at 20m`, `when web/answers passes`.
        pub trigger: String,
        /// When it was begun (RFC 3339, UTC), if it was.
        pub begun: Option<String>,
        /// How far it got, if it was begun.
        pub progress: Option<EventProgress>,
    }
}
