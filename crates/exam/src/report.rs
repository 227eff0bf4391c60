//! PDF documents, made by `plateau-report`. It is a separate program, since a typesetter is larger than the
//! daemon and processes untrusted text such as candidates' names.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use plateau_core::api::ApiError;
use plateau_core::error::ErrorCode;
use plateau_labs::error::chain;
use plateau_labs::settings::beside_us;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::Serialize;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

/// The kinds of documents that `plateau-report` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// The access codes of a session, to be cut and handed out.
    Slips,
}

impl DocumentKind {
    /// The program's word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Slips => "slips",
        }
    }
}

/// Limits of making a document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most that it may take from its beginning, without the wait for others.
    pub time: Duration,
    /// Most bytes of memory.
    pub memory: u64,
    /// Most bytes of the PDF.
    pub output: u64,
    /// Documents made at the same time; others wait.
    pub at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(120),
            memory: 1 << 30,
            output: 64 << 20,
            at_once: 2,
        }
    }
}

/// Most bytes that are kept of what the program says on standard error.
const SAID: u64 = 4 << 10;

/// Makes documents. Clones share the limit on concurrent ones.
#[derive(Clone, Debug)]
pub struct Reports {
    program: PathBuf,
    fonts: Option<PathBuf>,
    limits: Limits,
    turns: Arc<Semaphore>,
}

/// Why a document cannot be made.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The program is not there.
    #[error("`{}` is missing", program.display())]
    Missing {
        /// Where it was looked for.
        program: PathBuf,
    },
    /// The program could not be started.
    #[error("start `{}`", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its memory could not be limited.
    #[error("limit the memory of `{}`", program.display())]
    Limit {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What the document says cannot be written as JSON.
    #[error("write the document's JSON")]
    Json(#[source] serde_json::Error),
    /// The conversation with it broke off.
    #[error("talk to `{}`", program.display())]
    Talk {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It did not accept what the document says.
    #[error("the document was refused: {said}")]
    Refused {
        /// Its reason.
        said: String,
    },
    /// It failed, or was ended: by a signal where it wanted more memory than it may have.
    #[error("`{}` ended with {status}: {said}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The last that it said.
        said: String,
    },
    /// It took too long, and was ended.
    #[error("the document was not ready within {} s", limit.as_secs())]
    TooSlow {
        /// Most that it may take.
        limit: Duration,
    },
    /// The PDF became too large, and the program was ended.
    #[error("the document has more than {} MiB", limit >> 20)]
    TooLarge {
        /// Most bytes.
        limit: u64,
    },
}

impl ReportError {
    /// What it is in the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } => ErrorCode::ReportProgramMissing,
            Self::Start { .. } | Self::Limit { .. } | Self::Talk { .. } => {
                ErrorCode::ReportNotStarted
            }
            Self::Json(_) | Self::Refused { .. } => ErrorCode::ReportRefused,
            Self::Failed { .. } => ErrorCode::ReportFailed,
            Self::TooSlow { .. } => ErrorCode::ReportTooSlow,
            Self::TooLarge { .. } => ErrorCode::ReportTooLarge,
        }
    }

    /// As the API answers it.
    #[must_use]
    pub fn api(&self) -> ApiError {
        ApiError::new(self.code(), chain(self))
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self::new(beside_us("plateau-report"), Limits::default())
    }
}

