//! What can go wrong with a lab.

use plateau_core::api::{ApiError, Fault, LabState};
use plateau_core::problem::Problem;

use crate::agent::AgentError;
use crate::disk;
use crate::error::chain;
use crate::preflight::PreflightError;
use crate::runtime::RuntimeError;
use crate::store::StoreError;

/// Something asked of a lab that failed.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No lab has this name or identifier.
    #[error("there is no lab `{lab}`")]
    NoSuchLab {
        /// What was asked for.
        lab: String,
    },
    /// The lab has no such node.
    #[error("lab `{lab}` has no node `{node}`")]
    NoSuchNode {
        /// The lab's name.
        lab: String,
        /// What was asked for.
        node: String,
    },
    /// The scenario has no such part.
    #[error("the scenario has no {what} `{name}`")]
    NoSuchPart {
        /// `task`, `mistake` or `phase`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// Another lab has the name.
    #[error("there is a lab `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The name cannot be one.
    #[error("`{name}` cannot be a lab's name")]
    BadName {
        /// The name.
        name: String,
    },
    /// A file of the scenario's folder cannot be one.
    #[error("file `{path}` of the scenario cannot be used: {reason}")]
    BadFile {
        /// Its path.
        path: String,
        /// Why.
        reason: String,
    },
    /// A command without a program.
    #[error("there is nothing to run")]
    NothingToRun,
    /// A person's command took longer than it might; it was ended.
    #[error("the command in node `{node}` took longer than {limit:?} and was ended")]
    CommandTimeout {
        /// The node.
        node: String,
        /// How long it might have taken.
        limit: std::time::Duration,
    },
    /// The scenario has problems.
    #[error("the scenario has {} problem(s)", .0.len())]
    Scenario(Vec<Problem>),
    /// The lab is not running.
    #[error("lab `{lab}` is {}", state_word(*.state))]
    NotReady {
        /// The lab's name.
        lab: String,
        /// What it is doing.
        state: LabState,
    },
    /// The node is not running.
    #[error("node `{node}` is not running")]
    NodeStopped {
        /// The node.
        node: String,
    },
    /// What was asked for was given up because the lab is being removed.
    #[error("lab `{lab}` is being removed")]
    GivenUp {
        /// The lab's name.
        lab: String,
    },
    /// The host lacks what the lab needs.
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// The engine failed.
    #[error("{doing}")]
    Runtime {
        /// What was being done.
        doing: String,
        /// Why it failed.
        #[source]
        source: RuntimeError,
    },
    /// The wirer failed.
    #[error("could not {doing}: {reason}")]
    Wire {
        /// What it was doing.
        doing: String,
        /// The kernel's answer, or what was wrong with the wirer's.
        reason: String,
    },
    /// The engine was away in the middle of it.
    #[error("the engine was away while lab `{lab}` was looked at")]
    Interrupted {
        /// The lab.
        lab: String,
    },
    /// Nodes did not come back with the engine.
    #[error("not all of the lab came back: {}", .problems.join("; "))]
    NotBack {
        /// Each with its causes.
        problems: Vec<String>,
    },
    /// A node did not finish booting.
    #[error("node `{node}` did not finish booting: {reason}")]
    Boot {
        /// The node.
        node: String,
        /// What was seen.
        reason: String,
    },
    /// A fault could not be made in a node.
    #[error("the fault in node `{node}` could not be made: {reason}")]
    Fault {
        /// The node.
        node: String,
        /// What the agent said.
        reason: String,
    },
    /// Nobody could look whether a condition holds that is waited for.
    #[error("nobody could look at the condition: {reason}")]
    Condition {
        /// Why, the last time.
        reason: String,
    },
    /// There are no snapshots of the nodes to start from.
    #[error("there is no snapshot of the nodes: {reason}")]
    Snapshot {
        /// Why.
        reason: String,
    },
    /// Nothing was kept of an attempt's lab.
    #[error("nothing is kept of the lab of attempt `{attempt}`")]
    NothingKept {
        /// The attempt.
        attempt: String,
    },
    /// What was kept of an attempt's lab is not whole.
    #[error("the lab of attempt `{attempt}` cannot be opened again: {reason}")]
    Lost {
        /// The attempt.
        attempt: String,
        /// What is missing.
        reason: String,
    },
    /// A script of the scenario's own failed.
    #[error("script `{script}` failed in node `{node}` with {exit}: {output}")]
    Script {
        /// The script's path in the scenario's folder.
        script: String,
        /// The node.
        node: String,
        /// Exit status.
        exit: i64,
        /// The end of what it said.
        output: String,
    },
    /// Some of a lab could not be removed.
    #[error("could not remove all of the lab: {}", .errors.join("; "))]
    Down {
        /// What failed, each with its causes.
        errors: Vec<String>,
    },
    /// Too little of the disk is free to begin anything.
    #[error(
        "only {} are free on the disk of the state folder, and below {} no lab is built",
        disk::shown(*.free),
        disk::shown(*.low)
    )]
    DiskLow {
        /// Free bytes.
        free: u64,
        /// How many there have to be.
        low: u64,
    },
    /// The state on disk could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LabError {
    /// Short code that stays the same. Those that end in `-not-found` are HTTP's 404; `name-taken`,
    /// `lab-not-ready`, `node-stopped` and `lab-removed` are its 409.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchLab { .. } => "lab-not-found",
            Self::NoSuchNode { .. } => "node-not-found",
            Self::NoSuchPart { .. } => "part-not-found",
            Self::NameTaken { .. } => "name-taken",
            Self::BadName { .. } => "bad-name",
            Self::BadFile { .. } => "bad-file",
            Self::NothingToRun => "nothing-to-run",
            Self::CommandTimeout { .. } => "command-timeout",
            Self::Scenario(_) => "scenario-problems",
            Self::NotReady { .. } => "lab-not-ready",
            Self::NodeStopped { .. } => "node-stopped",
            Self::GivenUp { .. } => "lab-removed",
            Self::Preflight(error) => error.code(),
            Self::Runtime { source, .. } => source.code(),
            Self::Wire { .. } => "wiring-failed",
            Self::Interrupted { .. } => "engine-interrupted",
            Self::NotBack { .. } => "not-back",
            Self::Boot { .. } => "boot-failed",
            Self::Fault { .. } => "fault-failed",
            Self::Condition { .. } => "condition-unseen",
            Self::Snapshot { .. } => "snapshot-failed",
            Self::NothingKept { .. } => "nothing-kept",
            Self::Lost { .. } => "kept-damaged",
            Self::Script { .. } => "script-failed",
            Self::Down { .. } => "down-incomplete",
            Self::DiskLow { .. } => disk::FULL,
            Self::Store(StoreError::Outside { .. }) => "bad-file",
            Self::Store(error) if error.is_full() => disk::FULL,
            Self::Store(StoreError::Io { .. }) => "state-unusable",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoSuchLab { .. }
            | Self::NoSuchNode { .. }
            | Self::NoSuchPart { .. }
            | Self::NameTaken { .. }
            | Self::BadName { .. }
            | Self::BadFile { .. }
            | Self::NothingToRun
            | Self::CommandTimeout { .. }
            | Self::Scenario(_)
            | Self::NotReady { .. }
            | Self::NodeStopped { .. }
            | Self::GivenUp { .. }
            | Self::NothingKept { .. }
            | Self::Script { .. }
            | Self::Store(StoreError::Outside { .. }) => Fault::Input,
            Self::Preflight(_)
            | Self::Runtime { .. }
            | Self::Wire { .. }
            | Self::Interrupted { .. }
            | Self::NotBack { .. }
            | Self::Boot { .. }
            | Self::Fault { .. }
            | Self::Condition { .. }
            | Self::Snapshot { .. }
            | Self::Lost { .. }
            | Self::Down { .. }
            | Self::DiskLow { .. }
            | Self::Store(StoreError::Io { .. }) => Fault::Outside,
        }
    }

    /// What to do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuchLab { .. } => "`plateau lab list` shows those that are there",
            Self::NoSuchNode { .. } => "`plateau lab show` names the lab's nodes",
            Self::NameTaken { .. } => "take another name, or remove that lab first",
            Self::BadName { .. } => {
                "1 to 60 of a-z, 0-9 and `-`, beginning and ending with a letter or a digit"
            }
            Self::NotReady { .. } => "`plateau lab show` says what it is doing, and why it failed",
            Self::NodeStopped { .. } => "reboot the node",
            Self::CommandTimeout { .. } => "give it more time, or let it run in the background",
            Self::Boot { .. } => {
                "an init that ends with 255 lacks inotify instances \
                 (`sysctl fs.inotify.max_user_instances=8192`); one that is slow lacks cores or memory"
            }
            Self::Interrupted { .. } => "ask again",
            Self::NothingKept { .. } => {
                "a lab is kept once it was handed in, until `plateau session clear --kept`"
            }
            Self::NotBack { .. } => "`plateau lab reboot` tries a node again",
            Self::Down { .. } => "removing it again goes on where this ended",
            Self::DiskLow { .. } => {
                "free some on it: remove old recordings or backups, or give it a larger disk"
            }
            Self::Store(error) if error.is_full() => disk::HINT,
            Self::Store(StoreError::Io { .. }) => {
                "plateaud needs a state folder that it can write to"
            }
            Self::Preflight(error) => return error.hint(),
            Self::Runtime { source, .. } => return source.hint(),
            Self::NoSuchPart { .. }
            | Self::BadFile { .. }
            | Self::NothingToRun
            | Self::Scenario(_)
            | Self::GivenUp { .. }
            | Self::Wire { .. }
            | Self::Fault { .. }
            | Self::Condition { .. }
            | Self::Snapshot { .. }
            | Self::Lost { .. }
            | Self::Script { .. }
            | Self::Store(StoreError::Outside { .. }) => return None,
        };
        Some(hint.to_owned())
    }

    /// As the API answers it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        ApiError {
            code: self.code().to_owned(),
            fault: self.fault(),
            message: chain(self),
            hint: self.hint(),
            problems: if let Self::Scenario(problems) = self {
                problems.clone()
            } else {
                vec![]
            },
        }
    }

    /// Says what the engine was asked to do when it failed.
    pub(crate) fn runtime(doing: impl Into<String>) -> impl FnOnce(RuntimeError) -> Self {
        let doing = doing.into();
        move |source| Self::Runtime { doing, source }
    }
}

impl From<AgentError> for LabError {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Executable(error) => Self::Store(error),
            AgentError::Engine { doing, source } => Self::runtime(doing)(source),
            AgentError::Wire { doing, reason } => Self::Wire { doing, reason },
        }
    }
}

fn state_word(state: LabState) -> &'static str {
    match state {
        LabState::Building => "still being built",
        LabState::Ready => "running",
        LabState::Recovering => "being brought back",
        LabState::Failed => "failed",
        LabState::Removing => "being removed",
        LabState::Removed => "gone",
    }
}
