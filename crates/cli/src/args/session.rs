//! Arguments of `plateau session`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `plateau session …`
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Create a session; its scenarios are frozen as they are now
    New {
        /// Name to address it by: a-z, 0-9 and -
        name: String,
        /// Title that is examined
        #[arg(long, default_value = "tsgeri")]
        title: String,
        /// The only block examined; the whole title where absent
        #[arg(long)]
        block: Option<String>,
        /// Examination centre
        #[arg(long)]
        centre: String,
        /// First day, such as 2026-12-01
        #[arg(long, value_name = "DAY")]
        from: String,
        /// Last day; the first where absent
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        /// Who is responsible for it
        #[arg(long, value_name = "NAME")]
        responsible: String,
        /// A juror, again for more; an exam has at least two
        #[arg(long = "juror", value_name = "NAME")]
        jurors: Vec<String>,
        /// Account of an invigilator, again for more
        #[arg(long = "invigilator", value_name = "ACCOUNT")]
        invigilators: Vec<String>,
        /// Mode of the session
        #[arg(long, value_enum, default_value_t = SessionMode::Exam)]
        mode: SessionMode,
        /// Seed from which each candidate's parameters are derived; drawn where absent
        #[arg(long)]
        seed: Option<String>,
        /// Scenario folder, or its scenario.yaml; again for more
        #[arg(long = "scenario", value_name = "PATH", required = true)]
        scenarios: Vec<PathBuf>,
        /// Accept scenarios that are not proven, and give the reason
        #[arg(long, value_name = "REASON")]
        insist: Option<String>,
    },
    /// List the sessions
    List,
    /// Show a session
    Show {
        /// Name or identifier
        session: String,
    },
    /// Show the candidates, the state of each and how much time is left
    Seats {
        /// Name or identifier
        session: String,
        /// Replace the candidates by those of a list (CSV) first
        #[arg(long, value_name = "FILE")]
        import: Option<PathBuf>,
    },
    /// Show the candidates' access codes, to be handed out
    Slips {
        /// Name or identifier
        session: String,
        /// Save them as a PDF, to be cut and handed out
        #[arg(long, short, value_name = "FILE", requires = "browser")]
        output: Option<PathBuf>,
        /// Address that candidates type in a browser, for the PDF
        #[arg(long, value_name = "ADDRESS", requires = "output")]
        browser: Option<String>,
        /// Command that candidates type in a terminal, for the PDF
        #[arg(long, value_name = "COMMAND", requires = "output")]
        ssh: Option<String>,
    },
    /// Show what was handed in, and what counts of it
    Deliverables {
        /// Name or identifier
        session: String,
        /// Candidate number; all where absent
        seat: Option<String>,
        /// Save all versions below this folder
        #[arg(long, short, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Give a candidate another access code
    Code {
        /// Name or identifier
        session: String,
        /// Candidate number
        seat: String,
        /// Why; it is kept in the log
        #[arg(long)]
        reason: String,
    },
    /// Show the keys by which a candidate logs in over SSH, or replace them
    Keys {
        /// Name or identifier
        session: String,
        /// Candidate number
        seat: String,
        /// Replace them by the public keys in this file, one a line; by none where it is empty
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
    /// Start all labs, grade them untouched and remove them, to see whether this host can run the session
    Rehearse {
        #[command(flatten)]
        choice: AttemptArgs,
    },
    /// Build the labs of those who have none, and wait until all are there
    Prepare {
        #[command(flatten)]
        choice: AttemptArgs,
    },
    /// Remove the labs of those who have not begun
    Dismantle {
        #[command(flatten)]
        choice: AttemptArgs,
    },
    /// Open a session to its candidates: all clocks start at the same moment
    Open {
        #[command(flatten)]
        choice: AttemptArgs,
    },
    /// Stop clocks
    Pause {
        #[command(flatten)]
        order: AttemptArgsWithReason,
        /// Whether the time is given back
        #[arg(long, value_enum, default_value_t = Kind::Incident)]
        kind: Kind,
    },
    /// Resume clocks
    Resume {
        #[command(flatten)]
        choice: AttemptArgs,
    },
    /// Grant more time
    Extend {
        #[command(flatten)]
        order: AttemptArgsWithReason,
        /// Minutes to add
        #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
        minutes: u64,
    },
    /// End attempts now: access closes, the labs are kept and graded
    HandIn {
        #[command(flatten)]
        order: AttemptArgsWithReason,
    },
    /// Record that candidates are absent
    Absent {
        #[command(flatten)]
        order: AttemptArgsWithReason,
    },
    /// Send a message to one candidate or to all
    Say {
        /// Name or identifier
        session: String,
        /// The message
        text: String,
        /// Candidate number; everybody where absent
        #[arg(long)]
        seat: Option<String>,
    },
    /// Close a session: who has not begun is absent
    Close {
        /// Name or identifier
        session: String,
    },
    /// Seal a session: nothing changes any more
    Seal {
        /// Name or identifier
        session: String,
    },
    /// Open a sealed session again for judging
    Reopen {
        /// Name or identifier
        session: String,
        /// Why; it is kept in the log
        #[arg(long)]
        reason: String,
    },
    /// Cancel a session before it was prepared
    Cancel {
        /// Name or identifier
        session: String,
        /// Why; it is kept in the log
        #[arg(long)]
        reason: String,
    },
    /// Show the gradings of candidates, and which of them counts
    Gradings {
        #[command(flatten)]
        choice: AttemptArgs,
    },
    /// Grade again by a corrected scenario, and compare old with new; nothing counts until it is accepted
    Regrade {
        /// Name or identifier
        session: String,
        /// Folder of the corrected scenario, or its scenario.yaml
        #[arg(long, value_name = "PATH")]
        scenario: PathBuf,
        /// Candidate number, again for more; all where absent
        #[arg(long = "seat", value_name = "NUMBER")]
        seats: Vec<String>,
        /// Why; it is kept with the gradings
        #[arg(long)]
        reason: String,
        /// Ask no lab: what no fact answers stays unknown
        #[arg(long)]
        from_facts: bool,
    },
    /// Let the last grading of candidates count, or an earlier one again
    Accept {
        #[command(flatten)]
        order: AttemptArgsWithReason,
        /// Identifier of the grading; each candidate's last where absent
        #[arg(long, value_name = "ID")]
        grading: Option<String>,
    },
    /// Open a candidate's lab again as it was handed in, to look around in it
    Revisit {
        /// Name or identifier
        session: String,
        /// Candidate number
        seat: String,
        /// The scenario, where there are several
        #[arg(long)]
        scenario: Option<String>,
        /// Remove it
        #[arg(long)]
        end: bool,
    },
    /// Remove the labs of attempts that are over
    Clear {
        /// Name or identifier
        session: String,
        /// Also what was kept of them: their labs can never be opened again
        #[arg(long)]
        kept: bool,
    },
    /// Show what candidates keep of the moment at which their attempts were handed in
    Receipts {
        #[command(flatten)]
        choice: AttemptArgs,
    },
    /// Show a session's log, and whether it is complete and unchanged
    Log {
        /// Name or identifier
        session: String,
        /// Follow the log as entries are added
        #[arg(long, short)]
        follow: bool,
    },
}

/// Selection of attempts.
#[derive(Debug, Args)]
pub(crate) struct AttemptArgs {
    /// Name or identifier
    pub(crate) session: String,
    /// Candidate number, again for more; all where absent
    #[arg(long = "seat", value_name = "NUMBER")]
    pub(crate) seats: Vec<String>,
    /// The scenario; all where absent
    #[arg(long)]
    pub(crate) scenario: Option<String>,
}

/// Selection of attempts, and the reason.
#[derive(Debug, Args)]
pub(crate) struct AttemptArgsWithReason {
    #[command(flatten)]
    pub(crate) choice: AttemptArgs,
    /// Why; it is kept in the log
    #[arg(long)]
    pub(crate) reason: String,
}

/// Mode of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SessionMode {
    Training,
    Exam,
}

/// Whether the time of a pause is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Something failed: all of it
    Incident,
    /// The candidate rests: as far as breaks were granted
    Break,
}
