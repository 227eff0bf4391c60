//! `plateau doctor`.

use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::screen::Screen;
use crate::show;

/// Says what the host has and lacks.
pub(crate) async fn run(screen: Screen, daemon: &Client) -> Result<Ending, Failure> {
    let diagnosis = daemon.doctor().await?;
    screen.show(&diagnosis, show::doctor::diagnosis)?;
    Ok(Ending::from_bool(diagnosis.healthy))
}
