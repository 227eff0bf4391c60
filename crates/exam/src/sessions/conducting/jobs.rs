//! What an attempt's state asks for: a lab to be built, frozen, kept, graded or removed.
//!
//! Every job can be begun again from the start, whatever of it was done before.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use plateau_core::api::{CheckRequest, LabState};
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::{AttemptMove, AttemptState};
use plateau_labs::error::chain;
use plateau_labs::lab::LabError;

use super::Conducting;
use crate::sessions::{SYSTEM, SessionError};
use crate::store::attempts::AttemptRow;

/// How often building a lab is tried before its attempt is broken.
const TRIES: u32 = 3;

/// First and longest wait before something is tried again.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

impl Conducting {
    /// Does what an attempt's state asks for, and moves it on when that is done.
    pub(super) async fn work(&self, attempt: &str) {
        // What is handed in is kept and graded, however long the outside fails.
        let patience = ExponentialBuilder::default()
            .with_min_delay(WAITS.0)
            .with_max_delay(WAITS.1)
            .without_max_times();
        let step = || async { self.step(attempt).await };
        let done = step
            .retry(patience)
            .notify(|error, wait| {
                let error = chain(error);
                tracing::error!(attempt, error, ?wait, "an attempt cannot go on yet");
            })
            .await;
        if let Err(error) = done {
            tracing::error!(attempt, error = chain(&error), "an attempt is given up");
        }
    }

    async fn step(&self, id: &str) -> Result<(), SessionError> {
        let found = self.context.database().attempts().find(id).await?;
        let Some(attempt) = found else {
            return Ok(());
        };
        let done = match attempt.state {
            AttemptState::Preparing => self.build(&attempt).await,
            AttemptState::HandedIn => self.keep(&attempt).await,
            AttemptState::Kept => self.grade(&attempt).await,
            AttemptState::Waiting | AttemptState::Absent => self.clear_lab(&attempt).await,
            AttemptState::Running | AttemptState::Paused => self.freeze_or_thaw(&attempt).await,
            AttemptState::Broken | AttemptState::Ready | AttemptState::Graded => Ok(()),
        };
        if let Err(error) = &done {
            let problem = chain(error);
            if attempt.problem.as_deref() != Some(&problem) {
                self.context
                    .database()
                    .attempts()
                    .set_problem(id, Some(&problem))
                    .await?;
                let deed = LogAction::Alarmed {
                    what: format!("attempt `{id}` cannot go on yet: {problem}"),
                };
                self.note(&attempt.session, None, deed).await?;
            }
        }
        done
    }

    async fn build(&self, attempt: &AttemptRow) -> Result<(), SessionError> {
        let Some(_permit) = self.permits.building().await else {
            return Ok(());
        };
        let mut problem = String::new();
        for _ in 0..TRIES {
            match self.build_once(attempt).await {
                Ok(()) => {
                    self.move_automatically(attempt, AttemptMove::Prepared, None)
                        .await?;
                    return Ok(());
                }
                Err(error) => problem = chain(&error),
            }
            self.clear_lab(attempt).await?;
            let still = self.context.database().attempts().find(&attempt.id).await?;
            if still.is_none_or(|still| still.state != AttemptState::Preparing) {
                return Ok(());
            }
        }
        self.move_automatically(attempt, AttemptMove::Break, Some(&problem))
            .await
            .map(drop)
    }

    async fn build_once(&self, attempt: &AttemptRow) -> Result<(), SessionError> {
        let name = self.lab_name(attempt).await?;
        let lab = match self.labs.show(&name) {
            // Begun before, by us or by the daemon before us.
            Ok(lab)
                if matches!(
                    lab.state,
                    LabState::Building | LabState::Ready | LabState::Recovering
                ) =>
            {
                lab
            }
            Ok(lab) => {
                self.labs.down(&lab.id).await?;
                self.ask_for_lab(attempt, name).await?
            }
            Err(_) => self.ask_for_lab(attempt, name).await?,
        };
        self.context
            .database()
            .attempts()
            .set_lab(&attempt.id, Some(&lab.id))
            .await?;
        let built = self.labs.built(&lab.id).await?;
        match (built.state, built.problem) {
            (LabState::Ready, _) => Ok(()),
            (_, Some(problem)) => Err(SessionError::Terms {
                what: problem.message,
                hint: problem.hint.unwrap_or_default(),
            }),
            (state, None) => Err(SessionError::Lab(LabError::NotReady {
                lab: built.name,
                state,
            })),
        }
    }

