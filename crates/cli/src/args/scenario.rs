//! Arguments of `plateau scenario`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// `plateau scenario …`
#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioCommand {
    /// Check scenarios, and report all problems
    Check {
        /// Scenario folders, or their scenario.yaml
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Write the JSON Schema of scenario.yaml, for editors
    Schema,
    /// Write what every kind of question asks and sees, in Markdown
    Reference,
    /// Show with labs of its own that a scenario grades fairly
    Prove {
        /// Scenario folder, or its scenario.yaml
        path: PathBuf,
        /// Draws of the parameters beyond the first
        #[arg(long, value_name = "N", default_value_t = 1)]
        draws: u32,
        /// Labs of each further draw; sessions take a scenario only where it is all of them
        #[arg(long, value_name = "LABS", value_enum, default_value_t = FurtherDraws::All)]
        further_draws: FurtherDraws,
        /// Labs at the same time; the daemon's choice where absent
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        parallel: Option<u32>,
        /// Build all labs although the same was proven before
        #[arg(long)]
        again: bool,
    },
    /// Write a small scenario that is complete and can be proven, to start from
    New {
        /// Its identifier, and the name of its folder: a-z, 0-9 and -
        id: String,
        /// Folder in which its folder is made
        #[arg(long = "in", value_name = "DIR", default_value = ".")]
        parent: PathBuf,
    },
}

/// Labs of the draws beyond the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FurtherDraws {
    All,
    UntouchedAndSolved,
}
