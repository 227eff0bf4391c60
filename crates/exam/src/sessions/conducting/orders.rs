//! Orders of those who conduct a session: each is one transaction, with its entries in the log.

use plateau_core::api::{
    AttemptSelection, AttemptsRequest, AttemptsResponse, ExtendRequest, MessageRequest,
    OrderNotice, PauseRequest,
};
use plateau_core::exam::clock::PauseKind;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::{AttemptMove, AttemptState, SessionMove, SessionState};

use plateau_labs::runtime::UserNamespaces;

use super::Conducting;
use crate::sessions::SessionError;
use crate::sessions::context::snapshot::SessionSnapshot;
use crate::store::attempts::AttemptRow;

/// Most that one extension may grant: a day.
const MOST_MS: u64 = 24 * 3_600_000;

/// Longest text that is said to candidates, in characters.
const TEXT: usize = 1000;

impl Conducting {
    /// Has labs built for those who have none.
    ///
    /// # Errors
    /// There is nobody to prepare, the session is past it, or the machine cannot hold them.
    pub async fn prepare(
        &self,
        session: &str,
        order: AttemptsRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        let state = snapshot.session.state;
        snapshot.in_states(&[
            SessionState::Draft,
            SessionState::Preparing,
            SessionState::Ready,
            SessionState::Open,
        ])?;
        self.rehearsals
            .not_rehearsing(&snapshot.session.id, &snapshot.session.name)?;
        let chosen =
            snapshot.choose(&order.selection, |state| state.after(AttemptMove::Prepare))?;
        self.check_room(&snapshot, &chosen).await?;
        let mut transaction = self.context.begin(&snapshot, actor, order.reason).await?;
        transaction.session(state, SessionMove::Prepare).await?;
        let by = AttemptMove::Prepare;
        transaction.attempts(&chosen, by, None).await?;
        self.context.commit(transaction).await?;
        let mut ordered = self.ordered(&snapshot, &chosen).await?;
        if state == SessionState::Draft {
            ordered.notices = self.notices().await;
        }
        Ok(ordered)
    }

    /// What is to be known of the engine before an exam; nothing where it does not say.
    async fn notices(&self) -> Vec<OrderNotice> {
        let engine = self.labs.runtime().info().await;
        match engine.map(|engine| engine.users) {
            Ok(UserNamespaces::Host) => vec![OrderNotice::RootOfHost],
            Ok(UserNamespaces::Shared | UserNamespaces::Each) | Err(_) => vec![],
        }
    }

    /// Has the labs of those removed who have not begun.
    ///
    /// # Errors
    /// Somebody has begun, or there is nothing to remove.
    pub async fn dismantle(
        &self,
        session: &str,
        order: AttemptsRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        let state = snapshot.session.state;
        snapshot.in_states(&[
            SessionState::Preparing,
            SessionState::Ready,
            SessionState::Open,
        ])?;
        let chosen = snapshot.choose(&order.selection, |state| {
            state.after(AttemptMove::Dismantle)
        })?;
        let mut transaction = self.context.begin(&snapshot, actor, order.reason).await?;
        let by = AttemptMove::Dismantle;
        transaction.attempts(&chosen, by, None).await?;
        let all_gone = snapshot.attempts.iter().all(|attempt| {
            attempt.state == AttemptState::Waiting || chosen.iter().any(|one| one.id == attempt.id)
        });
        if all_gone {
            transaction.session(state, SessionMove::Dismantle).await?;
        }
        self.context.commit(transaction).await?;
        self.ordered(&snapshot, &chosen).await
    }

    /// Opens the door: all clocks that start here start at the same moment.
    ///
    /// # Errors
    /// The session is not ready, or nobody waits.
    pub async fn start(
        &self,
        session: &str,
        order: AttemptsRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        let state = snapshot.session.state;
        snapshot.in_states(&[SessionState::Ready, SessionState::Open])?;
        let chosen = snapshot.choose(&order.selection, |state| state.after(AttemptMove::Start))?;
        let mut transaction = self.context.begin(&snapshot, actor, order.reason).await?;
        transaction.session(state, SessionMove::Open).await?;
        let by = AttemptMove::Start;
        transaction.attempts(&chosen, by, None).await?;
        self.context.commit(transaction).await?;
        self.ordered(&snapshot, &chosen).await
    }

