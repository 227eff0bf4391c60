//! The conductor: does what the attempts' states ask for, and keeps their deadlines.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plateau_core::api::{LabEvent, LabEventKind, NodeState};
use plateau_core::exam::clock::{ClockReading, WARNINGS_MS};
use plateau_core::exam::log::{LogAction, LogEntry};
use plateau_core::exam::session::{AttemptState, SessionMove, SessionState};
use plateau_labs::error::chain;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Conducting;
use super::interruptions::is_paused_by_staff;
use crate::sessions::SessionError;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::store::attempts::AttemptRow;
use crate::store::sessions::SessionRow;

/// How often the clock is written down while somebody works; so much can be lost by a kill.
const BEAT: Duration = Duration::from_millis(500);

/// What candidates see in their terminals when a person stops their clocks.
const PAUSED: &str = "Paused: your time stands still and your machines are frozen until it goes on.\r\n\
                      En pause : votre temps est arrêté et vos machines sont figées jusqu'à la reprise.";

/// When what failed is tried again.
const AGAIN_MS: u64 = 1000;

/// Conducts all sessions until the daemon stops.
pub(super) async fn conduct(conducting: Conducting) {
    let context = &conducting.context;
    let mut labs = conducting.labs.subscribe();
    let mut disk = conducting.labs.disk().watch();
    loop {
        let now = context.now_ms();
        let round = match conducting.round().await {
            Ok(round) => round,
            Err(error) => {
                tracing::error!(error = chain(&error), "sessions cannot be conducted");
                RoundOutcome {
                    next_ms: Some(now + AGAIN_MS),
                    working: true,
                }
            }
        };
        loop {
            let now = context.now_ms();
            let ahead = round.next_ms.map(|next| next.saturating_sub(now));
            if ahead == Some(0) {
                break;
            }
            // In short steps: a host that slept has missed its timers.
            let step = ahead.map_or(BEAT, |ahead| BEAT.min(Duration::from_millis(ahead)));
            tokio::select! {
                () = conducting.stop.cancelled() => return,
                () = context.woken() => break,
                () = await_lab_change(&mut labs) => break,
                Ok(()) = disk.changed() => break,
                () = tokio::time::sleep(step) => {}
            }
            if round.working
                && let Err(error) = conducting.beat().await
            {
                tracing::error!(error = chain(&error), "the clock cannot be written down");
            }
        }
    }
}

