//! Exam sessions and who sits in them.

use std::collections::BTreeMap;

use plateau_core::api::{
    AccessSlip, AttemptView, AttemptsResponse, KeyView, OrderNotice, ReceiptView, SeatView,
    SessionView,
};
use plateau_core::exam::clock::{ClockState, PauseKind, WHOLE};
use plateau_core::exam::log::{LogAction, LogEntry, LogError};
use plateau_core::exam::session::{AttemptState, SessionMove};
use plateau_core::messages::Language;

use super::{lines, moment, table};
use crate::style::{FAINT, GOOD, HEAD, UNSURE, WRONG, styled};

/// Sessions, a line each.
pub(crate) fn list(sessions: &[SessionView]) -> String {
    if sessions.is_empty() {
        return "no sessions; `plateau session new NAME` describes one\n".to_owned();
    }
    let mut table = table(["NAME", "STATE", "TITLE", "CENTRE", "FROM", "TO", "SEATS"]);
    for session in sessions {
        table.add_row([
            session.name.clone(),
            session.state.to_string(),
            title(session),
            session.terms.centre.clone(),
            session.terms.from.clone(),
            session.terms.to.clone(),
            session.seats.to_string(),
        ]);
    }
    lines(&table)
}

fn title(session: &SessionView) -> String {
    match &session.terms.block {
        Some(block) => format!("{} {block}", session.terms.title),
        None => session.terms.title.clone(),
    }
}

/// One session, whole.
pub(crate) fn session(session: &SessionView, language: Language) -> String {
    let terms = &session.terms;
    let mode = match terms.mode {
        plateau_core::feedback::AssessmentMode::Training => "training",
        plateau_core::feedback::AssessmentMode::Exam => "exam",
    };
    let attempts = session.attempts.iter();
    let attempts: Vec<String> = attempts
        .map(|(state, number)| format!("{number} {state}"))
        .collect();
    let moves: Vec<&str> = session
        .moves
        .iter()
        .copied()
        .map(SessionMove::word)
        .collect();
    let mut text = format!("{}  {}\n", styled(HEAD, &session.name), session.state);
    for (what, value) in [
        ("title", title(session)),
        ("mode", mode.to_owned()),
        ("centre", terms.centre.clone()),
        ("days", format!("{} to {}", terms.from, terms.to)),
        ("responsible", terms.responsible.clone()),
        ("jurors", terms.jurors.join(", ")),
        ("seats", session.seats.to_string()),
        ("attempts", attempts.join(", ")),
        (
            "rehearsal",
            session
                .rehearsal
                .as_ref()
                .map_or_else(String::new, super::rehearsal::verdict),
        ),
        ("can", moves.join(", ")),
        ("id", session.id.clone()),
    ] {
        if !value.is_empty() {
            text.push_str(&format!("  {what:<11} {value}\n"));
        }
    }
    let mut table = table(["SCENARIO", "TITLE", "MINUTES", "BLOCKS", "PROVEN", "HASH"]);
    for scenario in &session.scenarios {
        let proven = match scenario.proven_ms {
            Some(_) => styled(GOOD, "yes"),
            None => styled(UNSURE, "no"),
        };
        table.add_row([
            scenario.id.clone(),
            language.of(&scenario.title).to_owned(),
            (scenario.duration_ms / 60_000).to_string(),
            scenario.blocks.join(" "),
            proven,
            styled(FAINT, scenario.hash.chars().take(12).collect::<String>()),
        ]);
    }
    format!("{text}\n{}", lines(&table))
}

/// Candidates, an attempt a line.
pub(crate) fn seats(seats: &[SeatView]) -> String {
    if seats.is_empty() {
        return "no candidates; `plateau session seats NAME --import FILE` lists them\n".to_owned();
    }
    let mut table = table([
        "NUMBER", "NAME", "SCENARIO", "STATE", "LEFT", "FACTOR", "PROBLEM",
    ]);
    for seat in seats {
        for attempt in &seat.attempts {
            table.add_row([
                seat.number.clone(),
                seat.name.clone(),
                attempt.scenario.clone(),
                state(attempt.state),
                left(attempt),
                factor(seat.factor),
                attempt.problem.clone().unwrap_or_default(),
            ]);
        }
        if seat.attempts.is_empty() {
            let none = styled(UNSURE, "no scenario is about the blocks presented");
            table.add_row([seat.number.clone(), seat.name.clone(), none]);
        }
    }
    lines(&table)
}

fn state(state: AttemptState) -> String {
    match state {
        AttemptState::Broken => styled(WRONG, state),
        AttemptState::Paused | AttemptState::Preparing => styled(UNSURE, state),
        AttemptState::Ready | AttemptState::Running | AttemptState::Graded => styled(GOOD, state),
        AttemptState::Waiting
        | AttemptState::HandedIn
        | AttemptState::Kept
        | AttemptState::Absent => state.to_string(),
    }
}

fn left(attempt: &AttemptView) -> String {
    let seconds = attempt.clock.remaining_ms.div_ceil(1000);
    let shown = format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    match attempt.clock.state {
        ClockState::Unstarted | ClockState::Running => shown,
        ClockState::Paused(PauseKind::Incident) => format!("{shown} stopped"),
        ClockState::Paused(PauseKind::Break) => format!("{shown} break"),
        ClockState::Stopped => String::new(),
    }
}

