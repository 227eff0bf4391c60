//! A listening port as the node's kernel sees it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

question! {
    /// A port on which the node listens, read from its kernel.
    PortCheck, PortQuestion, PortSeen;
    asks {
        /// Port number.
        number: u16,
        /// `tcp` (the default) or `udp`.
        #[serde(default)]
        protocol: Transport,
    }
    sees {
        /// Whether anything listens on it.
        listening: bool,
        /// Local addresses it listens on, such as `0.0.0.0` or `::`, sorted.
        addresses: Vec<String>,
        /// Base names of the programs that listen, sorted, each once.
        programs: Vec<String>,
    }
    or listening = true;
    example r#"port: { number: 443, programs: { contains: nginx } }"#;
}
