//! The commands, their arguments and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use plateau_core::messages::Language;

mod access;
mod backup;
mod evidence;
mod scenario;
mod session;

pub(crate) use access::{AccountCommand, PasswordArgs, TokenCommand};
pub(crate) use backup::{BackupArgs, RestoreArgs};
pub(crate) use evidence::EvidenceCommand;
pub(crate) use scenario::{FurtherDraws, ScenarioCommand};
pub(crate) use session::{AttemptArgs, AttemptArgsWithReason, Kind, SessionCommand, SessionMode};

/// How every command ends, as shown under `plateau --help` and in the manual.
const EXIT_CODES: &str = "\
Exit codes:
  0    good
  1    the thing asked about is not so: a check did not pass, a proof does not hold,
       a script failed, the host is not healthy, an import left something out,
       evidence is not what it says
  2    bad input: an option, a scenario, a name that does not exist
  3    the outside failed: the daemon or the engine
  130  ended by Ctrl-C
  `plateau lab exec` ends as the command in the node ends.";

/// Builds Docker labs for timed practical exams and finds out what was really configured.
#[derive(Debug, Parser)]
#[command(name = "plateau", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Output format: for people, or for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, help_heading = "Everywhere")]
    pub(crate) format: Format,
    /// Language of grades and titles; that of the environment where absent
    #[arg(long, global = true, value_enum, help_heading = "Everywhere")]
    pub(crate) lang: Option<Lang>,
    /// The daemon's socket
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "PLATEAU_SOCKET",
        default_value = "/run/plateau/plateaud.sock",
        help_heading = "Everywhere"
    )]
    pub(crate) socket: PathBuf,
    /// The daemon's address, instead of its socket, such as https://plateau.local:7417
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "PLATEAU_URL",
        help_heading = "Everywhere"
    )]
    pub(crate) url: Option<String>,
    /// File with the token for that address
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "PLATEAU_TOKEN_FILE",
        help_heading = "Everywhere"
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// File with the certificate of the authority that vouches for that address, as PEM; those that the system trusts where absent
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "PLATEAU_AUTHORITY",
        help_heading = "Everywhere"
    )]
    pub(crate) authority: Option<PathBuf>,
}

impl Global {
    /// The language that was asked for, else the environment's where Plateau speaks it, else English.
    pub(crate) fn language(&self) -> Language {
        match self.lang {
            Some(Lang::Fr) => Language::Fr,
            Some(Lang::En) => Language::En,
            None => {
                let names = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
                let set = names.filter_map(|name| std::env::var(name).ok());
                let first = set.into_iter().find(|value| !value.is_empty());
                let spoken = first.and_then(|tag| tag.parse().ok());
                spoken.unwrap_or(Language::En)
            }
        }
    }
}

/// Languages that Plateau speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    Fr,
    En,
}

/// Output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // No help of their own: one would spread every command's options over two pages.
    Text,
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write, check and prove scenarios
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Build labs, work in them, grade them, take them down
    #[command(subcommand)]
    Lab(LabCommand),
    /// Arrange and conduct exam sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Take out the evidence of attempts, and verify it anywhere
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Build the images that nodes are made from
    #[command(subcommand)]
    Images(ImagesCommand),
    /// Write scenarios from what other programs' files describe
    #[command(subcommand)]
    Import(ImportCommand),
    /// Manage the accounts of people
    #[command(subcommand)]
    Account(AccountCommand),
    /// Manage the tokens of programs
    #[command(subcommand)]
    Token(TokenCommand),
    /// Write a backup into one file, while the daemon runs
    Backup(BackupArgs),
    /// Restore a backup, where no daemon runs
    Restore(RestoreArgs),
    /// Show what this host has and what is missing, each with its remedy
    Doctor,
    /// Write a shell's completions to standard output
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual's pages into a folder
    Man {
        /// The folder; made where it is missing
        dir: PathBuf,
    },
}

