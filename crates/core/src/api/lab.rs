//! Labs and their nodes: how they are created, shown and used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ApiError, EventView, ScenarioFiles};
use crate::grade::Grade;
use crate::localized::Localized;
use crate::parameter::Value;
use crate::topology::Access;

messages! {
    /// Creates a lab: `POST /v1/labs`.
    struct CreateLabRequest {
        /// The scenario's folder.
        pub files: ScenarioFiles,
        /// Seed that the parameters are drawn from.
        pub seed: String,
        /// Name to address it by; the scenario's identifier and a number where absent.
        #[serde(default)]
        pub name: Option<String>,
    }

    /// State of a lab.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum LabState {
        /// It is being built.
        Building,
        /// It runs.
        Ready,
        /// It was built, and is being recovered: the daemon, the engine or the host was down.
        Recovering,
        /// Building it failed; what was made has been removed.
        Failed,
        /// It is being removed.
        Removing,
        /// It is gone.
        Removed,
    }

    /// State of a node.
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
        /// Its state.
        pub state: NodeState,
        /// How a candidate connects to it.
        pub access: Vec<Access>,
        /// Interface → network.
        pub interfaces: BTreeMap<String, String>,
        /// What is wrong with its disk, where something is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub disk: Option<DiskAlert>,
    }

    /// What is wrong with the disk of a node.
    #[derive(Copy, Eq)]
    struct DiskAlert {
        /// What became of the node.
        pub level: DiskAlertLevel,
        /// Bytes that it has written beyond its image, as they take space.
        pub used: u64,
        /// Most bytes that it may write.
        pub limit: u64,
        /// Files that it has written, as far as they were counted.
        pub files: u64,
        /// Most files that it may write.
        pub most_files: u64,
    }

    /// What became of a node for what it has written.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum DiskAlertLevel {
        /// Nothing yet: its disk is nearly full.
        High,
        /// It was stopped, because it had written more than it may.
        Stopped,
        /// It was stopped, because the disk of the host was nearly full and it was writing to it.
        HostFull,
    }

    /// A lab, as shown.
    struct LabView {
        /// Identifier (UUID version 7).
        pub id: String,
        /// Name to address it by; unique among existing labs.
        pub name: String,
        /// The scenario's identifier.
        pub scenario: String,
        /// BLAKE3 of the scenario's folder.
        pub hash: String,
        /// Title by language.
        pub title: Localized,
        /// Seed that the parameters were drawn from.
        pub seed: String,
        /// Values of the parameters.
        pub parameters: BTreeMap<String, Value>,
        /// The attempt, where it was opened again as that was handed in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reopened: Option<String>,
        /// Its state.
        pub state: LabState,
        /// When it was created (RFC 3339, UTC).
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

    /// Runs a command in a node: `POST /v1/labs/{lab}/nodes/{node}/exec`.
    struct ExecRequest {
        /// The program and its arguments.
        pub argv: Vec<String>,
        /// Standard input.
        #[serde(default)]
        pub stdin: Option<String>,
        /// Time limit in milliseconds; 60 000 where absent.
        #[serde(default)]
        pub timeout_ms: Option<u64>,
    }

    /// Result of a command.
    struct ExecResult {
        /// Exit status.
        pub exit: i64,
        /// Standard output, at most 1 MiB.
        pub stdout: String,
        /// Standard error, at most 1 MiB.
        pub stderr: String,
    }

    /// Applies solutions or a mistake: `POST /v1/labs/{lab}/solve`.
    struct SolveRequest {
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
    struct CheckRequest {
        /// Phases to grade, in the scenario's order; all where absent. Checks of others are left out.
        #[serde(default)]
        pub phases: Option<Vec<String>>,
    }

    /// A grade, as answered by `check`.
    struct LabGradeView {
        /// The grade.
        pub grade: Grade,
        /// How long it took, in milliseconds, phase by phase.
        pub took_ms: BTreeMap<String, u64>,
    }
}
