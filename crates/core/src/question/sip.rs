//! A SIP server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::port::Transport;

/// What is asked of a SIP server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SipMethod {
    /// `OPTIONS`: whether it is there, and what it can do.
    #[default]
    Options,
    /// `REGISTER`: whether a user may register; the registration is taken back at once.
    Register,
}

question! {
    /// A request to a SIP server (RFC 3261), with digest authentication where it asks for that.
    SipCheck, SipQuestion, SipSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 5060 where absent.
        #[serde(default = "sip_port")]
        port: u16,
        /// `udp` (the default) or `tcp`.
        #[serde(default = "udp")]
        transport: Transport,
        /// `options` (the default) or `register`.
        #[serde(default)]
        method: SipMethod,
        /// Domain of the request and the user; the host where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// User.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
    }
    sees {
        /// Whether a final answer came within 5 seconds.
        answered: bool,
        /// Its code, such as 200, after authentication where a password is given.
        code: i64,
        /// Its reason, such as `OK`.
        reason: String,
        /// Whether a `register` was accepted.
        registered: bool,
        /// What the server calls itself: its `Server` header, or `User-Agent`.
        server: String,
        /// Contacts that the server has of the user after a `register`, ours left out, sorted, at most 100.
        contacts: Vec<String>,
    }
    or code = 200;
    example r#"sip: { host: pbx, method: register, user: "101", password: "{{ secret }}", registered: true }"#;
}

fn sip_port() -> u16 {
    5060
}

fn udp() -> Transport {
    Transport::Udp
}