/// `plateau lab …`
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Show what a lab would consist of and how it would be built, without building it
    Plan {
        /// Scenario folder, or its scenario.yaml
        path: PathBuf,
        /// Seed that the parameters are drawn from
        #[arg(long, default_value = DEFAULT_SEED)]
        seed: String,
    },
    /// Build a lab and wait until it is ready
    Up {
        /// Scenario folder, or its scenario.yaml
        path: PathBuf,
        /// Seed that the parameters are drawn from
        #[arg(long, default_value = DEFAULT_SEED)]
        seed: String,
        /// Name to address it by; the scenario's identifier and a number where absent
        #[arg(long)]
        name: Option<String>,
    },
    /// List the labs
    List,
    /// Show a lab: its nodes, parameters and state
    Show {
        /// Name or identifier
        lab: String,
    },
    /// Start the candidate's clock, by which the scenario's events happen
    Start {
        /// Name or identifier
        lab: String,
    },
    /// Run a command in a node, and exit with its status
    Exec {
        /// Name or identifier
        lab: String,
        /// The node
        node: String,
        /// Time limit in seconds
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
        /// Pass standard input on to it
        #[arg(long, short = 'i')]
        stdin: bool,
        /// The program and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        argv: Vec<String>,
    },
    /// Open a terminal in a node; Ctrl-] leaves it and lets it run on
    Shell {
        /// Name or identifier
        lab: String,
        /// The node
        node: String,
        /// User to log in as
        #[arg(long)]
        user: Option<String>,
    },
    /// Write the address at which a browser opens a web application of a node, once
    Web {
        /// Name or identifier
        lab: String,
        /// The node
        node: String,
        /// TCP port at which it is served
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
        /// Name that the application is asked for; its own in the browser where absent
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
    },
    /// Apply the solutions, and a mistake after them
    Solve {
        /// Name or identifier
        lab: String,
        /// Task to solve, again for more; all where absent
        #[arg(long = "task", value_name = "TASK")]
        tasks: Vec<String>,
        /// Mistake to make after them
        #[arg(long)]
        mistake: Option<String>,
    },
    /// Grade a lab: as left, then phase by phase
    Check {
        /// Name or identifier
        lab: String,
        /// Phase to grade, again for more; all where absent
        #[arg(long = "phase", value_name = "PHASE")]
        phases: Vec<String>,
        /// Show no more than a candidate sees
        #[arg(long, value_enum, value_name = "MODE")]
        as_candidate: Option<Candidate>,
        /// Write the result in a format of other programs, instead of showing it
        #[arg(
            long,
            value_enum,
            value_name = "SHAPE",
            conflicts_with = "as_candidate"
        )]
        export: Option<Shape>,
        /// File that the export is written to; the result is shown as well then
        #[arg(long, value_name = "FILE", requires = "export")]
        output: Option<PathBuf>,
    },
    /// Restart a node
    Reboot {
        /// Name or identifier
        lab: String,
        /// The node
        node: String,
    },
    /// Remove labs
    Down {
        /// Names or identifiers
        #[arg(value_name = "LAB", required_unless_present = "all")]
        labs: Vec<String>,
        /// All labs
        #[arg(long, conflicts_with = "labs")]
        all: bool,
    },
}

/// Mode of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Candidate {
    Training,
    Exam,
}

/// Formats that a result is exported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    Junit,
    Tap,
    Json,
    Csv,
}

/// `plateau images …`
#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// Build images whose recipe changed, with those they stand on
    Build {
        /// Images to build; all where absent
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// List the images
    List,
}

/// `plateau import …`
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Write a scenario whose checks ask what a Goss file tests
    Goss {
        #[command(flatten)]
        import: ImportArgs,
    },
    /// Write a scenario with the machines and networks of a Compose file
    Compose {
        #[command(flatten)]
        import: ImportArgs,
    },
    /// Write a scenario with the machines and networks of a containerlab topology
    Containerlab {
        #[command(flatten)]
        import: ImportArgs,
    },
    /// Write a scenario with the machines and networks of a Kathará lab, by its folder
    Kathara {
        #[command(flatten)]
        import: ImportArgs,
    },
}

/// Arguments of every import.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// What is read
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Folder that is made for the scenario; named after what is read where absent
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
}

/// The seed that is taken where none is given.
pub(crate) const DEFAULT_SEED: &str = "1";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
