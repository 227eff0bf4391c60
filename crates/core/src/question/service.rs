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
        /// Whether it is active (also while it reloads).
        running: bool,
        /// Whether it starts at boot (unit file state `enabled`, `enabled-runtime`, `static`, `alias` or `generated`).
        enabled: bool,
        /// systemd's active state: `active`, `inactive`, `failed`, `activating`, …
        state: String,
        /// systemd's unit file state, from the files as they are now: `enabled`, `disabled`, `masked`,
        /// `static`, …; empty for a unit without a file.
        unit_file: String,
    }
    or running = true;
    example r#"service: { name: nginx, running: true, enabled: true }"#;
}
