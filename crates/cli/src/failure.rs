//! The failures of a command, and the exit code of each.

use std::io;
use std::path::PathBuf;

use plateau_core::api::ApiError;
use plateau_core::error::Blame;
use plateau_core::exam::bundle::{ArchiveError, KeyError};
use plateau_core::exam::receipt::ReceiptError;
use plateau_core::problem::Problem;
use plateau_import::ImportError;
use serde::Serialize;
use serde_json::json;

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All is well.
    Good,
    /// The thing asked about is not so.
    NotSo,
    /// Bad input, already shown as the command's result.
    Refused,
    /// The command in the node ended like this.
    Exit(u8),
}

impl Ending {
    /// [`Self::Good`] where it is so.
    pub(crate) fn from_bool(it_is: bool) -> Self {
        if it_is { Self::Good } else { Self::NotSo }
    }

    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::NotSo => 1,
            Self::Refused => 2,
            Self::Exit(code) => code,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A path that holds no scenario.
    #[error("`{}` holds no scenario: there is no scenario.yaml", .0.display())]
    NoScenario(PathBuf),
    /// A file or folder that cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write `{}`", path.display())]
    WriteFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A scenario that has problems.
    #[error("the scenario has problems")]
    Problems(Vec<Problem>),
    /// Somebody else's material that cannot be imported.
    #[error("nothing was imported")]
    NotImported(Vec<Problem>),
    /// What an import made would be no scenario, and was not written.
    #[error("what was made of it has problems, and was not written")]
    Misfit(Vec<Problem>),
    /// The YAML writer failed.
    #[error("cannot write scenario.yaml")]
    Layout(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An identifier that cannot be one.
    #[error("`{0}` cannot be a scenario's identifier")]
    Identifier(String),
    /// A folder that would be written over.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// A file that cannot be a bundle of evidence.
    #[error("`{}` is not a valid bundle of evidence", path.display())]
    Bundle {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// A backup that would be written over.
    #[error("`{}` is there already", .0.display())]
    BackupExists(PathBuf),
    /// What was received is not a complete backup.
    #[error("what the daemon sent into `{}` is not a complete backup", path.display())]
    Backup {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: plateau_core::backup::ArchiveError,
    },
    /// A program of ours is not there.
    #[error("cannot run `{}`", program.display())]
    NoProgram {
        /// Which.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that holds no public key.
    #[error("`{}` cannot be used as the public key", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A file that is not a candidate's receipt.
    #[error("`{}` is not a valid receipt", .0.display())]
    Receipt(PathBuf, #[source] ReceiptError),
    /// A candidate that a session does not have.
    #[error("session `{session}` has no seat `{seat}`")]
    NoSeat {
        /// The session.
        session: String,
        /// The candidate number.
        seat: String,
    },
    /// No attempt of a session was graded.
    #[error("nobody in session `{session}` was graded by that scenario")]
    NothingGraded {
        /// The session.
        session: String,
    },
    /// A grading that a session does not have.
    #[error("session `{session}` has no grading `{grading}` of those who are meant")]
    NoGrading {
        /// The session.
        session: String,
        /// The grading.
        grading: String,
    },
    /// A seat has several attempts.
    #[error("the seat has an attempt at each of {}", .scenarios.join(", "))]
    WhichScenario {
        /// The scenarios.
        scenarios: Vec<String>,
    },
    /// A terminal was asked for where there is none.
    #[error("standard input is not a terminal")]
    NoTerminal,
    /// A password was to be asked for where there is no terminal.
    #[error("no terminal to ask for the password on")]
    NoPrompt,
    /// The password was typed differently the second time.
    #[error("the two passwords differ")]
    PasswordsDiffer,
    /// The password cannot be read.
    #[error("cannot read the password")]
    Password(#[source] io::Error),
    /// What is named as an authority's certificate is none.
    #[error("`{}` holds no certificate", .0.display())]
    Authority(PathBuf),
    /// `--url` is not an address, or the token cannot stand in a header.
    #[error("cannot use `{0}` as the daemon's address")]
    Address(String),
    /// The daemon cannot be reached.
    #[error("plateaud does not answer at {at}")]
    Unreachable {
        /// Its socket or URL.
        at: String,
        /// What to do about it.
        hint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The conversation with the daemon broke off.
    #[error("the conversation with plateaud broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The daemon's stream ended before its last event.
    #[error("plateaud stopped answering before it was done with {0}")]
    Ended(&'static str),
    /// The daemon said something that this program does not understand.
    #[error("plateaud answered {status} and nothing that can be understood: {body}")]
    Strange {
        /// HTTP status.
        status: u16,
        /// The first of what it said.
        body: String,
    },
    /// The daemon refused, or the outside failed it.
    #[error("{}", .0.message)]
    Answered(ApiError),
    /// Standard output is gone.
    #[error("cannot write the result")]
    Output(#[from] io::Error),
    /// The result cannot be written in the shape that was asked for.
    #[error("cannot write the result in this shape")]
    Export(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The terminal cannot be used.
    #[error("cannot use the terminal")]
    Terminal(#[source] io::Error),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Read { path, source } => Self::Read { path, source },
            ImportError::Problems(problems) => Self::NotImported(problems),
            ImportError::Layout(source) => Self::Layout(source),
        }
    }
}

impl Failure {
    /// What is wrong, in a word that programs can rely on, and who is to blame.
    fn code_and_blame(&self) -> (&str, Blame) {
        use Blame::{Input, Outside};
        match self {
            Self::Answered(error) => (error.code.as_str(), error.blame),
            Self::NoScenario(_) => ("no-scenario", Input),
            Self::Read { .. } => ("cannot-read", Input),
            Self::WriteFile { .. } => ("cannot-write", Input),
            Self::Problems(_) => ("scenario-has-problems", Input),
            Self::NotImported(_) => ("not-imported", Input),
            Self::Misfit(_) | Self::Layout(_) => ("import-misfit", Input),
            Self::Identifier(_) => ("not-an-identifier", Input),
            Self::Exists(_) | Self::BackupExists(_) => ("exists", Input),
            Self::Bundle { .. } => ("no-evidence", Input),
            Self::Key { .. } => ("not-a-key", Input),
            Self::Receipt(..) => ("not-a-receipt", Input),
            Self::NoSeat { .. } => ("seat-not-found", Input),
            Self::NothingGraded { .. } => ("nothing-graded", Input),
            Self::NoGrading { .. } => ("grading-not-found", Input),
            Self::WhichScenario { .. } => ("which-scenario", Input),
            Self::NoTerminal => ("no-terminal", Input),
            Self::NoPrompt => ("no-prompt", Input),
            Self::PasswordsDiffer => ("passwords-differ", Input),
            Self::Authority(_) => ("not-a-certificate", Input),
            Self::Address(_) => ("not-an-address", Input),
            Self::Backup { .. } => ("backup-not-whole", Outside),
            Self::NoProgram { .. } => ("no-program", Outside),
            Self::Password(_) => ("cannot-read-password", Outside),
            Self::Unreachable { .. } => ("daemon-unreachable", Outside),
            Self::Broken(_) | Self::Ended(_) => ("daemon-broke-off", Outside),
            Self::Strange { .. } => ("daemon-not-understood", Outside),
            Self::Output(_) | Self::Export(_) => ("cannot-write-result", Outside),
            Self::Terminal(_) => ("terminal-failed", Outside),
            Self::Interrupted => ("interrupted", Outside),
        }
    }

    /// The process's exit code.
    pub(crate) fn code(&self) -> u8 {
        if let Self::Interrupted = self {
            return 130;
        }
        match self.code_and_blame().1 {
            Blame::Input => 2,
            Blame::Outside => 3,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NoScenario(_) => {
                Some("`plateau scenario new ID` writes one to start from".to_owned())
            }
            Self::Identifier(_) => Some(
                "a letter first, then letters a-z, digits and -, at most 40 of them".to_owned(),
            ),
            Self::Exists(_) => Some(
                "nothing is written over; take another identifier or another folder".to_owned(),
            ),
            Self::BackupExists(_) => {
                Some("name another file, or say --force to write over it".to_owned())
            }
            Self::Backup { .. } => Some(
                "it was removed again; the daemon's log says why it broke off, or the disk is bad"
                    .to_owned(),
            ),
            Self::NoProgram { .. } => Some(
                "`plateau restore` runs where the daemon is installed; `plateaud restore FILE` is \
                 the same"
                    .to_owned(),
            ),
            Self::NoTerminal => {
                Some("`plateau lab exec LAB NODE -- CMD…` runs a command without one".to_owned())
            }
            Self::NoPrompt => Some("`--password-stdin` reads it from standard input".to_owned()),
            Self::Authority(_) => {
                Some("it is a file in PEM, such as the daemon's /v1/authority.pem".to_owned())
            }
            Self::Address(_) => Some("such as http://127.0.0.1:7417".to_owned()),
            Self::Unreachable { hint, .. } => Some(hint.clone()),
            Self::Broken(_) | Self::Ended(_) => Some(
                "labs go on without their daemon; `plateau lab list` says what is there".to_owned(),
            ),
            Self::Strange { .. } => {
                Some("daemon and command may be of different versions".to_owned())
            }
            Self::NoSeat { .. } => {
                Some("`plateau session seats` shows the candidates' numbers".to_owned())
            }
            Self::NothingGraded { .. } => Some(
                "an attempt is graded again by a mended version of its own scenario, with the same id"
                    .to_owned(),
            ),
            Self::NoGrading { .. } => {
                Some("`plateau session gradings` shows their identifiers".to_owned())
            }
            Self::WhichScenario { .. } => Some("choose one with --scenario".to_owned()),
            Self::Key { .. } => Some("`plateau evidence key` shows the daemon's".to_owned()),
            Self::Receipt(..) => {
                Some("`plateau session receipts` shows those of a session".to_owned())
            }
            Self::Answered(error) => error.hint.clone(),
            Self::Read { .. }
            | Self::WriteFile { .. }
            | Self::Bundle { .. }
            | Self::Problems(_)
            | Self::NotImported(_)
            | Self::Misfit(_)
            | Self::Layout(_)
            | Self::Output(_)
            | Self::Export(_)
            | Self::Terminal(_)
            | Self::Password(_)
            | Self::PasswordsDiffer
            | Self::Interrupted => None,
        }
    }

    /// Problems of a scenario, where that is what is wrong.
    pub(crate) fn problems(&self) -> &[Problem] {
        if let Self::Problems(problems) | Self::NotImported(problems) | Self::Misfit(problems) =
            self
        {
            return problems;
        }
        if let Self::Answered(error) = self {
            return &error.problems;
        }
        &[]
    }

    /// The failure and its causes on one line, no cause twice.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            // Some libraries repeat their cause in their own text.
            if !text.ends_with(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        text
    }

    /// In the shape of the daemon's errors.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let (code, blame) = self.code_and_blame();
        json!({ "error": FailureView {
            code,
            blame,
            message: self.chain(),
            hint: self.hint(),
            problems: self.problems(),
        } })
    }
}

/// A failure in the shape of [`ApiError`]. Its code may be one of this program's own, or one of a newer
/// daemon.
#[derive(Debug, Serialize)]
struct FailureView<'a> {
    code: &'a str,
    blame: Blame,
    message: String,
    hint: Option<String>,
    problems: &'a [Problem],
}

#[cfg(test)]
mod tests {
    use plateau_core::error::ErrorCode;

    use super::*;

    fn answered(code: &str, blame: &str) -> Failure {
        let sent = json!({
            "code": code, "blame": blame, "message": "the moon is too low", "hint": "wait",
            "problems": [],
        });
        Failure::Answered(serde_json::from_value(sent).unwrap())
    }

    #[test]
    fn an_error_of_a_newer_daemon_keeps_its_code_message_hint_and_blame() {
        for (blame, exit) in [("input", 2), ("outside", 3)] {
            let failure = answered("moon-too-low", blame);
            assert_eq!(failure.code(), exit);
            assert_eq!(failure.to_string(), "the moon is too low");
            let error = json!({
                "code": "moon-too-low", "blame": blame, "message": "the moon is too low",
                "hint": "wait", "problems": [],
            });
            assert_eq!(failure.to_json(), json!({ "error": error }));
        }
    }

    #[test]
    fn the_exit_code_follows_from_the_blame() {
        for (code, exit) in [(ErrorCode::LabNotFound, 2), (ErrorCode::DiskFull, 3)] {
            assert_eq!(Failure::Answered(ApiError::new(code, "")).code(), exit);
        }
        assert_eq!(Failure::NoTerminal.code(), 2);
        assert_eq!(Failure::Ended("it").code(), 3);
        assert_eq!(Failure::Interrupted.code(), 130);
    }
}
