//! The packet filter of a network namespace that the test makes.

use serde_json::{Value, json};

use crate::ask::{inner, reason, seen};
use crate::elsewhere::ask_by;

const ALONE: &[&str] = &["unshare", "--net"];

fn rules(script: &str, hook: &str, family: &str) -> Value {
    let question = json!({ "firewall": { "hook": hook, "family": family } });
    inner(&seen(ask_by(ALONE, script, question, &["rules"])))
}

#[test]
fn rules_of_iptables_are_seen_with_their_chains_policy() {
    let script = "
        iptables-nft -P INPUT DROP
        iptables-nft -N ssh
        iptables-nft -A INPUT -p icmp -j ACCEPT
        iptables-nft -A INPUT -p tcp --dport 22 -j ssh
        iptables-nft -A INPUT -i lo -j ACCEPT
        iptables-nft -A ssh -s 10.1.0.0/16 -m comment --comment 'from home' -j ACCEPT
        iptables-nft -A ssh -m conntrack --ctstate NEW -j DROP";
    let seen = rules(script, "input", "ip");
    assert_eq!(seen["exists"], true);
    assert_eq!(seen["policy"], "drop");
    assert_eq!(
        seen["rules"],
        json!([
            "meta l4proto icmp accept",
            "tcp dport 22 jump ssh",
            "xt match comment ip saddr 10.1.0.0/16 accept",
            "xt match conntrack drop",
            "iifname \"lo\" accept",
        ])
    );
    // Packets of another family meet none of them.
    assert_eq!(rules(script, "input", "ip6"), json!({ "exists": false }));
}

#[test]
fn where_there_are_no_rules_there_is_no_chain() {
    let seen = rules("true", "forward", "ip");
    assert_eq!(seen, json!({ "exists": false }));
}

#[test]
fn without_the_right_to_ask_the_kernel_nobody_can_look() {
    let weak = &[
        "unshare",
        "--net",
        "setpriv",
        "--bounding-set",
        "-net_admin",
    ];
    let question = json!({ "firewall": { "hook": "input" } });
    let fact = ask_by(weak, "true", question, &["rules"]);
    assert!(reason(fact).contains("cannot read the firewall's chains"));
}
