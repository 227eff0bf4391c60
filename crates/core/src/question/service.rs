//! A systemd unit.


question! {
    /// A systemd unit, asked of the node's systemd over its private socket.
    ServiceCheck, ServiceQuestion, ServiceSeen;
    asks {
        /// Name of the unit; `.service` is added where it has no suffix.
        name: String,
    }
    sees {
        /// Whether systemd knows such a unit.
        exists: bool,
        /// Whether it is active.
        running: bool,
        /// Whether it starts at boot (unit file state `enabled`, `enabled-runtime`, `static`, `alias` or `generated`).
        enabled: bool,
        /// systemd's active state: `active`, `inactive`, `failed`, `activating`, …
        state: String,
        /// systemd's unit file state: `enabled`, `disabled`, `masked`, `static`, …
        unit_file: String,
    }
    or running = true;
}
