//! `plateau session rehearse`

use futures_util::StreamExt;
use plateau_core::api::AttemptsRequest;
use plateau_core::exam::rehearsal::{Rehearsal, RehearsalEvent};

use super::{SessionConsole, selection};
use crate::args::AttemptArgs;
use crate::failure::{Ending, Failure};
use crate::progress::Progress;
use crate::show::rehearsal as show;

/// Rehearses a session and shows what came of it; ends well where the room holds it.
pub(super) async fn rehearse(
    desk: &SessionConsole<'_>,
    choice: &AttemptArgs,
) -> Result<Ending, Failure> {
    let order = AttemptsRequest {
        selection: selection(choice),
        reason: None,
    };
    let mut events = desk.daemon.rehearse(&choice.session, &order).await?;
    let progress = Progress::new(desk.screen, 0);
    progress.set_message(format!("building the labs of {}", choice.session));
    let rehearsal: Rehearsal = loop {
        let event = tokio::select! {
            event = events.next() => event,
            // Dropping the stream is what tells the daemon to take the labs down.
            _ = tokio::signal::ctrl_c() => return Err(Failure::Interrupted),
        };
        match event {
            None => return Err(Failure::Ended("the rehearsal")),
            Some(event) => match event? {
                RehearsalEvent::Built { done, of } => {
                    progress.set(u64::from(done), u64::from(of));
                    progress.line(&format!("{done} of {of} built"));
                }
                RehearsalEvent::Graded { done, of } => {
                    progress.set(u64::from(done), u64::from(of));
                    progress.line(&format!("{done} of {of} graded"));
                }
                RehearsalEvent::Removing {} => progress.set_message("removing the labs".to_owned()),
                RehearsalEvent::Rehearsed { rehearsal } => break *rehearsal,
                RehearsalEvent::Failed { error } => return Err(Failure::Answered(error)),
            },
        }
    };
    drop(progress);
    desk.screen.show(&rehearsal, show::rehearsal)?;
    Ok(Ending::from_bool(rehearsal.verdict.holds))
}
