//! The rules of the node's packet filter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place on a packet's way where rules may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hook {
    /// Before it is known whether the packet is for this node.
    Prerouting,
    /// For this node.
    Input,
    /// Through this node.
    Forward,
    /// From this node.
    Output,
    /// When it leaves the node.
    Postrouting,
}

/// A kind of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Packets {
    /// IPv4.
    #[default]
    Ip,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Frames that a bridge passes on.
    Bridge,
}

question! {
    /// The rules that packets meet at a hook of the node's kernel, whether `nft`, `iptables`, `ufw`
    /// or something else put them there; the older `iptables-legacy` is not seen.
    ///
    /// Rules show an intention. What a packet finds is shown by a `tcp` or `ping` from where it
    /// comes from, which outranks them: prefer it, and ask for rules where no packet can tell.
    FirewallCheck, FirewallQuestion, FirewallSeen;
    asks {
        /// `prerouting`, `input`, `forward`, `output` or `postrouting`.
        hook: Hook,
        /// Packets of this family: `ip` (the default), `ip6`, `arp` or `bridge`. Tables of the
        /// family `inet` see both `ip` and `ip6`.
        #[serde(default)]
        family: Packets,
    }
    sees {
        /// Whether any chain stands at the hook.
        exists: bool,
        /// What becomes of a packet that no rule decides about: `drop` where any of the hook's
        /// chains drops it, else `accept`.
        policy: String,
        /// The rules of the hook's chains in the order in which packets meet them, with those of a
        /// chain after the first rule that jumps there; at most 2000. Each is written as `nft list`
        /// writes it, such as `tcp dport 22 accept`, without counters and comments, and stands once
        /// for every element of a set in braces: `tcp dport { 80, 443 } accept` is
        /// `tcp dport 80 accept` and `tcp dport 443 accept`. Where `iptables` used an extension, its
        /// name stands in the rule: `xt match conntrack tcp dport 22 accept`. A rule that cannot
        /// be read back at all makes the rules something that nobody could look at.
        rules: Vec<String>,
    }
    or exists = true;
    example r#"firewall: { hook: input, policy: drop, rules: { contains: "tcp dport 22 accept" } }"#;
}