/// Waits until a lab is in another state.
async fn await_lab_change(events: &mut Receiver<LabEvent>) {
    loop {
        match events.recv().await {
            Ok(event) if !concerns_attempts(&event.what) => {}
            // Also where some were missed.
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            // The labs outlive the sessions; who stops is told so.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Whether an attempt may have to be looked at: its lab is in another state, a node came up that may have
/// to be frozen, or one has a full disk.
fn concerns_attempts(what: &LabEventKind) -> bool {
    matches!(
        what,
        LabEventKind::State { .. }
            | LabEventKind::Node {
                state: NodeState::Running,
                ..
            }
            | LabEventKind::Disk { alert: Some(_), .. }
    )
}

/// What a round found.
struct RoundOutcome {
    /// When there is something to do next, in milliseconds since the epoch.
    next_ms: Option<u64>,
    /// Whether a clock runs.
    working: bool,
}

impl RoundOutcome {
    fn schedule_round(&mut self, at_ms: u64) {
        self.next_ms = [self.next_ms, Some(at_ms)].into_iter().flatten().min();
    }
}

impl Conducting {
    async fn round(&self) -> Result<RoundOutcome, SessionError> {
        let mut round = RoundOutcome {
            next_ms: None,
            working: false,
        };
        for session in self.context.database().sessions().list().await? {
            if matches!(
                session.state,
                SessionState::Sealed | SessionState::Cancelled
            ) {
                continue;
            }
            let name = session.name.clone();
            // What cannot be written for one must not keep the others from their time.
            if let Err(error) = self.update_attempts(session, &mut round).await {
                let error = chain(&error);
                tracing::error!(session = name, error, "a session cannot be conducted");
                round.schedule_round(self.context.now_ms() + AGAIN_MS);
            }
        }
        self.heartbeat.set(round.working);
        if round.working
            && let Err(error) = self.beat().await
        {
            tracing::error!(error = chain(&error), "the clock cannot be written down");
            round.schedule_round(self.context.now_ms() + AGAIN_MS);
        }
        Ok(round)
    }

    /// Attends to all attempts of a session; of what fails, the first is told.
    async fn update_attempts(
        &self,
        session: SessionRow,
        round: &mut RoundOutcome,
    ) -> Result<(), SessionError> {
        let snapshot = self.context.snapshot(session).await?;
        let mut failed = self.sync_interruptions(&snapshot).await.err();
        let snapshot = self.context.snapshot(snapshot.session).await?;
        self.sync_freezing(&snapshot);
        for attempt in &snapshot.attempts {
            let attended = self.update_attempt(&snapshot, attempt, round).await;
            failed = failed.or(attended.err());
        }
        let told = self.warn_of_full_disk(&snapshot.session).await;
        failed = failed.or(told.err());
        match failed {
            Some(error) => Err(error),
            None => self.advance_session(&snapshot).await,
        }
    }

    async fn update_attempt(
        &self,
        snapshot: &SessionSnapshot,
        attempt: &AttemptRow,
        round: &mut RoundOutcome,
    ) -> Result<(), SessionError> {
        let now = self.context.now_ms();
        let reading = snapshot.reading(attempt, now);
        let deadline = reading.as_ref().and_then(|reading| reading.deadline_ms);
        let is_over = deadline.is_some_and(|deadline| deadline <= now);
        self.sync_terminal_access(snapshot, attempt, is_over);
        match attempt.state {
            AttemptState::Running | AttemptState::Paused => {
                round.working |= attempt.state == AttemptState::Running;
                self.warn_of_full_nodes(snapshot, attempt).await?;
                if let Some(reading) = reading {
                    self.set_lab_clock(attempt, &reading).await;
                    if let Some(next) = self
                        .enforce_deadline(snapshot, attempt, &reading, now)
                        .await?
                    {
                        round.schedule_round(next);
                    }
                }
            }
            AttemptState::Preparing | AttemptState::HandedIn | AttemptState::Kept => {
                self.start_work(attempt);
            }
            AttemptState::Waiting | AttemptState::Absent if attempt.lab.is_some() => {
                self.start_work(attempt);
            }
            AttemptState::Waiting
            | AttemptState::Absent
            | AttemptState::Broken
            | AttemptState::Ready
            | AttemptState::Graded => {}
        }
        Ok(())
    }

    /// Opens the terminals while the candidate may work, and closes them afterwards. When the time is
    /// up they close even while that cannot be written down.
    fn sync_terminal_access(
        &self,
        snapshot: &SessionSnapshot,
        attempt: &AttemptRow,
        is_over: bool,
    ) {
        let Some(lab) = attempt.lab.clone() else {
            return;
        };
        let terminals = self.terminals.clone();
        match attempt.state {
            // Nodes that are still frozen after a pause cannot be entered yet.
            AttemptState::Running if !is_over && self.labs.has_to_be_frozen(&lab, false) => {}
            AttemptState::Running if !is_over => terminals.open(&lab),
            AttemptState::Paused if is_paused_by_staff(snapshot.log.entries(), attempt) => {
                tokio::spawn(async move { terminals.close_saying(&lab, PAUSED).await });
            }
            AttemptState::Running
            | AttemptState::Paused
            | AttemptState::HandedIn
            | AttemptState::Kept
            | AttemptState::Graded
            | AttemptState::Absent => {
                tokio::spawn(async move { terminals.close(&lab).await });
            }
            AttemptState::Waiting
            | AttemptState::Preparing
            | AttemptState::Broken
            | AttemptState::Ready => {}
        }
    }

    /// Ends an attempt whose time is up, and warns one whose time runs out. When to look again.
    async fn enforce_deadline(
        &self,
        snapshot: &SessionSnapshot,
        attempt: &AttemptRow,
        reading: &ClockReading,
        now: u64,
    ) -> Result<Option<u64>, SessionError> {
        let Some(deadline) = reading.deadline_ms else {
            return Ok(None);
        };
        if deadline <= now {
            self.hand_in_at_deadline(attempt).await?;
            return Ok(None);
        }
        if attempt.state != AttemptState::Running {
            return Ok(Some(deadline));
        }
        if let Some(left_ms) = due_warning(snapshot.log.entries(), &attempt.id, reading) {
            let deed = LogAction::Warned {
                attempt: attempt.id.clone(),
                left_ms,
            };
            self.note(&attempt.session, None, deed).await?;
        }
        let next = WARNINGS_MS
            .into_iter()
            .filter(|at| *at < reading.remaining_ms);
        let next = next.map(|at| deadline - at).min();
        Ok(Some(next.unwrap_or(deadline)))
    }

    /// Moves a session on where its attempts have come to their ends.
    async fn advance_session(&self, snapshot: &SessionSnapshot) -> Result<(), SessionError> {
        let attempts = &snapshot.attempts;
        let by = match snapshot.session.state {
            SessionState::Preparing
                if !attempts
                    .iter()
                    .any(|attempt| attempt.state == AttemptState::Preparing) =>
            {
                SessionMove::Prepared
            }
            SessionState::Open if attempts.iter().all(|attempt| attempt.state.is_over()) => {
                SessionMove::Close
            }
            SessionState::Draft
            | SessionState::Preparing
            | SessionState::Ready
            | SessionState::Open
            | SessionState::Closed
            | SessionState::Sealed
            | SessionState::Cancelled => return Ok(()),
        };
        self.move_session_automatically(&snapshot.session.id, by)
            .await
    }

    /// Has somebody work on an attempt, unless somebody does.
    pub(super) fn start_work(&self, attempt: &AttemptRow) {
        let Some(busy) = WorkGuard::with(&self.busy, &attempt.id) else {
            return;
        };
        let conducting = self.clone();
        let attempt = attempt.id.clone();
        tokio::spawn(async move {
            let stop = conducting.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                () = conducting.work(&attempt) => {}
            }
            drop(busy);
            conducting.context.wake();
        });
    }

    /// Drives the scenario's events by the candidate's clock: they stand still while it does.
    async fn set_lab_clock(&self, attempt: &AttemptRow, reading: &ClockReading) {
        let Some(lab) = &attempt.lab else {
            return;
        };
        let worked = reading.granted_ms.saturating_sub(reading.remaining_ms);
        let worked = Duration::from_millis(worked);
        let runs = attempt.state == AttemptState::Running;
        if let Err(error) = self.labs.set_clock(lab, worked, runs).await {
            tracing::warn!(lab, error = chain(&error), "events do not happen");
        }
    }
}

/// That a job works on an attempt, for as long as it is held.
struct WorkGuard {
    busy: Arc<Mutex<BTreeSet<String>>>,
    attempt: String,
}

impl WorkGuard {
    /// `None` where one does already.
    fn with(busy: &Arc<Mutex<BTreeSet<String>>>, attempt: &str) -> Option<Self> {
        let mut attempts = busy.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.insert(attempt.to_owned()).then(|| Self {
            busy: Arc::clone(busy),
            attempt: attempt.to_owned(),
        })
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        let mut attempts = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.remove(&self.attempt);
    }
}

/// The warning that is due: of those that were granted at all, the last that is reached, unless it
/// was given since time was added last.
fn due_warning(log: &[LogEntry], of: &str, reading: &ClockReading) -> Option<u64> {
    let reached = WARNINGS_MS
        .into_iter()
        .filter(|at| *at < reading.granted_ms && reading.remaining_ms <= *at)
        .min()?;
    for entry in log.iter().rev() {
        if let LogAction::Warned { attempt, left_ms } = &entry.deed
            && attempt == of
            && *left_ms <= reached
        {
            return None;
        }
        if let LogAction::Extended { attempt, .. } | LogAction::GaveBack { attempt, .. } =
            &entry.deed
            && attempt == of
        {
            break;
        }
    }
    Some(reached)
}

#[cfg(test)]
mod tests {
    use plateau_core::exam::clock::{ClockEvent, TimeGrant, WHOLE, read};

    use super::*;

    const MINUTE: u64 = 60_000;

    fn reading(minutes: u64, passed: u64) -> ClockReading {
        let grant = TimeGrant {
            duration_ms: minutes * MINUTE,
            factor: WHOLE,
            breaks_ms: 0,
        };
        read(&grant, &[(0, ClockEvent::Start)], passed)
    }

    fn log(deeds: Vec<LogAction>) -> Vec<LogEntry> {
        let mut log: Vec<LogEntry> = Vec::new();
        for deed in deeds {
            let last = log.last().map(|last| (last.seq, last.hash.as_str()));
            let entry = LogEntry::after(last, 0, "system", None, deed);
            log.push(entry);
        }
        log
    }

    #[test]
    fn each_warning_is_given_once() {
        let warned = |left_ms| LogAction::Warned {
            attempt: "a".into(),
            left_ms,
        };
        assert_eq!(due_warning(&[], "a", &reading(60, 29 * MINUTE)), None);
        let at_30 = reading(60, 30 * MINUTE);
        assert_eq!(due_warning(&[], "a", &at_30), Some(30 * MINUTE));
        assert_eq!(
            due_warning(&log(vec![warned(30 * MINUTE)]), "a", &at_30),
            None
        );
        assert_eq!(
            due_warning(&log(vec![warned(30 * MINUTE)]), "b", &at_30),
            Some(30 * MINUTE)
        );
        let at_10 = reading(60, 51 * MINUTE);
        assert_eq!(
            due_warning(&log(vec![warned(30 * MINUTE)]), "a", &at_10),
            Some(10 * MINUTE)
        );
    }

    #[test]
    fn who_is_given_time_is_warned_again() {
        let log = log(vec![
            LogAction::Warned {
                attempt: "a".into(),
                left_ms: 2 * MINUTE,
            },
            LogAction::Extended {
                attempt: "a".into(),
                by_ms: 5 * MINUTE,
            },
        ]);
        let reading = reading(60, 59 * MINUTE);
        assert_eq!(due_warning(&log, "a", &reading), Some(2 * MINUTE));
    }

    #[test]
    fn who_never_had_so_much_is_not_warned_of_it() {
        assert_eq!(due_warning(&[], "a", &reading(20, 0)), None);
        assert_eq!(
            due_warning(&[], "a", &reading(20, 10 * MINUTE)),
            Some(10 * MINUTE)
        );
    }
}