impl Reports {
    /// Documents by this program. The default is the one beside our own executable.
    #[must_use]
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self {
            program,
            fonts: None,
            turns: Arc::new(Semaphore::new(limits.at_once)),
            limits,
        }
    }

    /// With the fonts of this folder besides the built-in ones.
    #[must_use]
    pub fn with_fonts(mut self, fonts: Option<PathBuf>) -> Self {
        self.fonts = fonts;
        self
    }

    /// Makes a document's PDF. `says` is the document's JSON, whose schema `plateau-report` defines.
    /// Dropping the future ends the program.
    ///
    /// # Errors
    /// The program is missing, refuses, fails, or takes more than it may.
    pub async fn make(
        &self,
        document: DocumentKind,
        says: &impl Serialize,
    ) -> Result<Bytes, ReportError> {
        let json = serde_json::to_vec(says).map_err(ReportError::Json)?;
        // Nobody closes it: the wait ends with a turn.
        let _turn = self.turns.acquire().await;
        let child = self.start(document)?;
        let made = tokio::time::timeout(self.limits.time, self.talk(child, &json)).await;
        made.unwrap_or(Err(ReportError::TooSlow {
            limit: self.limits.time,
        }))
    }

    fn start(&self, document: DocumentKind) -> Result<Child, ReportError> {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            // Its threads would all be ours to feed; an exam has other things to do.
            .env("RAYON_NUM_THREADS", "2")
            .arg(document.word())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir("/")
            .kill_on_drop(true);
        if let Some(fonts) = &self.fonts {
            command.args([OsStr::new("--fonts"), fonts.as_os_str()]);
        }
        let child = command.spawn().map_err(|source| {
            let program = self.program.clone();
            if source.kind() == std::io::ErrorKind::NotFound {
                ReportError::Missing { program }
            } else {
                ReportError::Start { program, source }
            }
        })?;
        self.limit(&child)?;
        Ok(child)
    }

    /// Limits its memory, before it is given anything to read.
    fn limit(&self, child: &Child) -> Result<(), ReportError> {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            return Ok(());
        };
        let most = |most| Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        // Of data and not of addresses: allocators reserve many of those that they never use.
        for (resource, limit) in [(Resource::Data, self.limits.memory), (Resource::Core, 0)] {
            match prlimit(Some(pid), resource, most(limit)) {
                // It has ended already, and `talk` will say how.
                Ok(_) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => {
                    return Err(ReportError::Limit {
                        program: self.program.clone(),
                        source: error.into(),
                    });
                }
            }
        }
        Ok(())
    }

    async fn talk(&self, mut child: Child, json: &[u8]) -> Result<Bytes, ReportError> {
        let failed = |source| ReportError::Talk {
            program: self.program.clone(),
            source,
        };
        let input = child.stdin.take();
        let write = async {
            if let Some(mut input) = input {
                match input.write_all(json).await {
                    // It stopped reading, and says why itself.
                    Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                        return Err(error);
                    }
                    Ok(()) | Err(_) => {}
                }
            }
            Ok(())
        };
        let limit = self.limits.output;
        let (pdf, said) = (child.stdout.take(), child.stderr.take());
        let (pdf, said) = tokio::try_join!(
            async { tokio::try_join!(read(pdf, limit + 1), write).map(|(pdf, ())| pdf) },
            read(said, SAID)
        )
        .map_err(failed)?;
        if pdf.len() as u64 > limit {
            return Err(ReportError::TooLarge { limit });
        }
        let status = child.wait().await.map_err(failed)?;
        let said = String::from_utf8_lossy(&said);
        let said = said
            .trim()
            .trim_start_matches("plateau-report: ")
            .to_owned();
        match status.code() {
            Some(0) => Ok(Bytes::from(pdf)),
            Some(2) => Err(ReportError::Refused { said }),
            Some(_) | None => Err(ReportError::Failed {
                program: self.program.clone(),
                status,
                said,
            }),
        }
    }
}