    /// Stops clocks.
    ///
    /// # Errors
    /// No reason is given, or nobody concerned works.
    pub async fn pause(
        &self,
        session: &str,
        pause: PauseRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        let kind = Some(pause.kind);
        let reason = Some(pause.reason);
        self.move_open(
            session,
            &pause.selection,
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
        order: AttemptsRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        let reason = order.reason.or_else(|| Some(String::new()));
        self.move_open(
            session,
            &order.selection,
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
        order: AttemptsRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        self.move_open(
            session,
            &order.selection,
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
    pub async fn mark_absent(
        &self,
        session: &str,
        order: AttemptsRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        self.move_open(
            session,
            &order.selection,
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
        selection: &AttemptSelection,
        by: AttemptMove,
        pause: Option<PauseKind>,
        reason: Option<String>,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        let reason = match (by, reason) {
            (_, None) => return Err(SessionError::NoReason),
            (AttemptMove::Resume, Some(reason)) => Some(reason).filter(|text| !text.is_empty()),
            (_, Some(reason)) if reason.trim().is_empty() => return Err(SessionError::NoReason),
            (_, reason) => reason,
        };
        let (_guard, snapshot) = self.context.lock_session(session).await?;
        snapshot.in_states(&[SessionState::Open, SessionState::Ready])?;
        let chosen = snapshot.choose(selection, |state| state.after(by))?;
        let mut transaction = self.context.begin(&snapshot, actor, reason).await?;
        transaction.attempts(&chosen, by, pause).await?;
        self.context.commit(transaction).await?;
        self.ordered(&snapshot, &chosen).await
    }

    /// Grants more time, also to those who have not begun yet.
    ///
    /// # Errors
    /// No reason is given, it is nothing or more than a day, or nobody concerned can use it.
    pub async fn extend(
        &self,
        session: &str,
        extend: ExtendRequest,
        actor: &str,
    ) -> Result<AttemptsResponse, SessionError> {
        if extend.reason.trim().is_empty() {
            return Err(SessionError::NoReason);
        }
        if !(1..=MOST_MS).contains(&extend.by_ms) {
            return Err(SessionError::Terms {
                what: format!("`{}` ms is not a valid extension", extend.by_ms),
                hint: "more than nothing, at most a day".to_owned(),
            });
        }
        let (_guard, snapshot) = self.context.lock_session(session).await?;
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
        let chosen = snapshot.choose(&extend.selection, can_use)?;
        let mut transaction = self
            .context
            .begin(&snapshot, actor, Some(extend.reason))
            .await?;
        for attempt in &chosen {
            transaction
                .write(LogAction::Extended {
                    attempt: attempt.id.clone(),
                    by_ms: extend.by_ms,
                })
                .await?;
        }
        self.context.commit(transaction).await?;
        self.ordered(&snapshot, &chosen).await
    }

    /// Says something to one candidate or to all.
    ///
    /// # Errors
    /// There is no such seat, or nothing or too much is said.
    pub async fn say(
        &self,
        session: &str,
        say: MessageRequest,
        actor: &str,
    ) -> Result<(), SessionError> {
        if say.text.trim().is_empty() || say.text.chars().count() > TEXT {
            return Err(SessionError::Terms {
                what: "this cannot be said".to_owned(),
                hint: format!("1 to {TEXT} characters"),
            });
        }
        let snapshot = self
            .context
            .snapshot(self.context.find(session).await?)
            .await?;
        let selection = AttemptSelection {
            seats: say.seat.clone().map(|seat| vec![seat]),
            scenario: None,
        };
        snapshot.known(&selection)?;
        let mut transaction = self.context.begin(&snapshot, actor, None).await?;
        transaction
            .write(LogAction::Said {
                seat: say.seat,
                text: say.text,
            })
            .await?;
        self.context.commit(transaction).await
    }

    /// The attempts that an order moved, as they are now.
    async fn ordered(
        &self,
        before: &SessionSnapshot,
        chosen: &[AttemptRow],
    ) -> Result<AttemptsResponse, SessionError> {
        let now = self.context.now_ms();
        let session = self.context.find(&before.session.id).await?;
        let snapshot = self.context.snapshot_with_deliverables(session).await?;
        let moved = snapshot.attempts.iter();
        let moved = moved.filter(|attempt| chosen.iter().any(|one| one.id == attempt.id));
        Ok(AttemptsResponse {
            attempts: moved
                .map(|attempt| snapshot.attempt_view(attempt, now))
                .collect(),
            notices: vec![],
        })
    }
}
