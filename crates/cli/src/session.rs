//! `plateau session …`

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::log::{Entry, verify};
use plateau_core::exam::message::{
    Because, Clear, Extend, NewScenario, NewSession, Order, Ordered, Pause, Say, Terms, Which,
};
use plateau_core::exam::session::AttemptState;
use plateau_core::feedback::Mode;

use crate::args::{Choice, Kind, SessionCommand, SessionMode};
use crate::daemon::Daemon;
use crate::failure::{Ending, Failure};
use crate::folder;
use crate::progress::Progress;
use crate::scenario::readable;
use crate::screen::{Screen, write_out};
use crate::show::session as show;

/// Runs one of the commands.
pub(crate) async fn run(
    command: &SessionCommand,
    screen: Screen,
    daemon: &Daemon,
) -> Result<Ending, Failure> {
    match command {
        SessionCommand::New { .. } => return describe(command, screen, daemon).await,
        SessionCommand::List => {
            screen.show(&daemon.sessions().await?, |sessions| show::list(sessions))?;
        }
        SessionCommand::Show { session } => {
            screen.show(&daemon.session(session).await?, |session| {
                show::session(session, screen.language())
            })?;
        }
        SessionCommand::Seats { session, import } => {
            let seats = match import {
                Some(path) => {
                    let seated = daemon.seat_all(session, read(path)?).await;
                    seated.map_err(|failure| in_file(failure, path))?
                }
                None => daemon.seats(session).await?,
            };
            screen.show(&seats, |seats| show::seats(seats))?;
        }
        SessionCommand::Slips { session } => {
            screen.show(&daemon.slips(session).await?, |slips| show::slips(slips))?;
        }
        SessionCommand::Code {
            session,
            seat,
            reason,
        } => {
            let because = Because {
                reason: Some(reason.clone()),
            };
            let slip = daemon.recode(session, seat, &because).await?;
            screen.show(&vec![slip], |slips| show::slips(slips))?;
        }
        SessionCommand::Prepare { choice } => return prepare(choice, screen, daemon).await,
        SessionCommand::Dismantle { choice } => {
            order("dismantle", choice, None, screen, daemon).await?
        }
        SessionCommand::Open { choice } => order("open", choice, None, screen, daemon).await?,
        SessionCommand::Resume { choice } => order("resume", choice, None, screen, daemon).await?,
        SessionCommand::HandIn { order: with } => {
            order("hand-in", &with.choice, Some(&with.reason), screen, daemon).await?;
        }
        SessionCommand::Absent { order: with } => {
            order("absent", &with.choice, Some(&with.reason), screen, daemon).await?;
        }
        SessionCommand::Pause { order: with, kind } => {
            let pause = Pause {
                which: which(&with.choice),
                kind: match kind {
                    Kind::Incident => PauseKind::Incident,
                    Kind::Break => PauseKind::Break,
                },
                reason: with.reason.clone(),
            };
            let done = daemon.order(&with.choice.session, "pause", &pause).await?;
            screen.show(&done, show::ordered)?;
        }
        SessionCommand::Extend {
            order: with,
            minutes,
        } => {
            let extend = Extend {
                which: which(&with.choice),
                by_ms: minutes * 60_000,
                reason: with.reason.clone(),
            };
            let done = daemon
                .order(&with.choice.session, "extend", &extend)
                .await?;
            screen.show(&done, show::ordered)?;
        }
        SessionCommand::Say {
            session,
            text,
            seat,
        } => {
            let say = Say {
                seat: seat.clone(),
                text: text.clone(),
            };
            daemon.tell_session(session, "say", &say).await?;
            screen.remark("said");
        }
        SessionCommand::Close { session } => {
            move_on("close", session, None, screen, daemon).await?
        }
        SessionCommand::Seal { session } => move_on("seal", session, None, screen, daemon).await?,
        SessionCommand::Reopen { session, reason } => {
            move_on("reopen", session, Some(reason), screen, daemon).await?;
        }
        SessionCommand::Cancel { session, reason } => {
            move_on("cancel", session, Some(reason), screen, daemon).await?;
        }
        SessionCommand::Clear { session, kept } => {
            let clear = Clear { kept: *kept };
            daemon.tell_session(session, "clear", &clear).await?;
            screen.remark("removed");
        }
        SessionCommand::Log { session, follow } => {
            return log(session, *follow, screen, daemon).await;
        }
    }
    Ok(Ending::Good)
}

