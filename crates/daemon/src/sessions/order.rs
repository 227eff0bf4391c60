//! Orders of those who conduct a session: each is one transaction, with its entries in the log.

use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::log::{Deed, Entry};
use plateau_core::exam::message::{Extend, Order, Ordered, Pause, Say, SessionView, Which};
use plateau_core::exam::session::{AttemptMove, AttemptState, SessionMove, SessionState};

use super::{SYSTEM, SessionError, Sessions, Whole};
use crate::store::sessions::{
    AttemptRow, Writing, append, commit, move_attempt, move_session, moved, session_moved,
};

/// Most that one extension may grant: a day.
const MOST_MS: u64 = 24 * 3_600_000;

/// Longest text that is said to candidates, in characters.
const TEXT: usize = 1000;

/// A transaction under way, at one moment, by one actor.
struct Act<'a> {
    tx: Writing,
    session: &'a str,
    at_ms: u64,
    actor: &'a str,
    reason: Option<String>,
    entries: Vec<Entry>,
}

impl Act<'_> {
    async fn write(&mut self, deed: Deed) -> Result<(), SessionError> {
        let reason = self.reason.clone();
        let entry = append(
            &mut self.tx,
            self.session,
            self.at_ms,
            self.actor,
            reason,
            deed,
        )
        .await?;
        self.entries.push(entry);
        Ok(())
    }

    /// Moves an attempt. Whoever holds the session's gate has seen where it is.
    async fn attempt(
        &mut self,
        attempt: &AttemptRow,
        by: AttemptMove,
        deed: Deed,
    ) -> Result<bool, SessionError> {
        let Some(to) = attempt.state.after(by) else {
            return Ok(false);
        };
        if !move_attempt(&mut self.tx, &attempt.id, attempt.state, to).await? {
            return Ok(false);
        }
        self.write(deed).await?;
        Ok(true)
    }

    async fn session(&mut self, from: SessionState, by: SessionMove) -> Result<(), SessionError> {
        if let Some(to) = from.after(by)
            && move_session(&mut self.tx, self.session, from, to).await?
        {
            self.write(session_moved(by)).await?;
        }
        Ok(())
    }
}