/// What comes, up to so many bytes. Whoever sends more finds the pipe closed.
async fn read(from: Option<impl AsyncRead + Unpin>, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(limit).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use serde_json::json;

    use super::*;

    /// A program that poses as `plateau-report`.
    fn posing(folder: &Path, script: &str, limits: Limits) -> Reports {
        let program = folder.join("plateau-report");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Reports::new(program, limits)
    }

    async fn made(script: &str, limits: Limits) -> Result<Bytes, ReportError> {
        let folder = tempfile::tempdir().unwrap();
        let reports = posing(folder.path(), script, limits);
        reports
            .make(DocumentKind::Slips, &json!({ "seats": [] }))
            .await
    }

    #[tokio::test]
    async fn a_document_is_what_the_program_makes_of_the_json() {
        let pdf = made("echo \"$@\"; cat; env >&2", Limits::default()).await;
        assert_eq!(pdf.unwrap(), "slips\n{\"seats\":[]}");
    }

    #[tokio::test]
    async fn it_gets_the_fonts_and_nothing_of_our_environment() {
        let folder = tempfile::tempdir().unwrap();
        let reports = posing(
            folder.path(),
            "cat > /dev/null; echo \"$@\"; env",
            Limits::default(),
        );
        let reports = reports.with_fonts(Some(PathBuf::from("/fonts")));
        let said = reports.make(DocumentKind::Slips, &json!({})).await.unwrap();
        let said = String::from_utf8(said.to_vec()).unwrap();
        assert!(said.starts_with("slips --fonts /fonts\n"), "{said}");
        assert!(!said.contains("HOME=") && !said.contains("CARGO"), "{said}");
    }

    #[tokio::test]
    async fn where_the_program_is_missing_somebody_is_told_what_to_do() {
        let reports = Reports::new(PathBuf::from("/nowhere/plateau-report"), Limits::default());
        let error = reports
            .make(DocumentKind::Slips, &json!({}))
            .await
            .unwrap_err();
        assert!(matches!(error, ReportError::Missing { .. }), "{error}");
        let told = error.api();
        assert_eq!(told.message, "`/nowhere/plateau-report` is missing");
        assert!(told.hint.unwrap().contains("beside plateaud"));
    }

    #[tokio::test]
    async fn what_it_refuses_and_what_it_fails_in_are_told_apart() {
        let error = made(
            "echo 'plateau-report: no seats' >&2; exit 2",
            Limits::default(),
        )
        .await;
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), "the document was refused: no seats");
        let error = made("cat > /dev/null; echo no >&2; exit 101", Limits::default()).await;
        let error = error.unwrap_err();
        assert!(
            matches!(&error, ReportError::Failed { said, .. } if said == "no"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn one_that_never_ends_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            time: Duration::from_millis(300),
            ..Limits::default()
        };
        let script = format!(
            "echo $$ > {}; exec sleep 1000",
            folder.path().join("pid").display()
        );
        let reports = posing(folder.path(), &script, limits);
        let error = reports
            .make(DocumentKind::Slips, &json!({}))
            .await
            .unwrap_err();
        assert!(matches!(error, ReportError::TooSlow { .. }), "{error}");
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        let stat = PathBuf::from("/proc").join(pid.trim()).join("stat");
        let gone = || match std::fs::read_to_string(&stat) {
            // A zombie has ended, and is reaped when the runtime finds the time.
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let within = tokio::time::timeout(Duration::from_secs(10), async {
            while !gone() {
                tokio::task::yield_now().await;
            }
        });
        within.await.expect("it runs on");
    }

    #[tokio::test]
    async fn one_that_writes_for_ever_is_ended() {
        let limits = Limits {
            output: 1 << 20,
            ..Limits::default()
        };
        let error = made("cat > /dev/null; exec cat /dev/zero", limits)
            .await
            .unwrap_err();
        assert!(matches!(error, ReportError::TooLarge { .. }), "{error}");
        assert_eq!(error.to_string(), "the document has more than 1 MiB");
    }

    #[tokio::test]
    async fn one_that_wants_too_much_memory_does_not_get_it() {
        let limits = Limits {
            memory: 32 << 20,
            ..Limits::default()
        };
        // `tail` keeps what may still be the last line, which here is everything.
        let script = "cat > /dev/null; head -c 200M /dev/zero | tail -n 1 | wc -c >&2; exit 3";
        let error = made(script, limits).await.unwrap_err();
        let ReportError::Failed { said, .. } = &error else {
            panic!("{error}");
        };
        assert!(said.contains("memory exhausted"), "{said}");
    }

    #[tokio::test]
    async fn no_more_are_made_at_once_than_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            at_once: 1,
            ..Limits::default()
        };
        // Two at the same time would find each other's folder.
        let place = folder.path().join("busy");
        let script = format!("mkdir {0} && cat && rmdir {0}", place.display());
        let reports = posing(folder.path(), &script, limits);
        let says = json!({});
        let all = (0..5).map(|_| reports.make(DocumentKind::Slips, &says));
        for made in futures_util::future::join_all(all).await {
            assert_eq!(made.unwrap(), "{}");
        }
    }
}
