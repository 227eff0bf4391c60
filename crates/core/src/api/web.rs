//! Web applications of nodes, as they are asked for and opened.

use serde::{Deserialize, Serialize};

messages! {
    /// Asks to be let into a web application: `POST /v1/labs/{lab}/nodes/{node}/web`.
    #[derive(Eq)]
    struct OpenWebAppRequest {
        /// TCP port at which the node serves it, by HTTP.
        pub port: u16,
        /// What the application is to be asked for as `Host`; its own name in the browser where absent.
        #[serde(default)]
        pub host: Option<String>,
    }

    /// The way into a web application.
    #[derive(Eq)]
    struct WebAppAccess {
        /// What a browser is to open, once. It holds a secret.
        pub address: String,
        /// Until when (RFC 3339, UTC).
        pub expires: String,
    }
}