impl Sessions {
    fn act<'a>(
        tx: Writing,
        whole: &'a Whole,
        at_ms: u64,
        actor: &'a str,
        reason: Option<String>,
    ) -> Act<'a> {
        Act {
            tx,
            session: &whole.session.id,
            at_ms,
            actor,
            reason,
            entries: Vec::new(),
        }
    }

    async fn done(&self, act: Act<'_>) -> Result<(), SessionError> {
        let session = act.session.to_owned();
        commit(act.tx).await?;
        self.tell(&session, act.entries);
        Ok(())
    }

    /// Has labs built for those who have none.
    ///
    /// # Errors
    /// There is nobody to prepare, the session is past it, or the machine cannot hold them.
    pub async fn prepare(
        &self,
        session: &str,
        order: Order,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        let id = self.find(session).await?.id;
        let gate = self.gate(&id);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&id).await?).await?;
        let state = whole.session.state;
        whole.in_states(&[
            SessionState::Draft,
            SessionState::Preparing,
            SessionState::Ready,
            SessionState::Open,
        ])?;
        let chosen = whole.choose(&order.which, |state| state.after(AttemptMove::Prepare))?;
        self.check_room(&whole, &chosen).await?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, order.reason);
        act.session(state, SessionMove::Prepare).await?;
        for attempt in &chosen {
            let deed = moved(&attempt.id, AttemptMove::Prepare);
            act.attempt(attempt, AttemptMove::Prepare, deed).await?;
        }
        self.done(act).await?;
        self.ordered(&whole, &chosen).await
    }

    /// Has the labs of those removed who have not begun.
    ///
    /// # Errors
    /// Somebody has begun, or there is nothing to remove.
    pub async fn dismantle(
        &self,
        session: &str,
        order: Order,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        let id = self.find(session).await?.id;
        let gate = self.gate(&id);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&id).await?).await?;
        let state = whole.session.state;
        whole.in_states(&[
            SessionState::Preparing,
            SessionState::Ready,
            SessionState::Open,
        ])?;
        let chosen = whole.choose(&order.which, |state| state.after(AttemptMove::Dismantle))?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, order.reason);
        for attempt in &chosen {
            let deed = moved(&attempt.id, AttemptMove::Dismantle);
            act.attempt(attempt, AttemptMove::Dismantle, deed).await?;
        }
        let all_gone = whole.attempts.iter().all(|attempt| {
            attempt.state == AttemptState::Waiting || chosen.iter().any(|one| one.id == attempt.id)
        });
        if all_gone {
            act.session(state, SessionMove::Dismantle).await?;
        }
        self.done(act).await?;
        self.ordered(&whole, &chosen).await
    }

    /// Opens the door: all clocks that start here start at the same moment.
    ///
    /// # Errors
    /// The session is not ready, or nobody waits.
    pub async fn start(
        &self,
        session: &str,
        order: Order,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        let id = self.find(session).await?.id;
        let gate = self.gate(&id);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&id).await?).await?;
        let state = whole.session.state;
        whole.in_states(&[SessionState::Ready, SessionState::Open])?;
        let chosen = whole.choose(&order.which, |state| state.after(AttemptMove::Start))?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, order.reason);
        act.session(state, SessionMove::Open).await?;
        for attempt in &chosen {
            let deed = moved(&attempt.id, AttemptMove::Start);
            act.attempt(attempt, AttemptMove::Start, deed).await?;
        }
        self.done(act).await?;
        self.ordered(&whole, &chosen).await
    }

    /// Stops clocks.
    ///
    /// # Errors
    /// No reason is given, or nobody concerned works.
    pub async fn pause(
        &self,
        session: &str,
        pause: Pause,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        let kind = Some(pause.kind);
        let reason = Some(pause.reason);
        self.move_open(
            session,
            &pause.which,
            AttemptMove::Pause,
            kind,
            reason,
            actor,
        )
        .await
    }

    /// Lets clocks go on.
    ///
    /// # Errors
    /// Nobody concerned is paused.
    pub async fn resume(
        &self,
        session: &str,
        order: Order,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        let reason = order.reason.or_else(|| Some(String::new()));
        self.move_open(
            session,
            &order.which,
            AttemptMove::Resume,
            None,
            reason,
            actor,
        )
        .await
    }

    /// Ends work on attempts: their doors close now, what is left is kept and graded.
    ///
    /// # Errors
    /// No reason is given, or nobody concerned works.
    pub async fn hand_in(
        &self,
        session: &str,
        order: Order,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        self.move_open(
            session,
            &order.which,
            AttemptMove::HandIn,
            None,
            order.reason,
            actor,
        )
        .await
    }

    /// Says that candidates did not come.
    ///
    /// # Errors
    /// No reason is given, or they have begun.
    pub async fn miss_out(
        &self,
        session: &str,
        order: Order,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        self.move_open(
            session,
            &order.which,
            AttemptMove::MissOut,
            None,
            order.reason,
            actor,
        )
        .await
    }

    async fn move_open(
        &self,
        session: &str,
        which: &Which,
        by: AttemptMove,
        pause: Option<PauseKind>,
        reason: Option<String>,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        let reason = match (by, reason) {
            (_, None) => return Err(SessionError::NoReason),
            (AttemptMove::Resume, Some(reason)) => Some(reason).filter(|text| !text.is_empty()),
            (_, Some(reason)) if reason.trim().is_empty() => return Err(SessionError::NoReason),
            (_, reason) => reason,
        };
        let id = self.find(session).await?.id;
        let gate = self.gate(&id);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&id).await?).await?;
        whole.in_states(&[SessionState::Open, SessionState::Ready])?;
        let chosen = whole.choose(which, |state| state.after(by))?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, reason);
        for attempt in &chosen {
            let deed = Deed::Attempt {
                attempt: attempt.id.clone(),
                by,
                pause,
            };
            act.attempt(attempt, by, deed).await?;
        }
        self.done(act).await?;
        self.ordered(&whole, &chosen).await
    }

    /// Grants more time, also to those who have not begun yet.
    ///
    /// # Errors
    /// No reason is given, it is nothing or more than a day, or nobody concerned can use it.
    pub async fn extend(
        &self,
        session: &str,
        extend: Extend,
        actor: &str,
    ) -> Result<Ordered, SessionError> {
        if extend.reason.trim().is_empty() {
            return Err(SessionError::NoReason);
        }
        if !(1..=MOST_MS).contains(&extend.by_ms) {
            return Err(SessionError::Terms {
                what: format!("{} ms are no extension", extend.by_ms),
                hint: "more than nothing, at most a day".to_owned(),
            });
        }
        let id = self.find(session).await?.id;
        let gate = self.gate(&id);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&id).await?).await?;
        let can_use = |state: AttemptState| match state {
            AttemptState::Waiting
            | AttemptState::Preparing
            | AttemptState::Broken
            | AttemptState::Ready
            | AttemptState::Running
            | AttemptState::Paused => Some(state),
            AttemptState::HandedIn
            | AttemptState::Kept
            | AttemptState::Graded
            | AttemptState::Absent => None,
        };
        let chosen = whole.choose(&extend.which, can_use)?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, Some(extend.reason));
        for attempt in &chosen {
            act.write(Deed::Extended {
                attempt: attempt.id.clone(),
                by_ms: extend.by_ms,
            })
            .await?;
        }
        self.done(act).await?;
        self.ordered(&whole, &chosen).await
    }

    /// Says something to one candidate or to all.
    ///
    /// # Errors
    /// There is no such seat, or nothing or too much is said.
    pub async fn say(&self, session: &str, say: Say, actor: &str) -> Result<(), SessionError> {
        if say.text.trim().is_empty() || say.text.chars().count() > TEXT {
            return Err(SessionError::Terms {
                what: "this cannot be said".to_owned(),
                hint: format!("1 to {TEXT} characters"),
            });
        }
        let whole = self.whole(self.find(session).await?).await?;
        let which = Which {
            seats: say.seat.clone().map(|seat| vec![seat]),
            scenario: None,
        };
        whole.known(&which)?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, None);
        act.write(Deed::Said {
            seat: say.seat,
            text: say.text,
        })
        .await?;
        self.done(act).await
    }

    /// Moves the session itself: closes it (who has not begun is absent), seals it, opens it again,
    /// or gives it up.
    ///
    /// # Errors
    /// The move is not legal here, a reason is missing, or somebody still works.
    pub async fn move_on(
        &self,
        session: &str,
        by: SessionMove,
        reason: Option<String>,
        actor: &str,
    ) -> Result<SessionView, SessionError> {
        let id = self.find(session).await?.id;
        let gate = self.gate(&id);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&id).await?).await?;
        let state = whole.session.state;
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        if state.after(by).is_none() {
            let legal: Vec<&str> = state.moves().map(SessionMove::word).collect();
            return Err(SessionError::State {
                session: whole.session.name,
                state,
                hint: format!("from there it can {}", legal.join(", ")),
            });
        }
        if reason.is_none() && matches!(by, SessionMove::Reopen | SessionMove::Cancel) {
            return Err(SessionError::NoReason);
        }
        let begun: Vec<_> = whole
            .attempts
            .iter()
            .filter(|attempt| {
                !attempt.state.is_over() && attempt.state.after(AttemptMove::MissOut).is_none()
            })
            .map(|attempt| (whole.seat_number(attempt), attempt.state))
            .collect();
        if by == SessionMove::Close && !begun.is_empty() {
            return Err(SessionError::Attempts { attempts: begun });
        }
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, reason);
        if by == SessionMove::Close {
            for attempt in &whole.attempts {
                let deed = moved(&attempt.id, AttemptMove::MissOut);
                act.attempt(attempt, AttemptMove::MissOut, deed).await?;
            }
        }
        act.session(state, by).await?;
        self.done(act).await?;
        self.show(&id).await
    }

    /// Removes the labs of attempts that are over and, where that is wanted, the images of what was
    /// handed in.
    ///
    /// # Errors
    /// The session goes on, or not all could be removed.
    pub async fn clear(&self, session: &str, kept: bool, actor: &str) -> Result<(), SessionError> {
        let id = self.find(session).await?.id;
        let gate = self.gate(&id);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&id).await?).await?;
        whole.in_states(&[
            SessionState::Open,
            SessionState::Closed,
            SessionState::Cancelled,
        ])?;
        let over = whole
            .attempts
            .iter()
            .filter(|attempt| attempt.state.is_over());
        let mut what = "the labs of those who are done".to_owned();
        if kept {
            what.push_str(", and all that was kept of them");
        }
        for attempt in over {
            self.clear_lab(attempt).await?;
            if kept {
                self.inner.labs.forget_kept(&attempt.id).await?;
            }
        }
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, actor, None);
        act.write(Deed::Changed {
            what: format!("removed: {what}"),
        })
        .await?;
        self.done(act).await
    }

    /// Moves an attempt by ourselves. Whether it was where that is legal.
    pub(super) async fn move_by_itself(
        &self,
        attempt: &AttemptRow,
        by: AttemptMove,
        reason: Option<&str>,
    ) -> Result<bool, SessionError> {
        let gate = self.gate(&attempt.session);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(&attempt.session).await?).await?;
        let Some(now_is) = whole.attempts.iter().find(|one| one.id == attempt.id) else {
            return Ok(false);
        };
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, SYSTEM, reason.map(str::to_owned));
        let done = act.attempt(now_is, by, moved(&attempt.id, by)).await?;
        self.done(act).await?;
        Ok(done)
    }

    /// Moves a session by ourselves, where that is legal.
    pub(super) async fn move_session_by_itself(
        &self,
        session: &str,
        by: SessionMove,
    ) -> Result<(), SessionError> {
        let gate = self.gate(session);
        let _gate = gate.lock().await;
        let whole = self.whole(self.find(session).await?).await?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, SYSTEM, None);
        act.session(whole.session.state, by).await?;
        self.done(act).await
    }

    /// Writes down what nobody ordered.
    pub(super) async fn note(
        &self,
        session: &str,
        reason: Option<&str>,
        deed: Deed,
    ) -> Result<(), SessionError> {
        let whole = self.whole(self.find(session).await?).await?;
        let tx = self.inner.database.begin().await?;
        let now = self.inner.clock.now_ms();
        let mut act = Self::act(tx, &whole, now, SYSTEM, reason.map(str::to_owned));
        act.write(deed).await?;
        self.done(act).await
    }

    /// Gives every candidate who works the time back for which nobody was there.
    pub(super) async fn give_back(&self, away_ms: u64) -> Result<(), SessionError> {
        if away_ms == 0 {
            return Ok(());
        }
        for session in self.inner.database.sessions().await? {
            if session.state != SessionState::Open {
                continue;
            }
            let whole = self.whole(session).await?;
            let tx = self.inner.database.begin().await?;
            let now = self.inner.clock.now_ms();
            let reason = "the daemon was not there".to_owned();
            let mut act = Self::act(tx, &whole, now, SYSTEM, Some(reason));
            for attempt in &whole.attempts {
                if attempt.state == AttemptState::Running {
                    act.write(Deed::GaveBack {
                        attempt: attempt.id.clone(),
                        by_ms: away_ms,
                    })
                    .await?;
                }
            }
            self.done(act).await?;
        }
        Ok(())
    }

    /// The attempts that an order moved, as they are now.
    async fn ordered(
        &self,
        before: &Whole,
        chosen: &[AttemptRow],
    ) -> Result<Ordered, SessionError> {
        let now = self.inner.clock.now_ms();
        let whole = self.whole(self.find(&before.session.id).await?).await?;
        let moved = whole.attempts.iter();
        let moved = moved.filter(|attempt| chosen.iter().any(|one| one.id == attempt.id));
        Ok(Ordered {
            moved: moved
                .map(|attempt| whole.attempt_view(attempt, now))
                .collect(),
        })
    }
}

