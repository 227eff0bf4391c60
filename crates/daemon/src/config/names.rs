//! What each setting is called: on the command line, in the environment and in the file.

/// What one and the same value is called in each place.
#[derive(Debug)]
pub(super) struct SettingNames {
    pub(super) id: &'static str,
    pub(super) option: &'static str,
    pub(super) variable: &'static str,
    pub(super) key: &'static str,
}

macro_rules! names {
    ($($constant:ident: $id:literal, $option:literal, $variable:literal, $key:literal;)*) => {
        $(pub(super) const $constant: SettingNames = SettingNames { id: $id, option: $option, variable: $variable, key: $key };)*
        #[cfg(test)]
        pub(super) const ALL: &[&SettingNames] = &[$(&$constant),*];
    };
}

names! {
    RUNTIME: "runtime", "runtime", "PLATEAU_RUNTIME", "runtime";
    ENGINE: "engine", "engine", "PLATEAU_ENGINE", "engine";
    STATE: "state", "state", "PLATEAU_STATE", "state";
    AGENT: "agent", "agent", "PLATEAU_AGENT", "agent";
    SOCKET: "socket", "socket", "PLATEAU_SOCKET", "serve.socket";
    LISTEN: "listen", "listen", "PLATEAU_LISTEN", "serve.listen";
    TLS_CERT: "tls_cert", "tls-cert", "PLATEAU_TLS_CERT", "serve.tls.cert";
    TLS_KEY: "tls_key", "tls-key", "PLATEAU_TLS_KEY", "serve.tls.key";
    TLS_ROOM: "tls_room", "tls-room", "PLATEAU_TLS_ROOM", "serve.tls.room";
    TLS_NAMES: "tls_name", "tls-name", "PLATEAU_TLS_NAME", "serve.tls.names";
    SSH: "ssh", "ssh", "PLATEAU_SSH", "serve.ssh";
    WEB: "web", "web", "PLATEAU_WEB", "serve.web";
    CONNECTIONS: "connections", "connections", "PLATEAU_CONNECTIONS", "serve.connections.total";
    PER_ADDRESS: "connections_per_address", "connections-per-address", "PLATEAU_CONNECTIONS_PER_ADDRESS", "serve.connections.per_address";
    IDLE_TIMEOUT: "idle_timeout", "idle-timeout", "PLATEAU_IDLE_TIMEOUT", "serve.connections.idle_timeout";
    RECORDING_LIMIT: "recording_limit", "recording-limit", "PLATEAU_RECORDING_LIMIT", "terminals.recording_limit";
    RECORD_INPUT: "record_input", "record-input", "PLATEAU_RECORD_INPUT", "terminals.record_input";
    DATABASE: "database", "database", "PLATEAU_DATABASE", "database.url";
    BASE_IMAGE: "base_image", "base-image", "PLATEAU_BASE_IMAGE", "images.base";
    RECIPES: "recipes", "recipes", "PLATEAU_RECIPES", "images.recipes";
    BUILD_NETWORK: "build_network", "build-network", "PLATEAU_BUILD_NETWORK", "images.build_network";
    FONTS: "fonts", "fonts", "PLATEAU_FONTS", "documents.fonts";
    LOG_FORMAT: "log_format", "log-format", "PLATEAU_LOG_FORMAT", "log.format";
    LOG: "log", "log", "PLATEAU_LOG", "log.filter";
}
