//! `plateau session gradings`, `regrade`, `accept` and `revisit`

use plateau_core::api::{AcceptGradingRequest, AttemptView, RegradeRequest};
use plateau_core::exam::session::AttemptState;

use super::SessionConsole;
use crate::args::{AttemptArgs, AttemptArgsWithReason, SessionCommand};
use crate::failure::{Ending, Failure};
use crate::folder;
use crate::progress::Progress;
use crate::scenario::readable;
use crate::show::grading::{self as show, AttemptGradings, RegradedAttempt};
use crate::show::lab as show_lab;

/// An attempt and its candidate's number.
type Meant = (String, AttemptView);

/// Shows the gradings of attempts.
pub(super) async fn gradings(
    desk: &SessionConsole<'_>,
    choice: &AttemptArgs,
) -> Result<(), Failure> {
    let all = graded(desk, choice).await?;
    desk.screen.show(&all, |all| show::gradings(all))
}

/// Grades attempts again, one after the other, and shows what would change. Ends well where each could
/// be graded.
pub(super) async fn regrade(
    desk: &SessionConsole<'_>,
    command: &SessionCommand,
) -> Result<Ending, Failure> {
    let SessionCommand::Regrade {
        session,
        scenario,
        seats,
        reason,
        from_facts,
    } = command
    else {
        return Ok(Ending::Good);
    };
    let mended = readable(scenario)?.scenario;
    let named = mended.draw("").map_err(Failure::Problems)?.scenario;
    let new = RegradeRequest {
        files: folder::to_files(mended.folder()),
        reason: reason.clone(),
        ask: !from_facts,
    };
    let choice = AttemptArgs {
        session: session.clone(),
        seats: seats.clone(),
        scenario: Some(named),
    };
    let mut meant = selected_attempts(desk, &choice).await?;
    meant.retain(|(_, attempt)| attempt.state == AttemptState::Graded);
    if meant.is_empty() {
        return Err(Failure::NothingGraded {
            session: session.clone(),
        });
    }
    let progress = Progress::new(desk.screen, u64::try_from(meant.len()).unwrap_or(0));
    let mut all = Vec::new();
    for (number, attempt) in meant {
        progress.set_message(format!("grading seat {number} again"));
        let (proposal, problem) = match desk.daemon.regrade(&attempt.id, &new).await {
            Ok(proposal) => (Some(proposal), None),
            // What cannot be done for one candidate may be for the others.
            Err(Failure::Answered(error)) => (None, Some(error)),
            Err(failure) => return Err(failure),
        };
        all.push(RegradedAttempt {
            seat: number,
            attempt: attempt.id,
            proposal,
            problem,
        });
        progress.step();
    }
    drop(progress);
    desk.screen.show(&all, |all| show::regraded(all))?;
    let good = all.iter().all(|one| one.problem.is_none());
    if all.iter().any(|one| one.proposal.is_some()) {
        desk.screen.remark(&format!(
            "nothing counts yet: `plateau session accept {session} --reason …` lets it"
        ));
    }
    Ok(Ending::from_bool(good))
}

/// Lets a grading count: one, or of each attempt the last.
pub(super) async fn accept(
    desk: &SessionConsole<'_>,
    order: &AttemptArgsWithReason,
    grading: Option<&str>,
) -> Result<(), Failure> {
    let session = &order.choice.session;
    let accept = AcceptGradingRequest {
        reason: order.reason.clone(),
    };
    let mut accepted = 0;
    for (_, attempt) in selected_attempts(desk, &order.choice).await? {
        let gradings = desk.daemon.gradings(&attempt.id).await?;
        let chosen = match grading {
            Some(id) => gradings.iter().find(|one| one.id == id),
            None => gradings.last().filter(|last| !last.accepted),
        };
        if let Some(chosen) = chosen {
            desk.daemon.accept(&attempt.id, &chosen.id, &accept).await?;
            accepted += 1;
        }
    }
    if let Some(id) = grading.filter(|_| accepted == 0) {
        return Err(Failure::NoGrading {
            session: session.clone(),
            grading: id.to_owned(),
        });
    }
    let all = graded(desk, &order.choice).await?;
    desk.screen.show(&all, |all| show::gradings(all))
}

/// Opens a lab again, or removes it.
pub(super) async fn revisit(
    desk: &SessionConsole<'_>,
    command: &SessionCommand,
) -> Result<(), Failure> {
    let SessionCommand::Revisit {
        session,
        seat,
        scenario,
        end,
    } = command
    else {
        return Ok(());
    };
    let choice = AttemptArgs {
        session: session.clone(),
        seats: vec![seat.clone()],
        scenario: scenario.clone(),
    };
    let mut meant = selected_attempts(desk, &choice).await?;
    if meant.len() > 1 {
        let scenarios = meant.into_iter().map(|(_, attempt)| attempt.scenario);
        return Err(Failure::WhichScenario {
            scenarios: scenarios.collect(),
        });
    }
    let Some((_, attempt)) = meant.pop() else {
        return Err(Failure::NoSeat {
            session: session.clone(),
            seat: seat.clone(),
        });
    };
    if *end {
        desk.daemon.leave(&attempt.id).await?;
        desk.screen.remark("removed");
        return Ok(());
    }
    let lab = desk.daemon.revisit(&attempt.id).await?;
    let language = desk.screen.language();
    desk.screen.show(&lab, |lab| show_lab::lab(lab, language))?;
    desk.screen.remark(&format!(
        "`plateau lab shell {} NODE` enters it; `plateau session revisit {session} {seat} --end` removes it",
        lab.name
    ));
    Ok(())
}

/// The gradings of the attempts that are meant and have any.
async fn graded(
    desk: &SessionConsole<'_>,
    choice: &AttemptArgs,
) -> Result<Vec<AttemptGradings>, Failure> {
    let mut all = Vec::new();
    for (seat, attempt) in selected_attempts(desk, choice).await? {
        let gradings = desk.daemon.gradings(&attempt.id).await?;
        all.push(AttemptGradings {
            seat,
            scenario: attempt.scenario,
            gradings,
        });
    }
    all.retain(|one| !one.gradings.is_empty());
    Ok(all)
}

/// The attempts that are meant.
async fn selected_attempts(
    desk: &SessionConsole<'_>,
    choice: &AttemptArgs,
) -> Result<Vec<Meant>, Failure> {
    let seats = desk.daemon.seats(&choice.session).await?;
    let known = |wanted: &&String| seats.iter().any(|seat| seat.number == **wanted);
    if let Some(seat) = choice.seats.iter().find(|wanted| !known(wanted)) {
        return Err(Failure::NoSeat {
            session: choice.session.clone(),
            seat: seat.clone(),
        });
    }
    let mut meant = Vec::new();
    for seat in seats {
        if !choice.seats.is_empty() && !choice.seats.contains(&seat.number) {
            continue;
        }
        for attempt in seat.attempts {
            let wanted = choice.scenario.as_ref();
            if wanted.is_none_or(|wanted| *wanted == attempt.scenario) {
                meant.push((seat.number.clone(), attempt));
            }
        }
    }
    Ok(meant)
}
