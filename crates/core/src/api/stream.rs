//! The live stream of a lab.

use serde::{Deserialize, Serialize};

use super::{DiskAlert, EventProgress, LabState, NodeState};

messages! {
    /// One event of a lab's live stream.
    struct LabEvent {
        /// When (RFC 3339, UTC).
        pub at: String,
        /// The lab's identifier.
        pub lab: String,
        /// What.
        pub what: LabEventKind,
    }

    /// What happened.
    #[serde(rename_all = "kebab-case")]
    enum LabEventKind {
        /// The lab's state has changed.
        State {
            /// Its state.
            state: LabState,
        },
        /// A step was begun.
        StepStarted {
            /// The stage it belongs to.
            stage: String,
            /// The step, in words.
            step: String,
        },
        /// A step was done.
        StepDone {
            /// The step, in words.
            step: String,
            /// How long it took, in milliseconds.
            took_ms: u64,
        },
        /// A step failed.
        StepFailed {
            /// The step, in words.
            step: String,
            /// Why, the whole chain.
            reason: String,
        },
        /// A node's state has changed.
        Node {
            /// The node.
            node: String,
            /// Its state.
            state: NodeState,
        },
        /// Something is wrong with a node's disk, or no longer.
        Disk {
            /// The node.
            node: String,
            /// What; absent where it is as it should be again.
            alert: Option<DiskAlert>,
        },
        /// A phase of a grading was begun.
        PhaseStarted {
            /// The phase.
            phase: String,
        },
        /// One of the scenario's events got further.
        ScenarioEvent {
            /// The event's identifier.
            event: String,
            /// How far it got.
            progress: EventProgress,
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
