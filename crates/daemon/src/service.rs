//! Notifications to a service manager by systemd's protocol; without one they do nothing.

use sd_notify::NotifyState;

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// Notifies that the daemon serves.
pub fn ready(serves: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(serves)]);
}

/// Notifies that the daemon stops; its labs keep running.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("ending; labs run on"),
    ]);
}

/// Sends keep-alives to the watchdog, if the service manager has one.
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
