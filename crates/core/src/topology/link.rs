//! Links, and what they do to packets.

use std::fmt;

use serde::Serialize;

use crate::quantity::{Rate, Span};

/// A link: a node's interface and the cable in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// The node.
    pub node: String,
    /// Its interface.
    pub interface: String,
}

/// What a link does to the packets that reach the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Most bits per second that get through.
    pub rate: Option<Rate>,
    /// How long each is held back.
    pub delay: Option<Span>,
    /// How many of a million are lost.
    pub loss_ppm: Option<u32>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.interface, self.node)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.rate.map(|rate| format!("rate {rate}")));
        parts.extend(self.delay.map(|delay| format!("delay {delay}")));
        let percent = |ppm: u32| format!("loss {}%", f64::from(ppm) / 1e4);
        parts.extend(self.loss_ppm.map(percent));
        f.write_str(&parts.join(", "))
    }
}
