//! The types of `scenario.yaml`. They are not used after [`crate::resolve`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::disclosure::FeedbackDetail;
use crate::localized::Localized;
use crate::matcher::Mode;
use crate::parameter::ParameterSpec;
use crate::quantity::{Rate, Size, Span};
use crate::question::Expectation;
use crate::topology::{Access, Capability, Device};

pub use crate::observer::{ExaminerSpec, FromSpec};
pub use schema::schema;

mod schema;

macro_rules! shapes {
    ($( $(#[$meta:meta])* struct $name:ident { $($fields:tt)* } )*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            $(#[$meta])*
            pub struct $name { $($fields)* }
        )*
    };
}

mod phase;

pub use phase::{
    EventSpec, FillSpec, KillSpec, LinkSpec, PhaseSpec, ShapeSpec, StartSpec, StepSpec, WaitSpec,
};

shapes! {
    /// A scenario: a lab to build, tasks to do in it, and what is asked about them.
    struct ScenarioSpec {
        /// Version of the language: 1.
        pub plateau: u32,
        /// Identifier: lower-case letters, digits and hyphens.
        pub id: String,
        /// Title by language (`fr`, `en`).
        pub title: Localized,
        /// How long a candidate has, such as `90m`.
        pub duration: Span,
        /// The candidate's brief by language: Markdown files of the folder.
        pub brief: Localized,
        /// Notes for other trainers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub notes: Option<String>,
        /// Values drawn for each candidate; `{{ name }}` stands for them in every text, file and script.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub parameters: BTreeMap<String, ParameterSpec>,
        /// Layer-2 segments by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub networks: BTreeMap<String, NetworkSpec>,
        /// Machines by name, which is also their host name.
        pub nodes: BTreeMap<String, NodeSpec>,
        /// Moments of grading after `as-left`, brought about in this order.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub phases: BTreeMap<String, PhaseSpec>,
        /// What happens while the candidate works, the same for all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub events: Vec<EventSpec>,
        /// Pieces of work.
        pub tasks: Vec<TaskSpec>,
        /// What candidates are shown of checks, where a check says nothing else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub shown: Option<ShownSpec>,
        /// Wrong solutions that must lose exactly the checks they name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub mistakes: Vec<MistakeSpec>,
    }

    /// A layer-2 segment.
    #[derive(Default)]
    struct NetworkSpec {
        /// Most that leaves the segment towards one interface, such as `10Mbit`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub rate: Option<Rate>,
    }

    /// A machine.
    #[derive(Default)]
    struct NodeSpec {
        /// Image: one of Plateau's, such as `debian-server`, or a reference with `/` or `:` to one of the site's own.
        pub image: String,
        /// Memory limit; `512MiB` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub memory: Option<Size>,
        /// Processor limit in cores; 1 where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cpus: Option<f64>,
        /// Most processes and threads; 512 where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub pids: Option<u32>,
        /// Most that it may write to its disk, beyond its image; 4 GiB where absent. It may have one
        /// file for every 16 KiB of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub disk: Option<Size>,
        /// Capabilities beyond those that every node has (NET_ADMIN, NET_RAW, SYS_BOOT).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub capabilities: Vec<Capability>,
        /// Devices.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub devices: Vec<Device>,
        /// Interfaces by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub interfaces: BTreeMap<String, InterfaceSpec>,
        /// Name servers and search domains that it is configured with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub resolver: Option<ResolverSpec>,
        /// Files to be there before the first boot.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub files: Vec<FileSpec>,
        /// Script of the folder, run by root with bash once before the candidate gets in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub setup: Option<String>,
        /// How a candidate gets in; `[terminal]` where absent, `[]`: not at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub access: Option<Vec<Access>>,
    }

    /// A node's port.
    #[derive(Default)]
    struct InterfaceSpec {
        /// Network that it is plugged into.
        pub network: String,
        /// Address with prefix length that the node is configured with; left bare where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        pub address: Option<IpNet>,
        /// Default gateway that goes with the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        pub gateway: Option<IpAddr>,
    }

    /// A node's `/etc/resolv.conf`.
    struct ResolverSpec {
        /// Name servers, in order.
        #[schemars(with = "Vec<String>")]
        pub nameservers: Vec<IpAddr>,
        /// Search domains, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub search: Vec<String>,
    }

    /// A file of a node: `source` or `content`.
    #[derive(Default)]
    struct FileSpec {
        /// Absolute path in the node.
        pub path: String,
        /// Path in the scenario's folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub source: Option<String>,
        /// The text itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub content: Option<String>,
        /// Permission bits; `"0644"` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mode: Option<Mode>,
        /// Number of the owning user; 0 where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub owner: Option<u32>,
        /// Number of the owning group; 0 where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub group: Option<u32>,
        /// Take the source as it is, without rendering parameters in it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub verbatim: bool,
    }

    /// A piece of work.
    struct TaskSpec {
        /// Identifier.
        pub id: String,
        /// Skill of a referential, such as `tsgeri/1.2`.
        pub skill: String,
        /// Title by language.
        pub title: Localized,
        /// Scripts that do the work, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub solution: Vec<RunSpec>,
        /// All-or-nothing groups of its checks by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub groups: BTreeMap<String, GroupSpec>,
        /// What the grader asks about it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub checks: Vec<CheckSpec>,
        /// What the candidate hands in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub deliverable: Option<DeliverableSpec>,
        /// What an evaluator judges.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub rubric: Vec<CriterionSpec>,
    }

    /// A script of the folder and the node that it runs on, by root with bash.
    struct RunSpec {
        /// The node.
        pub on: String,
        /// The script's path in the folder.
        pub run: String,
    }

    /// One thing that the grader asks: `on` a node, or `from` a node or an examiner.
    struct CheckSpec {
        /// Identifier, unique in its task.
        pub id: String,
        /// Title by language.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub title: Localized,
        /// The node whose inside is looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub on: Option<String>,
        /// Who looks across the network.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub from: Option<FromSpec>,
        /// In which phase; `as-left` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phase: Option<String>,
        /// What is asked and expected.
        pub that: Expectation,
        /// Points that it carries, at least 1.
        pub points: u32,
        /// It passes in an untouched lab: it guards against breakage.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub holds_from_start: bool,
        /// Checks that have to pass before it is asked: `check` of the same task, or `task/check`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub needs: Vec<String>,
        /// Group of its task, which earns the points of its checks only when all of them pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub group: Option<String>,
        /// Its points are beyond the sum: they only make up for others lost in the task.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub bonus: bool,
        /// The task's skill is not acquired without it, whatever the sum.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub critical: bool,
        /// What helps a candidate in training, by language.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub hint: Localized,
        /// What candidates are shown of it, where it differs from the scenario's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub shown: Option<ShownSpec>,
        /// Most that looking may take; 10 seconds where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timeout: Option<Span>,
    }

    /// Checks that earn their points only together.
    struct GroupSpec {
        /// Title by language.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub title: Localized,
    }

    /// What a candidate is shown of a check, by mode.
    #[derive(Copy)]
    struct ShownSpec {
        /// In training; `everything` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub training: Option<FeedbackDetail>,
        /// In an exam; `nothing` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub exam: Option<FeedbackDetail>,
    }

    /// A file that the candidate hands in.
    struct DeliverableSpec {
        /// File name endings that are accepted, such as `pdf`.
        pub accept: Vec<String>,
        /// Largest size.
        pub at_most: Size,
    }

    /// A line of the evaluator's grid.
    struct CriterionSpec {
        /// Identifier, unique in its task.
        pub id: String,
        /// Title by language.
        pub title: Localized,
        /// Levels, from the lowest.
        pub levels: Vec<LevelSpec>,
    }

    /// A level of a criterion.
    struct LevelSpec {
        /// Label by language.
        pub label: Localized,
        /// Points that it gives.
        pub points: u32,
    }

    /// A wrong solution.
    struct MistakeSpec {
        /// Identifier.
        pub id: String,
        /// Title by language.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub title: Localized,
        /// Task whose solution is left out, where the mistake replaces it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub instead_of: Option<String>,
        /// Scripts run after the solutions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub run: Vec<RunSpec>,
        /// Checks that it loses, as `task/check`: these and no others.
        pub loses: Vec<String>,
    }
}
