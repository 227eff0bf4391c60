//! `plateau doctor`.

use crate::daemon::Daemon;
use crate::failure::{Ending, Failure};
use crate::screen::Screen;
use crate::show;

/// Says what the host has and lacks.
pub(crate) async fn run(screen: Screen, daemon: &Daemon) -> Result<Ending, Failure> {
    let diagnosis = daemon.doctor().await?;
    screen.show(&diagnosis, show::doctor::diagnosis)?;
    Ok(Ending::so(diagnosis.healthy))
}