fn factor(factor: u32) -> String {
    if factor == WHOLE {
        return String::new();
    }
    format!("{}.{:03}", factor / WHOLE, factor % WHOLE)
}

/// A candidate's keys.
pub(crate) fn keys(keys: &[KeyView]) -> String {
    if keys.is_empty() {
        return "no key opens anything; the access code does\n".to_owned();
    }
    let mut table = table(["FINGERPRINT", "KEY"]);
    for key in keys {
        table.add_row([&key.fingerprint, &key.key]);
    }
    lines(&table)
}

/// Receipts, a line each, as candidates keep them.
pub(crate) fn receipts(receipts: &[ReceiptView]) -> String {
    if receipts.is_empty() {
        return "nothing was handed in yet\n".to_owned();
    }
    let lines = receipts.iter().map(|receipt| format!("{}\n", receipt.line));
    lines.collect()
}

/// Access codes.
pub(crate) fn slips(slips: &[AccessSlip]) -> String {
    let mut table = table(["NUMBER", "NAME", "CODE"]);
    for slip in slips {
        table.add_row([&slip.number, &slip.name, &slip.code]);
    }
    lines(&table)
}

/// What is to be known about an order.
pub(crate) fn notice(notice: OrderNotice) -> &'static str {
    match notice {
        OrderNotice::RootOfHost => {
            "note: root in a node is root on the host, held by capabilities and filters alone; \
             `plateau doctor` says how nodes get users of their own"
        }
    }
}

/// What an order did.
pub(crate) fn ordered(ordered: &AttemptsResponse) -> String {
    let mut table = table(["NUMBER", "SCENARIO", "STATE", "LEFT"]);
    for attempt in &ordered.attempts {
        table.add_row([
            attempt.seat.clone(),
            attempt.scenario.clone(),
            state(attempt.state),
            left(attempt),
        ]);
    }
    lines(&table)
}

/// A log, and whether it is whole.
pub(crate) fn log(
    log: &[LogEntry],
    numbers: &BTreeMap<String, String>,
    whole: &Result<(), LogError>,
) -> String {
    let mut text: String = log.iter().map(|one| entry(one, numbers)).collect();
    let last = log.last().map_or("", |last| last.hash.as_str());
    text.push_str(&match whole {
        Ok(()) => format!(
            "{} {}\n",
            styled(GOOD, "the log is whole:"),
            styled(FAINT, last)
        ),
        Err(error) => format!("{} {error}\n", styled(WRONG, "the log is not whole:")),
    });
    text
}

/// One entry of a log.
pub(crate) fn entry(entry: &LogEntry, numbers: &BTreeMap<String, String>) -> String {
    let at = moment(entry.at_ms);
    let reason = match &entry.reason {
        Some(reason) => styled(FAINT, format!(" ({reason})")),
        None => String::new(),
    };
    format!(
        "{:>5}  {at}  {:<12}  {}{reason}\n",
        entry.seq,
        entry.actor,
        deed(&entry.deed, numbers)
    )
}

fn deed(deed: &LogAction, numbers: &BTreeMap<String, String>) -> String {
    let of = |attempt: &String| numbers.get(attempt).unwrap_or(attempt).clone();
    match deed {
        LogAction::Created {} => "describes the session".to_owned(),
        LogAction::Changed { what } => what.clone(),
        LogAction::Insisted { scenario } => format!("takes `{scenario}` without a proof"),
        LogAction::Session { by } => format!("session: {by}"),
        LogAction::Attempt { attempt, by, pause } => {
            let kind = match pause {
                Some(PauseKind::Incident) => ", an incident",
                Some(PauseKind::Break) => ", a break",
                None => "",
            };
            format!("{}: {by}{kind}", of(attempt))
        }
        LogAction::Extended { attempt, by_ms } => {
            format!("{}: {} s more", of(attempt), by_ms / 1000)
        }
        LogAction::GaveBack { attempt, by_ms } => {
            format!("{}: {} ms given back", of(attempt), by_ms)
        }
        LogAction::Warned { attempt, left_ms } => {
            format!("{}: {} min left", of(attempt), left_ms / 60_000)
        }
        LogAction::Entered { seat, from } => format!("{seat}: came in from {from}"),
        LogAction::Recoded { seat } => format!("{seat}: another access code"),
        LogAction::Said { seat, text } => match seat {
            Some(seat) => format!("to {seat}: {text}"),
            None => format!("to all: {text}"),
        },
        LogAction::Rehearsed { holds: true, .. } => "rehearsed: the room holds it".to_owned(),
        LogAction::Rehearsed { holds: false, .. } => {
            "rehearsed: the room does not hold it".to_owned()
        }
        LogAction::Saved {
            attempt,
            task,
            content,
        } => format!("{}: saved `{task}` {content}", of(attempt)),
        LogAction::Accepted { attempt, grading } => {
            format!("{}: accepted grading {grading}", of(attempt))
        }
        LogAction::Judged { attempt, what, .. } => format!("{}: judged {what}", of(attempt)),
        LogAction::Alarmed { what } => format!("alarm: {what}"),
    }
}
