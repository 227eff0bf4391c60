//! What daemon and clients say to each other over HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grade::Grade;
use crate::problem::Problem;
use crate::proof::Proof;
use crate::topology::{Access, Localized, Value};

macro_rules! messages {
    ($( $(#[$meta:meta])* $kind:ident $name:ident $body:tt )*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
            $(#[$meta])*
            pub $kind $name $body
        )*
    };
}

#[cfg(feature = "exam")]
mod access;
mod happening;
#[cfg(feature = "exam")]
mod judging;
mod web;

#[cfg(feature = "exam")]
pub use access::{
    AccountView, ChangeAccount, Hidden, LoginView, NewAccount, NewLogin, NewToken, OwnLabView,
    OwnNodeView, TokenMade, TokenView, Who,
};
pub use happening::{EventProgress, EventRecord, EventView};
#[cfg(feature = "exam")]
pub use judging::{
    AcceptGrading, EvidenceKeyView, GradingView, JudgementsView, NewGrading, Proposal,
};
pub use web::{OpenWeb, WebView};

/// A scenario's folder as it travels: path in the folder → content in base64.
pub type ScenarioFiles = BTreeMap<String, String>;

messages! {
    /// The daemon's name, version and runtime.
    struct Version {
        /// Always `plateaud`.
        pub name: String,
        /// Its version.
        pub version: String,
        /// `docker` or `fake`.
        pub runtime: String,
        /// Where it serves SSH; nowhere where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ssh: Option<SshView>,
    }

    /// Where the daemon serves SSH.
    struct SshView {
        /// Address and port.
        pub address: String,
        /// Fingerprint of its host key, as clients show it: `SHA256:…`.
        pub fingerprint: String,
    }

    /// Asks for a lab: `POST /v1/labs`.
    struct NewLab {
        /// The scenario's folder.
        pub files: ScenarioFiles,
        /// Seed that the parameters are drawn from.
        pub seed: String,
        /// Name to address it by; the scenario's identifier and a number where absent.
        #[serde(default)]
        pub name: Option<String>,
    }

    /// What a lab is doing.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum LabState {
        /// It is being built.
        Building,
        /// It runs.
        Ready,
        /// It was built, and is being brought back: the daemon, the engine or the host was away.
        Recovering,
        /// Building it failed; what was made has been removed.
        Failed,
        /// It is being removed.
        Removing,
        /// It is gone.
        Removed,
    }

    /// What a node is doing.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum NodeState {
        /// Its container is not there, or not started yet.
        Absent,
        /// It runs.
        Running,
        /// It is between two boots.
        Rebooting,
        /// It was switched off, or its init ended.
        Stopped,
    }

    /// A node, as shown.
    struct NodeView {
        /// Its image's name.
        pub image: String,
        /// What it is doing.
        pub state: NodeState,
        /// How a candidate gets in.
        pub access: Vec<Access>,
        /// Interface → network.
        pub interfaces: BTreeMap<String, String>,
    }

    /// A lab, as shown.
    struct LabView {
        /// Identifier (UUID version 7).
        pub id: String,
        /// Name to address it by; unique among the labs that are there.
        pub name: String,
        /// The scenario's identifier.
        pub scenario: String,
        /// BLAKE3 of the scenario's folder.
        pub hash: String,
        /// Title by language.
        pub title: Localized,
        /// Seed that the parameters were drawn from.
        pub seed: String,
        /// Values drawn.
        pub parameters: BTreeMap<String, Value>,
        /// The attempt, where it was opened again as that was handed in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reopened: Option<String>,
        /// What it is doing.
        pub state: LabState,
        /// When it was asked for (RFC 3339, UTC).
        pub created: String,
        /// Nodes by name.
        pub nodes: BTreeMap<String, NodeView>,
        /// When the candidate's clock was started (RFC 3339, UTC), if it was.
        #[serde(default)]
        pub started: Option<String>,
        /// The scenario's events, in its order.
        #[serde(default)]
        pub events: Vec<EventView>,
        /// Why it is [`LabState::Failed`], or what did not come back although it runs again.
        pub problem: Option<ApiError>,
    }

    /// Something that happened to a lab: one entry of the live stream.
    struct Event {
        /// When (RFC 3339, UTC).
        pub at: String,
        /// The lab's identifier.
        pub lab: String,
        /// What.
        pub what: What,
    }

    /// What happened.
    #[serde(rename_all = "kebab-case")]
    enum What {
        /// The lab is doing something else now.
        State {
            /// What it is doing.
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
        /// A node is doing something else now.
        Node {
            /// The node.
            node: String,
            /// What it is doing.
            state: NodeState,
        },
        /// A phase of a grading was begun.
        PhaseStarted {
            /// The phase.
            phase: String,
        },
        /// One of the scenario's events got further.
        Happening {
            /// The event's identifier.
            event: String,
            /// How far it got.
            progress: EventProgress,
        },
    }

    /// Runs a command in a node: `POST /v1/labs/{lab}/nodes/{node}/exec`.
    struct Exec {
        /// The program and its arguments.
        pub argv: Vec<String>,
        /// Standard input.
        #[serde(default)]
        pub stdin: Option<String>,
        /// Most that it may take, in milliseconds; 60 000 where absent.
        #[serde(default)]
        pub timeout_ms: Option<u64>,
    }

    /// How a command ended.
    struct ExecResult {
        /// Exit status.
        pub exit: i64,
        /// Standard output, at most 1 MiB.
        pub stdout: String,
        /// Standard error, at most 1 MiB.
        pub stderr: String,
    }

    /// Applies solutions or a mistake: `POST /v1/labs/{lab}/solve`.
    struct Solve {
        /// Tasks to solve; all where absent.
        #[serde(default)]
        pub tasks: Option<Vec<String>>,
        /// Mistake to make after them.
        #[serde(default)]
        pub mistake: Option<String>,
    }

    /// One script that was run.
    struct ScriptRun {
        /// The node.
        pub node: String,
        /// The script's path in the scenario's folder.
        pub script: String,
        /// How it ended; outputs are cut to their last 8 KiB.
        pub result: ExecResult,
    }

    /// The scripts that were run, in order; it stops at the first that fails.
    struct SolveResult {
        /// Whether every script ended with 0.
        pub solved: bool,
        /// The scripts.
        pub scripts: Vec<ScriptRun>,
    }

    /// Grades a lab: `POST /v1/labs/{lab}/check`.
    struct CheckLab {
        /// Phases to grade, in the scenario's order; all where absent. Checks of others are left out.
        #[serde(default)]
        pub phases: Option<Vec<String>>,
    }

    /// Proves a scenario: `POST /v1/proofs`. The answer is a stream of [`ProofEvent`], a JSON text a line;
    /// a client that goes away ends the proof and removes its labs.
    struct NewProof {
        /// The scenario's folder.
        pub files: ScenarioFiles,
        /// Draws of the parameters beyond the first; all is proven for each.
        pub draws: u32,
        /// Labs at the same time; the daemon's choice where absent.
        #[serde(default)]
        pub parallel: Option<u32>,
    }

    /// What a proof says while it runs.
    #[serde(rename_all = "kebab-case")]
    enum ProofEvent {
        /// A column was begun.
        Started {
            /// The column, in words.
            column: String,
        },
        /// A column was done.
        Done {
            /// The column, in words.
            column: String,
            /// Columns done so far.
            done: u32,
            /// Columns in all.
            of: u32,
        },
        /// The result: the last event.
        Proven {
            /// The proof.
            proof: Box<Proof>,
        },
        /// The outside failed: the last event.
        Broken {
            /// What failed.
            error: ApiError,
        },
    }

    /// An image, as shown.
    struct ImageView {
        /// Its name, such as `debian-server`.
        pub name: String,
        /// What it is for.
        pub summary: String,
        /// Whether it is built by its present recipe.
        pub state: ImageState,
        /// Its tag on the engine.
        pub tag: String,
        /// Its size in bytes, where it is there.
        pub size: Option<u64>,
        /// When it was built (RFC 3339, UTC), where it is there.
        pub built: Option<String>,
    }

    /// Whether an image can be used.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum ImageState {
        /// Built by its present recipe.
        Ready,
        /// Built by an earlier recipe.
        Outdated,
        /// Not there.
        Missing,
    }

    /// Builds images: `POST /v1/images/build`. The answer is a stream of [`BuildEvent`], a JSON text a line.
    struct BuildImages {
        /// Images to build, with those they stand on; all where empty.
        pub names: Vec<String>,
    }

    /// What a build says while it runs.
    #[serde(rename_all = "kebab-case")]
    enum BuildEvent {
        /// An image is up to date.
        UpToDate {
            /// The image.
            image: String,
        },
        /// An image is being built.
        Started {
            /// The image.
            image: String,
            /// Its number among those to be built, from 1.
            number: u32,
            /// How many there are.
            of: u32,
        },
        /// A line of the build's output.
        Line {
            /// The image.
            image: String,
            /// The line.
            line: String,
        },
        /// An image is built.
        Built {
            /// The image.
            image: String,
            /// Its size in bytes.
            size: u64,
            /// How long it took, in milliseconds.
            took_ms: u64,
        },
        /// All are built: the last event.
        Finished {},
        /// The outside failed: the last event.
        Broken {
            /// What failed.
            error: ApiError,
        },
    }

    /// What the host has and lacks: `GET /v1/doctor`.
    struct Diagnosis {
        /// Whether every finding is good or only a warning.
        pub healthy: bool,
        /// Finding by finding.
        pub findings: Vec<HostFinding>,
    }

    /// One thing that was looked at on the host.
    struct HostFinding {
        /// What, such as `engine`, `cgroups`, `kernel: netem`, `disk`, `memory`, `image: debian-server`.
        pub subject: String,
        /// How it is.
        pub health: Health,
        /// What was seen.
        pub seen: String,
        /// What to do about it, where it is not good.
        pub remedy: Option<String>,
    }

    /// How something is.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum Health {
        /// Good.
        Good,
        /// Some scenarios cannot run.
        Limited,
        /// Nothing can run.
        Bad,
    }

    /// Whose fault an error is; it decides the CLI's exit code and the HTTP status.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum Fault {
        /// The request is wrong (CLI exit 2, HTTP 400 or 404 or 409).
        Input,
        /// The outside failed (CLI exit 3, HTTP 500, 502 or 503).
        Outside,
    }

    /// An error, as every route answers it.
    struct ApiError {
        /// Short code that stays the same, such as `lab-not-found`.
        pub code: String,
        /// Whose fault it is.
        pub fault: Fault,
        /// What is wrong: the whole chain of causes.
        pub message: String,
        /// What to do about it.
        #[serde(default)]
        pub hint: Option<String>,
        /// Problems of a scenario, where that is what is wrong.
        #[serde(default)]
        pub problems: Vec<Problem>,
    }

    /// A grade, as answered by `check`.
    struct CheckResultView {
        /// The grade.
        pub grade: Grade,
        /// How long it took, in milliseconds, phase by phase.
        pub took_ms: BTreeMap<String, u64>,
    }
}