fn which(choice: &Choice) -> Which {
    Which {
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

async fn describe(
    command: &SessionCommand,
    screen: Screen,
    daemon: &Daemon,
) -> Result<Ending, Failure> {
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
        return Ok(Ending::Good);
    };
    let new = NewSession {
        name: name.clone(),
        terms: Terms {
            title: title.clone(),
            block: block.clone(),
            centre: centre.clone(),
            from: from.clone(),
            to: to.as_ref().unwrap_or(from).clone(),
            responsible: responsible.clone(),
            jurors: jurors.clone(),
            invigilators: invigilators.clone(),
            mode: match mode {
                SessionMode::Training => Mode::Training,
                SessionMode::Exam => Mode::Exam,
            },
            seed: seed.clone(),
        },
        scenarios: sent(scenarios, insist.as_ref())?,
    };
    let made = daemon.new_session(&new).await?;
    screen.show(&made, |session| show::session(session, screen.language()))?;
    Ok(Ending::Good)
}

fn sent(paths: &[PathBuf], insist: Option<&String>) -> Result<Vec<NewScenario>, Failure> {
    let scenarios = paths.iter().map(|path| {
        let scenario = readable(path)?.scenario;
        Ok(NewScenario {
            files: folder::to_files(scenario.folder()),
            insist: insist.cloned(),
        })
    });
    scenarios.collect()
}

async fn order(
    what: &str,
    choice: &Choice,
    reason: Option<&String>,
    screen: Screen,
    daemon: &Daemon,
) -> Result<(), Failure> {
    let order = Order {
        which: which(choice),
        reason: reason.cloned(),
    };
    let done = daemon.order(&choice.session, what, &order).await?;
    screen.show(&done, show::ordered)
}

async fn move_on(
    what: &str,
    session: &str,
    reason: Option<&String>,
    screen: Screen,
    daemon: &Daemon,
) -> Result<(), Failure> {
    let because = Because {
        reason: reason.cloned(),
    };
    let moved = daemon.move_session(session, what, &because).await?;
    screen.show(&moved, |session| show::session(session, screen.language()))
}

/// Has labs built, and waits until each of them is there or broken.
async fn prepare(choice: &Choice, screen: Screen, daemon: &Daemon) -> Result<Ending, Failure> {
    let order = Order {
        which: which(choice),
        reason: None,
    };
    let session = &choice.session;
    // Listened for first, so that nothing is missed.
    let mut entries = daemon.session_events(session, u64::MAX).await?;
    let asked: Ordered = daemon.order(session, "prepare", &order).await?;
    let of = u64::try_from(asked.moved.len()).unwrap_or(0);
    let progress = Progress::new(screen, of);
    progress.doing(format!("building the labs of {session}"));
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
    Ok(Ending::so(
        done.values().all(|state| *state == AttemptState::Ready),
    ))
}

/// Where the attempts of an order are now.
async fn attempts(
    daemon: &Daemon,
    session: &str,
    asked: &Ordered,
) -> Result<BTreeMap<String, AttemptState>, Failure> {
    let seats = daemon.seats(session).await?;
    let all = seats.into_iter().flat_map(|seat| seat.attempts);
    let meant = all.filter(|attempt| asked.moved.iter().any(|one| one.id == attempt.id));
    Ok(meant.map(|attempt| (attempt.id, attempt.state)).collect())
}

async fn log(
    session: &str,
    follow: bool,
    screen: Screen,
    daemon: &Daemon,
) -> Result<Ending, Failure> {
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
            let entry: Entry = entry?;
            write_out(&show::entry(&entry, &numbers))?;
        }
    }
    Ok(Ending::so(whole.is_ok()))
}
