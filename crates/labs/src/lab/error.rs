//! What can go wrong with a lab.

use plateau_core::api::{ApiError, LabState};
use plateau_core::error::ErrorCode;
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
    #[error("no lab named `{lab}`")]
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
    /// People run as many programs in the lab as they may.
    #[error("commands, tunnels and transfers of lab `{lab}` have reached their limit of {limit}")]
    Busy {
        /// The lab's name.
        lab: String,
        /// The limit.
        limit: String,
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
    #[error("no snapshot of the nodes: {reason}")]
    Snapshot {
        /// Why.
        reason: String,
    },
    /// A node's disk is too large to be copied.
    #[error("{reason}")]
    TooLarge {
        /// Which, and why.
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
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoSuchLab { .. } => ErrorCode::LabNotFound,
            Self::NoSuchNode { .. } => ErrorCode::NodeNotFound,
            Self::NoSuchPart { .. } => ErrorCode::PartNotFound,
            Self::NameTaken { .. } => ErrorCode::NameTaken,
            Self::BadName { .. } => ErrorCode::BadName,
            Self::BadFile { .. } => ErrorCode::BadFile,
            Self::NothingToRun => ErrorCode::NothingToRun,
            Self::CommandTimeout { .. } => ErrorCode::CommandTimeout,
            Self::Busy { .. } => ErrorCode::LabBusy,
            Self::Scenario(_) => ErrorCode::ScenarioProblems,
            Self::NotReady { .. } => ErrorCode::LabNotReady,
            Self::NodeStopped { .. } => ErrorCode::NodeStopped,
            Self::GivenUp { .. } => ErrorCode::LabRemoved,
            Self::Preflight(error) => error.code(),
            Self::Runtime { source, .. } => source.code(),
            Self::Wire { .. } => ErrorCode::WiringFailed,
            Self::Interrupted { .. } => ErrorCode::EngineInterrupted,
            Self::NotBack { .. } => ErrorCode::NotBack,
            Self::Boot { .. } => ErrorCode::BootFailed,
            Self::Fault { .. } => ErrorCode::FaultFailed,
            Self::Condition { .. } => ErrorCode::ConditionUnseen,
            Self::Snapshot { .. } | Self::TooLarge { .. } => ErrorCode::SnapshotFailed,
            Self::NothingKept { .. } => ErrorCode::NothingKept,
            Self::Lost { .. } => ErrorCode::KeptDamaged,
            Self::Script { .. } => ErrorCode::ScriptFailed,
            Self::Down { .. } => ErrorCode::DownIncomplete,
            Self::DiskLow { .. } => ErrorCode::DiskFull,
            Self::Store(StoreError::Outside { .. }) => ErrorCode::BadFile,
            Self::Store(error) if error.is_full() => ErrorCode::DiskFull,
            Self::Store(StoreError::Io { .. }) => ErrorCode::StateUnusable,
        }
    }

    /// As the API answers it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        let error = ApiError::new(self.code(), chain(self)).with_hint(self.own_hint());
        if let Self::Scenario(problems) = self {
            return error.with_problems(problems.clone());
        }
        error
    }

    /// A hint that fits better than that of the code.
    fn own_hint(&self) -> Option<String> {
        if let Self::Preflight(error) = self {
            return error.hint();
        }
        let hint = if let Self::NameTaken { .. } = self {
            "take another name, or remove that lab first"
        } else if let Self::DiskLow { .. } = self {
            "free some on it: remove old recordings or backups, or give it a larger disk"
        } else {
            return None;
        };
        Some(hint.to_owned())
    }

    /// Says what the engine was asked to do when it failed.
    pub(crate) fn runtime(doing: impl Into<String>) -> impl FnOnce(RuntimeError) -> Self {
        let doing = doing.into();
        move |source| Self::Runtime { doing, source }
    }
}

impl LabError {
    /// Says what was being done when an image could not be made of a node.
    pub(crate) fn commit(doing: impl Into<String>) -> impl FnOnce(AgentError) -> Self {
        let doing = doing.into();
        move |error| match error {
            AgentError::Engine { source, .. } => Self::Runtime { doing, source },
            AgentError::Executable(_) | AgentError::Wire { .. } => error.into(),
        }
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
