//! Sessions, their seats and logs, as staff are shown them.

use plateau_core::api::{SeatView, SessionView};
use plateau_core::exam::log::LogEntry;

use super::Arranging;
use crate::sessions::SessionError;

impl Arranging {
    /// All sessions, the newest last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn list(&self) -> Result<Vec<SessionView>, SessionError> {
        let mut views = Vec::new();
        for session in self.context.database().sessions().list().await? {
            views.push(self.context.view(session).await?);
        }
        Ok(views)
    }

    /// One session, by name or identifier.
    ///
    /// # Errors
    /// There is none.
    pub async fn show(&self, session: &str) -> Result<SessionView, SessionError> {
        let session = self.context.find(session).await?;
        self.context.view(session).await
    }

    /// A session's seats with their attempts, by candidate number.
    ///
    /// # Errors
    /// There is no such session.
    pub async fn seats(&self, session: &str) -> Result<Vec<SeatView>, SessionError> {
        let session = self.context.find(session).await?;
        let snapshot = self.context.snapshot_with_deliverables(session).await?;
        Ok(snapshot.seat_views(self.context.now_ms()))
    }

    /// A session's log, from an entry on.
    ///
    /// # Errors
    /// There is no such session.
    pub async fn log(&self, session: &str, from: u64) -> Result<Vec<LogEntry>, SessionError> {
        let session = self.context.find(session).await?;
        Ok(self
            .context
            .database()
            .log()
            .entries(&session.id, from)
            .await?)
    }
}