    async fn ask_for_lab(
        &self,
        attempt: &AttemptRow,
        name: String,
    ) -> Result<plateau_core::api::LabView, SessionError> {
        let scenarios = self
            .context
            .database()
            .sessions()
            .scenarios(&attempt.session)
            .await?;
        let row = scenarios
            .iter()
            .find(|row| row.scenario == attempt.scenario);
        let hash = row.map(|row| row.hash.clone()).unwrap_or_default();
        let frozen = self.context.scenarios();
        let topology = frozen.resolved(&hash, &attempt.seed).await?;
        self.labs
            .preflight(&topology)
            .await
            .map_err(LabError::from)?;
        let folder = frozen.folder(&hash).await?;
        let topology = Arc::unwrap_or_clone(topology);
        let made = self.labs.create_drawn(&folder, topology, Some(name));
        Ok(made.await?)
    }

    /// A name that says whose lab it is. No two attempts have the same.
    async fn lab_name(&self, attempt: &AttemptRow) -> Result<String, SessionError> {
        let session = self.context.find(&attempt.session).await?;
        let seat = self.context.database().seats().find(&attempt.seat).await?;
        let number = seat.map(|seat| seat.number).unwrap_or_default();
        let plain: String = number
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .take(8)
            .collect();
        let tail: String = attempt.id.chars().rev().take(6).collect();
        Ok(format!("{}-{plain}-{tail}", session.name))
    }

    /// Nobody can change anything any longer, and what was left outlives its lab.
    async fn keep(&self, attempt: &AttemptRow) -> Result<(), SessionError> {
        let lab = self.lab_of(attempt).await?;
        // Before anything that waits for its turn.
        self.labs.freeze(&lab).await?;
        self.terminals.close(&lab).await;
        let Some(_permit) = self.permits.grading().await else {
            return Ok(());
        };
        for reason in self.labs.keep(&lab, &attempt.id).await? {
            let what = format!("attempt `{}` cannot be opened again: {reason}", attempt.id);
            self.note(&attempt.session, None, LogAction::Alarmed { what })
                .await?;
        }
        self.move_automatically(attempt, AttemptMove::Keep, None)
            .await
            .map(drop)
    }

    async fn grade(&self, attempt: &AttemptRow) -> Result<(), SessionError> {
        let Some(_permit) = self.permits.grading().await else {
            return Ok(());
        };
        let lab = self.lab_of(attempt).await?;
        // A daemon before us may have come so far.
        let graded = self
            .context
            .database()
            .gradings()
            .accepted(&attempt.id)
            .await?;
        if graded.is_none() {
            self.labs.thaw(&lab).await?;
            let seen = self.labs.gather(&lab, CheckRequest { phases: None });
            let seen = seen.await?;
            let judging = &self.judging;
            judging.record(&attempt.id, seen, SYSTEM, None).await?;
        }
        let frozen = self.labs.freeze(&lab).await;
        frozen?;
        self.move_automatically(attempt, AttemptMove::Grade, None)
            .await
            .map(drop)
    }

    pub(super) async fn clear_lab(&self, attempt: &AttemptRow) -> Result<(), SessionError> {
        let name = self.lab_name(attempt).await?;
        match self.labs.down(&name).await {
            Ok(()) | Err(LabError::NoSuchLab { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.labs.end_reopened(&attempt.id).await?;
        Ok(self
            .context
            .database()
            .attempts()
            .set_lab(&attempt.id, None)
            .await?)
    }

    /// The attempt's lab, once it can be worked with.
    async fn lab_of(&self, attempt: &AttemptRow) -> Result<String, SessionError> {
        let lab = attempt.lab.clone().unwrap_or_default();
        self.labs.built(&lab).await?;
        Ok(lab)
    }
}