impl Whole {
    fn seat_number(&self, attempt: &AttemptRow) -> String {
        self.seat(attempt)
            .map_or_else(|| attempt.seat.clone(), |seat| seat.number.clone())
    }

    fn in_states(&self, allowed: &[SessionState]) -> Result<(), SessionError> {
        if allowed.contains(&self.session.state) {
            return Ok(());
        }
        let words: Vec<&str> = allowed.iter().map(|state| state.word()).collect();
        Err(SessionError::State {
            session: self.session.name.clone(),
            state: self.session.state,
            hint: format!("it can be done where the session is {}", words.join(", ")),
        })
    }

    /// Whether all that is named is there.
    fn known(&self, which: &Which) -> Result<(), SessionError> {
        let numbers: Vec<&String> = self.seats.values().map(|seat| &seat.number).collect();
        let wanted = which.seats.iter().flatten();
        if let Some(seat) = wanted.into_iter().find(|seat| !numbers.contains(seat)) {
            return Err(SessionError::NoSuchSeat {
                session: self.session.name.clone(),
                seat: seat.clone(),
            });
        }
        let known = |wanted: &String| self.scenarios.iter().any(|row| row.scenario == *wanted);
        match which.scenario.as_ref().filter(|wanted| !known(wanted)) {
            Some(scenario) => Err(SessionError::NoSuchScenario {
                session: self.session.name.clone(),
                scenario: scenario.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The attempts that are meant and for which it can be done. Where seats are named it has to be
    /// possible for each of them.
    fn choose(
        &self,
        which: &Which,
        can: impl Fn(AttemptState) -> Option<AttemptState>,
    ) -> Result<Vec<AttemptRow>, SessionError> {
        self.known(which)?;
        let meant = self.attempts.iter().filter(|attempt| {
            let seat = self.seat_number(attempt);
            let scenario = &attempt.scenario;
            which
                .seats
                .as_ref()
                .is_none_or(|seats| seats.contains(&seat))
                && which.scenario.as_ref().is_none_or(|one| one == scenario)
        });
        let (good, bad): (Vec<_>, Vec<_>) = meant
            .cloned()
            .partition(|attempt| can(attempt.state).is_some());
        let unserved = |attempt: &AttemptRow| !good.iter().any(|one| one.seat == attempt.seat);
        let stuck: Vec<_> = bad
            .iter()
            .filter(|attempt| unserved(attempt))
            .map(|attempt| (self.seat_number(attempt), attempt.state))
            .collect();
        if which.seats.is_some() && !stuck.is_empty() {
            return Err(SessionError::Attempts { attempts: stuck });
        }
        if good.is_empty() {
            return Err(SessionError::Nobody);
        }
        Ok(good)
    }
}
