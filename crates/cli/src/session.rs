//! `plateau session …`

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use plateau_core::api::{
    AttemptSelection, AttemptsRequest, AttemptsResponse, ClearRequest, CreateSessionRequest,
    ExtendRequest, MessageRequest, PauseRequest, ScenarioInput, SessionTerms, SessionView,
    TransitionRequest,
};
use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::log::{LogEntry, verify};
use plateau_core::exam::session::AttemptState;
use plateau_core::feedback::AssessmentMode;
use plateau_core::messages::Language;

use crate::args::{AttemptArgs, AttemptArgsWithReason, Kind, SessionCommand, SessionMode};
use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::file;
use crate::folder;
use crate::progress::Progress;
use crate::scenario::readable;
use crate::screen::{Screen, write_out};
use crate::show::session as show;

mod deliverables;
mod keys;
mod receipts;
mod regrading;
mod rehearsal;

/// Runs one of the commands.
pub(crate) async fn run(
    command: &SessionCommand,
    screen: Screen,
    daemon: &Client,
) -> Result<Ending, Failure> {
    let desk = SessionConsole { screen, daemon };
    match command {
        SessionCommand::New { .. } => desk.describe(command).await?,
        SessionCommand::List => {
            screen.show(&daemon.sessions().await?, |sessions| show::list(sessions))?;
        }
        SessionCommand::Show { session } => {
            desk.session(&daemon.session(session).await?)?;
        }
        SessionCommand::Seats { session, import } => desk.seats(session, import.as_deref()).await?,
        SessionCommand::Slips { .. } => desk.slips(command).await?,
        SessionCommand::Deliverables {
            session,
            seat,
            output,
        } => deliverables::run(screen, daemon, session, seat.as_deref(), output.as_deref()).await?,
        SessionCommand::Code {
            session,
            seat,
            reason,
        } => {
            let slip = daemon
                .recode(session, seat, &transition_request(Some(reason)))
                .await?;
            screen.show(&vec![slip], |slips| show::slips(slips))?;
        }
        SessionCommand::Keys { session, seat, set } => {
            desk.keys(session, seat, set.as_deref()).await?;
        }
        SessionCommand::Rehearse { choice } => return rehearsal::rehearse(&desk, choice).await,
        SessionCommand::Prepare { choice } => return desk.prepare(choice).await,
        SessionCommand::Dismantle { choice } => desk.order("dismantle", choice, None).await?,
        SessionCommand::Open { choice } => desk.order("open", choice, None).await?,
        SessionCommand::Resume { choice } => desk.order("resume", choice, None).await?,
        SessionCommand::HandIn { order } => {
            desk.order("hand-in", &order.choice, Some(&order.reason))
                .await?;
        }
        SessionCommand::Absent { order } => {
            desk.order("absent", &order.choice, Some(&order.reason))
                .await?;
        }
        SessionCommand::Pause { order, kind } => desk.pause(order, *kind).await?,
        SessionCommand::Extend { order, minutes } => desk.extend(order, *minutes).await?,
        SessionCommand::Say {
            session,
            text,
            seat,
        } => desk.say(session, text, seat.as_ref()).await?,
        SessionCommand::Close { session } => desk.move_on("close", session, None).await?,
        SessionCommand::Seal { session } => desk.move_on("seal", session, None).await?,
        SessionCommand::Reopen { session, reason } => {
            desk.move_on("reopen", session, Some(reason)).await?;
        }
        SessionCommand::Cancel { session, reason } => {
            desk.move_on("cancel", session, Some(reason)).await?;
        }
        SessionCommand::Gradings { choice } => regrading::gradings(&desk, choice).await?,
        SessionCommand::Regrade { .. } => return regrading::regrade(&desk, command).await,
        SessionCommand::Accept { order, grading } => {
            regrading::accept(&desk, order, grading.as_deref()).await?;
        }
        SessionCommand::Revisit { .. } => regrading::revisit(&desk, command).await?,
        SessionCommand::Clear { session, kept } => {
            let clear = ClearRequest {
                include_images: *kept,
            };
            daemon.tell_session(session, "clear", &clear).await?;
            screen.remark("removed");
        }
        SessionCommand::Receipts { choice } => receipts::run(screen, daemon, choice).await?,
        SessionCommand::Log { session, follow } => return desk.log(session, *follow).await,
    }
    Ok(Ending::Good)
}

