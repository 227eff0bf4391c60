//! What a service manager is told: systemd's protocol, which does nothing where nobody listens.

use sd_notify::NotifyState;

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// The daemon serves.
pub fn ready(serves: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(serves)]);
}

/// The daemon ends; its labs run on.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("ending; labs run on"),
    ]);
}

/// Says again and again that the daemon is not stuck, where somebody wants to know.
pub async fn watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    // Twice in the time that is given, as systemd recommends.
    let mut tick = tokio::time::interval(limit / 2);
    loop {
        tick.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}
