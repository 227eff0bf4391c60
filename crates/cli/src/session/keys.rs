//! `plateau session keys`

use std::path::Path;

use plateau_core::api::SetKeysRequest;

use super::{SessionConsole, read};
use crate::failure::Failure;
use crate::show::session as show;

impl SessionConsole<'_> {
    /// Shows a candidate's keys, or replaces them by those of a file.
    pub(super) async fn keys(
        &self,
        session: &str,
        seat: &str,
        set: Option<&Path>,
    ) -> Result<(), Failure> {
        let seats = self.daemon.seats(session).await?;
        let found = seats.into_iter().find(|one| one.number == seat);
        let attempt = found.and_then(|mut one| one.attempts.pop());
        let attempt = attempt.ok_or_else(|| Failure::NoSeat {
            session: session.to_owned(),
            seat: seat.to_owned(),
        })?;
        let keys = match set {
            None => self.daemon.keys(&attempt.id).await?,
            Some(path) => {
                let text = String::from_utf8_lossy(&read(path)?).into_owned();
                let lines = text.lines().map(str::trim);
                let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
                let keys = SetKeysRequest {
                    keys: keys.map(str::to_owned).collect(),
                };
                self.daemon.set_keys(&attempt.id, &keys).await?
            }
        };
        self.screen.show(&keys, |keys| show::keys(keys))
    }
}
