//! Web applications of nodes: how they are requested and opened.

use serde::{Deserialize, Serialize};

messages! {
    /// Requests access to a web application: `POST /v1/labs/{lab}/nodes/{node}/web`.
    #[derive(Eq)]
    struct OpenWebAppRequest {
        /// TCP port at which the node serves it, by HTTP.
        pub port: u16,
        /// The `Host` header that the application receives; its name in the browser where absent.
        #[serde(default)]
        pub host: Option<String>,
    }

    /// Access to a web application.
    #[derive(Eq)]
    struct WebAppAccess {
        /// Address that a browser can open once. It contains a secret.
        pub address: String,
        /// When the address expires (RFC 3339, UTC).
        pub expires: String,
    }
}