/// From where sessions are conducted.
struct SessionConsole<'a> {
    screen: Screen,
    daemon: &'a Client,
}

fn transition_request(reason: Option<&String>) -> TransitionRequest {
    TransitionRequest {
        reason: reason.cloned(),
    }
}

fn selection(choice: &AttemptArgs) -> AttemptSelection {
    AttemptSelection {
        seats: (!choice.seats.is_empty()).then(|| choice.seats.clone()),
        scenario: choice.scenario.clone(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| Failure::Read {
        path: path.to_owned(),
        source,
    })
}

/// What is wrong with a list has its place in the file that it was read from.
fn in_file(failure: Failure, path: &Path) -> Failure {
    let Failure::Answered(mut error) = failure else {
        return failure;
    };
    for problem in &mut error.problems {
        problem.place.file = path.display().to_string();
    }
    Failure::Answered(error)
}

impl SessionConsole<'_> {
    async fn describe(&self, command: &SessionCommand) -> Result<(), Failure> {
        let SessionCommand::New {
            name,
            title,
            block,
            centre,
            from,
            to,
            responsible,
            jurors,
            invigilators,
            mode,
            seed,
            scenarios,
            insist,
        } = command
        else {
            return Ok(());
        };
        let new = CreateSessionRequest {
            name: name.clone(),
            terms: SessionTerms {
                title: title.clone(),
                block: block.clone(),
                centre: centre.clone(),
                from: from.clone(),
                to: to.as_ref().unwrap_or(from).clone(),
                responsible: responsible.clone(),
                jurors: jurors.clone(),
                invigilators: invigilators.clone(),
                mode: match mode {
                    SessionMode::Training => AssessmentMode::Training,
                    SessionMode::Exam => AssessmentMode::Exam,
                },
                seed: seed.clone(),
            },
            scenarios: scenario_inputs(scenarios, insist.as_ref())?,
        };
        self.session(&self.daemon.new_session(&new).await?)
    }

    fn session(&self, session: &SessionView) -> Result<(), Failure> {
        let language = self.screen.language();
        self.screen
            .show(session, |session| show::session(session, language))
    }

    async fn seats(&self, session: &str, import: Option<&Path>) -> Result<(), Failure> {
        let seats = match import {
            Some(path) => {
                let seated = self.daemon.replace_seats(session, read(path)?).await;
                seated.map_err(|failure| in_file(failure, path))?
            }
            None => self.daemon.seats(session).await?,
        };
        self.screen.show(&seats, |seats| show::seats(seats))
    }

    /// Shows the access codes, or saves them to be cut and handed out.
    async fn slips(&self, command: &SessionCommand) -> Result<(), Failure> {
        let SessionCommand::Slips {
            session,
            output,
            browser,
            ssh,
        } = command
        else {
            return Ok(());
        };
        let Some(output) = output else {
            let slips = self.daemon.slips(session).await?;
            return self.screen.show(&slips, |slips| show::slips(slips));
        };
        let language = match self.screen.language() {
            Language::Fr => "fr",
            Language::En => "en",
        };
        let browser = browser.as_deref().unwrap_or_default();
        let slips = self
            .daemon
            .slips_as_pdf(session, language, browser, ssh.as_deref());
        file::write_new(output, &slips.await?)?;
        self.screen
            .remark(&format!("the codes are in `{}`", output.display()));
        Ok(())
    }

    async fn pause(&self, order: &AttemptArgsWithReason, kind: Kind) -> Result<(), Failure> {
        let pause = PauseRequest {
            selection: selection(&order.choice),
            kind: match kind {
                Kind::Incident => PauseKind::Incident,
                Kind::Break => PauseKind::Break,
            },
            reason: order.reason.clone(),
        };
        let done = self
            .daemon
            .order(&order.choice.session, "pause", &pause)
            .await?;
        self.screen.show(&done, show::ordered)
    }

    async fn extend(&self, order: &AttemptArgsWithReason, minutes: u64) -> Result<(), Failure> {
        let extend = ExtendRequest {
            selection: selection(&order.choice),
            by_ms: minutes * 60_000,
            reason: order.reason.clone(),
        };
        let done = self
            .daemon
            .order(&order.choice.session, "extend", &extend)
            .await?;
        self.screen.show(&done, show::ordered)
    }

    async fn say(&self, session: &str, text: &str, seat: Option<&String>) -> Result<(), Failure> {
        let say = MessageRequest {
            seat: seat.cloned(),
            text: text.to_owned(),
        };
        self.daemon.tell_session(session, "say", &say).await?;
        self.screen.remark("said");
        Ok(())
    }

    async fn order(
        &self,
        what: &str,
        choice: &AttemptArgs,
        reason: Option<&String>,
    ) -> Result<(), Failure> {
        let order = AttemptsRequest {
            selection: selection(choice),
            reason: reason.cloned(),
        };
        let done = self.daemon.order(&choice.session, what, &order).await?;
        self.screen.show(&done, show::ordered)
    }

    async fn move_on(
        &self,
        what: &str,
        session: &str,
        reason: Option<&String>,
    ) -> Result<(), Failure> {
        let moved = self
            .daemon
            .move_session(session, what, &transition_request(reason))
            .await?;
        self.session(&moved)
    }

    /// Has labs built, and waits until each of them is there or broken.
    async fn prepare(&self, choice: &AttemptArgs) -> Result<Ending, Failure> {
        let Self { screen, daemon } = *self;
        let order = AttemptsRequest {
            selection: selection(choice),
            reason: None,
        };
        let session = &choice.session;
        // Listened for first, so that nothing is missed.
        let mut entries = daemon.session_events(session, u64::MAX).await?;
        let asked: AttemptsResponse = daemon.order(session, "prepare", &order).await?;
        for notice in &asked.notices {
            screen.remark(show::notice(*notice));
        }
        let of = u64::try_from(asked.attempts.len()).unwrap_or(0);
        let progress = Progress::new(screen, of);
        progress.set_message(format!("building the labs of {session}"));
        let done = loop {
            let now = attempts(daemon, session, &asked).await?;
            let built = now
                .values()
                .filter(|state| **state != AttemptState::Preparing);
            let built = u64::try_from(built.count()).unwrap_or(0);
            progress.set(built, of);
            if built == of {
                break now;
            }
            match entries.next().await {
                Some(entry) => drop(entry?),
                None => return Err(Failure::Ended("preparing the session")),
            }
        };
        drop(progress);
        screen.show(&daemon.seats(session).await?, |seats| show::seats(seats))?;
        Ok(Ending::from_bool(
            done.values().all(|state| *state == AttemptState::Ready),
        ))
    }

    async fn log(&self, session: &str, follow: bool) -> Result<Ending, Failure> {
        let Self { screen, daemon } = *self;
        let log = daemon.session_log(session).await?;
        let numbers: BTreeMap<String, String> = daemon
            .seats(session)
            .await?
            .into_iter()
            .flat_map(|seat| {
                let number = seat.number;
                let attempts = seat.attempts.into_iter();
                attempts.map(move |attempt| (attempt.id, number.clone()))
            })
            .collect();
        let whole = verify(&log);
        screen.show(&log, |log| show::log(log, &numbers, &whole))?;
        if follow {
            let next = log.last().map_or(1, |last| last.seq + 1);
            let mut entries = daemon.session_events(session, next).await?;
            while let Some(entry) = entries.next().await {
                let entry: LogEntry = entry?;
                write_out(&show::entry(&entry, &numbers))?;
            }
        }
        Ok(Ending::from_bool(whole.is_ok()))
    }
}

fn scenario_inputs(
    paths: &[PathBuf],
    insist: Option<&String>,
) -> Result<Vec<ScenarioInput>, Failure> {
    let scenarios = paths.iter().map(|path| {
        let scenario = readable(path)?.scenario;
        Ok(ScenarioInput {
            files: folder::to_files(scenario.folder()),
            unproven_reason: insist.cloned(),
        })
    });
    scenarios.collect()
}

/// Where the attempts of an order are now.
async fn attempts(
    daemon: &Client,
    session: &str,
    asked: &AttemptsResponse,
) -> Result<BTreeMap<String, AttemptState>, Failure> {
    let seats = daemon.seats(session).await?;
    let all = seats.into_iter().flat_map(|seat| seat.attempts);
    let meant = all.filter(|attempt| asked.attempts.iter().any(|one| one.id == attempt.id));
    Ok(meant.map(|attempt| (attempt.id, attempt.state)).collect())
}
