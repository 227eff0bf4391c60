//! `plateau session receipts`

use plateau_core::api::ReceiptView;

use crate::args::AttemptArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::show::session as show;

/// Shows the receipts of the attempts that were handed in.
pub(super) async fn run(
    screen: Screen,
    daemon: &Client,
    choice: &AttemptArgs,
) -> Result<(), Failure> {
    let mut receipts: Vec<ReceiptView> = Vec::new();
    let seats = daemon.seats(&choice.session).await?;
    if let Some(seat) = choice
        .seats
        .iter()
        .find(|number| !seats.iter().any(|seat| seat.number == **number))
    {
        return Err(Failure::NoSeat {
            session: choice.session.clone(),
            seat: seat.clone(),
        });
    }
    for seat in seats {
        if !choice.seats.is_empty() && !choice.seats.contains(&seat.number) {
            continue;
        }
        let attempts = seat.attempts.into_iter().filter(|attempt| {
            let scenario = choice.scenario.as_ref();
            scenario.is_none_or(|scenario| *scenario == attempt.scenario)
        });
        receipts.extend(attempts.filter_map(|attempt| attempt.receipt));
    }
    screen.show(&receipts, |receipts| show::receipts(receipts))
}
