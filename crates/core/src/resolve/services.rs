//! Rules for questions about network services that their types cannot express.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "kinds without rules beyond their shape"
)]

use super::Resolver;
use crate::observer::FromSpec;
use crate::question::Expectation;
use crate::question::snmp::SnmpCheck;
use crate::question::syslog::{SyslogCheck, priority};
use crate::tree::Path;

/// The field that is wrong, and why.
pub(super) fn wrong_value(that: &Expectation) -> Option<(&'static str, String)> {
    match that {
        Expectation::Snmp(check) => wrong_snmp(check),
        Expectation::Dhcp(check) => {
            let mac = check.mac.as_ref().filter(|mac| !is_mac(mac))?;
            let message = format!("`{mac}` is not a hardware address such as 02:00:00:00:00:07");
            Some(("mac", message))
        }
        Expectation::Syslog(check) if !check.path.starts_with('/') => {
            Some(("path", format!("`{}` is not absolute", check.path)))
        }
        Expectation::Syslog(check) if priority(&check.priority).is_none() => {
            let message = format!(
                "`{}` is not a facility and a severity such as user.notice",
                check.priority
            );
            Some(("priority", message))
        }
        Expectation::Syslog(check)
            if check.host.is_none() && matches!(check.through, FromSpec::Examiner(_)) =>
        {
            let message = "an examiner has no logger of its own: name the log host in `host`";
            Some(("through", message.to_owned()))
        }
        _ => None,
    }
}

fn wrong_snmp(check: &SnmpCheck) -> Option<(&'static str, String)> {
    let numbers: Vec<_> = check.oid.split('.').map(str::parse::<u32>).collect();
    if numbers.len() < 2 || numbers.iter().any(Result::is_err) {
        let message = format!(
            "`{}` is not numbers with dots between such as 1.3.6.1.2.1.1.5.0",
            check.oid
        );
        return Some(("oid", message));
    }
    let user = check.user.as_ref()?;
    if check.community.is_some() {
        let message = "`community` is SNMPv2c and `user` is SNMPv3: one of them";
        return Some(("user", message.to_owned()));
    }
    if user.privacy_password.is_some() && user.auth_password.is_none() {
        let message = "privacy needs authentication: add `auth_password`";
        return Some(("user", message.to_owned()));
    }
    None
}

/// Six pairs of hexadecimal digits with colons between.
fn is_mac(text: &str) -> bool {
    let pairs: Vec<&str> = text.split(':').collect();
    let is_pair = |pair: &&str| pair.len() == 2 && u8::from_str_radix(pair, 16).is_ok();
    pairs.len() == 6 && pairs.iter().all(is_pair)
}

impl Resolver<'_> {
    /// Whoever sends the message has to be there.
    pub(super) fn sender(&mut self, path: &Path, check: &SyslogCheck) {
        let path = path.key("through");
        match &check.through {
            FromSpec::Node(node) => {
                self.node(&path, node);
            }
            FromSpec::Examiner(examiner) => {
                self.network(&path.key("examiner"), &examiner.examiner);
            }
        }
    }
}
