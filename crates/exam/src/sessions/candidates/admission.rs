//! How candidates come in: by their access codes, in a browser and over SSH. Each time is written down.

use std::net::IpAddr;

use plateau_core::exam::code;
use plateau_core::exam::log::LogAction;
use plateau_core::exam::session::SessionState;
use plateau_labs::error::chain;
use tokio::sync::broadcast::error::RecvError;

use super::Candidates;
use crate::access::{Access, CreatedLogin, Principal};
use crate::gate::{Admission, AuthRejection, AuthRequest, AuthStage, Credential, Gate};
use crate::sessions::codes::digest;
use crate::sessions::{SYSTEM, SessionError};
use crate::store;
use crate::store::log::Log;
use crate::store::seats::SeatRow;

impl Candidates {
    /// The seat that an access code leads to, however it was typed; `None` where it leads nowhere.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn seat_of(&self, typed: &str) -> Result<Option<SeatRow>, SessionError> {
        // Something that can be no code is looked up all the same: it takes as long.
        let code = code::read(typed).unwrap_or_default();
        Ok(self
            .context
            .database()
            .seats()
            .of_code(&digest(&code))
            .await?)
    }

    /// Logs a candidate in by their access code. The log says so.
    ///
    /// # Errors
    /// The code is nobody's, there were too many wrong ones, or the database fails.
    pub async fn log_in(
        &self,
        access: &Access,
        typed: &str,
        from: Option<IpAddr>,
    ) -> Result<CreatedLogin, SessionError> {
        let made = access.log_in_by_code(typed, from).await?;
        if let Principal::Seat { place, .. } = &made.principal {
            let from = from.map_or_else(|| "this machine".to_owned(), |from| from.to_string());
            self.entered(&place.session, &place.number, from).await?;
        }
        Ok(made)
    }

    /// Writes down that a candidate came in, where the session's log still grows and does not say so
    /// already of this minute.
    async fn entered(&self, session: &str, seat: &str, from: String) -> Result<(), SessionError> {
        let now = self.context.now_ms();
        let whose = format!("{session} {seat}");
        let mut recent = self.recent.lock().await;
        if !recent.is_due(&whose, &from, now) {
            return Ok(());
        }
        let mut tx = self.context.database().begin().await?;
        match store::sessions::Sessions::state_in(&mut tx, session).await? {
            None | Some(SessionState::Sealed | SessionState::Cancelled) => return Ok(()),
            Some(
                SessionState::Draft
                | SessionState::Preparing
                | SessionState::Ready
                | SessionState::Open
                | SessionState::Closed,
            ) => {}
        }
        let deed = LogAction::Entered {
            seat: seat.to_owned(),
            from: from.clone(),
        };
        let entry = Log::append(&mut tx, session, now, SYSTEM, None, deed).await?;
        tx.commit().await?;
        recent.written(&whose, &from, now);
        self.context.publish(session, vec![entry]);
        Ok(())
    }

    /// What lets candidates in over SSH: by the access code or a key of a seat whose attempt is open. Wrong
    /// codes count for the address that they come from, together with those of browsers.
    #[must_use]
    pub fn gate_of_ssh(&self, access: Access) -> Gate {
        let candidates = self.clone();
        Gate::new(move |request| {
            let (candidates, access) = (candidates.clone(), access.clone());
            async move { candidates.admit(&access, request).await }
        })
    }

    async fn admit(
        &self,
        access: &Access,
        request: AuthRequest,
    ) -> Result<Admission, AuthRejection> {
        let failed = |error: SessionError| AuthRejection::Wrong(chain(&error));
        let seat = match &request.proof {
            Credential::Password(code) => self.seat_of(code).await.map_err(failed)?,
            // Clients offer all that they have: one that opens nothing does not count as a guess.
            Credential::Key(key) => {
                let seat = self.seat_of_key(key).await.map_err(failed)?;
                let nobody = || AuthRejection::Wrong("the key leads to no seat".to_owned());
                Some(seat.ok_or_else(nobody)?)
            }
        };
        let Some(seat) = seat else {
            let counted = access.count_wrong_code(Some(request.peer.ip()));
            return Err(match counted {
                Ok(()) => AuthRejection::Wrong("no seat has this access code".to_owned()),
                Err(error) => AuthRejection::TooMany(chain(&error)),
            });
        };
        let own = self.own(&seat.id).await.map_err(failed)?;
        let mut open = own.attempts.into_iter();
        let open = open.find_map(|attempt| Some((attempt.lab?, attempt.nodes)));
        let (lab, nodes) = open.ok_or_else(|| {
            AuthRejection::Wrong(format!(
                "seat `{}` has no attempt that is open",
                seat.number
            ))
        })?;
        if request.stage == AuthStage::Entering {
            access
                .count_entry(&seat.id, Some(request.peer.ip()))
                .map_err(|error| AuthRejection::TooMany(chain(&error)))?;
            let by = match &request.proof {
                Credential::Password(_) => "",
                Credential::Key(_) => " by a key",
            };
            let from = format!("{} over SSH{by}", request.peer.ip());
            let entered = self.entered(&seat.session, &seat.number, from);
            entered.await.map_err(failed)?;
        }
        Ok(Admission {
            lab,
            nodes,
            seat: seat.number,
        })
    }

    /// Waits until the candidate of a lab may not be in it any longer; for ever where no candidate has
    /// it.
    pub async fn await_revocation(self, lab: String) {
        // Listened for first, so that nothing is missed.
        let mut changes = self.context.subscribe();
        let database = self.context.database();
        let attempt = match database.attempts().of_lab(&lab).await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => return std::future::pending().await,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(lab, error, "whether an attempt is open is not known");
                return;
            }
        };
        loop {
            let now = database.attempts().find(&attempt.id).await;
            if !now.is_ok_and(|now| now.is_some_and(|now| now.state.is_open())) {
                return;
            }
            loop {
                match changes.recv().await {
                    Ok(change) if change.session != attempt.session => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }
}
