//! The arrival of a log message: sent by one observer, looked for by another.
//!
//! Nobody can know the message beforehand: it carries a marker that is drawn for each grading. The
//! sender is told the marker, the log host only its hash, so that the latter's candidate cannot
//! write down what has not arrived.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::port::Transport;
use crate::matcher::{Finding, Matcher};
use crate::quantity::Span;
use crate::question::{Fact, Observation};
use crate::observer::{FromSpec, Observer};

/// What every marker begins with; 32 hexadecimal digits follow.
pub const MARKER: &str = "plateau-";

/// Facilities by their numbers (RFC 5424, section 6.2.1), as `logger -p` names them.
const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

/// Severities by their numbers.
const SEVERITIES: &[&str] = &[
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// How a message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SyslogFormat {
    /// RFC 5424.
    #[default]
    #[serde(rename = "rfc5424")]
    Rfc5424,
    /// RFC 3164.
    #[serde(rename = "rfc3164")]
    Rfc3164,
}

/// Whether a log message arrives at the node that is looked at: `on` the log host, `through` the
/// one that sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyslogCheck {
    /// Who sends: a node, or `{ examiner: NETWORK, address: … }`.
    pub through: FromSpec,
    /// Address or name of the log host as the sender knows it. Where absent, the message is handed
    /// to the sending node's own logger (`/dev/log`), which has to pass it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port number; 514 where absent.
    #[serde(default = "syslog_port")]
    pub port: u16,
    /// `udp` (the default) or `tcp`, where a line feed ends the message (RFC 6587, section 3.4.2).
    #[serde(default = "udp")]
    pub protocol: Transport,
    /// `rfc5424` (the default) or `rfc3164`; the node's own logger is always given the latter.
    #[serde(default)]
    pub format: SyslogFormat,
    /// Facility and severity as for `logger -p`; `user.notice` where absent.
    #[serde(default = "user_notice")]
    pub priority: String,
    /// File on the log host, or directory whose files are searched (256 at most), such as
    /// `/var/log/remote` or `/var/log/journal`.
    pub path: String,
    /// Time that the message is given at least; 5 seconds where absent. Shorter than the check's.
    #[serde(default = "five_seconds")]
    pub within: Span,
    /// Whether the message arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Matcher<bool>>,
    /// The line that it arrived in: at most 1 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Matcher<String>>,
    /// Files that it arrived in, sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Matcher<Vec<String>>>,
}

/// One side of a [`SyslogCheck`]: where to look, or what to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogQuestion {
    /// See [`SyslogCheck::path`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// SHA-256 of the marker, in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The message, for the side that sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<SyslogMessage>,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyslogMessage {
    /// See [`SyslogCheck::host`].
    pub host: Option<String>,
    /// Port number.
    pub port: u16,
    /// Transport protocol.
    pub protocol: Transport,
    /// How it is written.
    pub format: SyslogFormat,
    /// Facility and severity in one number.
    pub priority: u8,
    /// What it says.
    pub marker: String,
}

/// What one side of a [`SyslogCheck`] saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SyslogSeen {
    /// Whether the message was found, or sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<bool>,
    /// The line that it was found in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Files that it was found in, sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    /// When it was sent, or last looked for, in milliseconds since 1970. Nodes share one clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

impl SyslogCheck {
    /// A check of this kind, as a trainer writes it under `that:`.
    pub const EXAMPLE: &'static str =
        r#"syslog: { through: client, path: /var/log/remote, priority: auth.warning, within: 5s }"#;

    /// The question to the log host, without its expected values; see [`SyslogQuestion::mark`].
    #[must_use]
    pub fn question(&self) -> SyslogQuestion {
        SyslogQuestion {
            path: self.path.clone(),
            digest: String::new(),
            send: None,
        }
    }

    /// The question to the sender, and who that is.
    #[must_use]
    pub fn sending(&self) -> (Observer, SyslogQuestion) {
        let observer = match &self.through {
            FromSpec::Node(name) => Observer::Node(name.clone()),
            FromSpec::Examiner(examiner) => Observer::Examiner {
                network: examiner.examiner.clone(),
                address: examiner.address,
                gateway: examiner.gateway,
            },
        };
        let message = SyslogMessage {
            host: self.host.clone(),
            port: self.port,
            protocol: self.protocol,
            format: self.format,
            priority: priority(&self.priority).unwrap_or_default(),
            marker: String::new(),
        };
        let question = SyslogQuestion {
            path: String::new(),
            digest: String::new(),
            send: Some(message),
        };
        (observer, question)
    }

    /// Attributes that have a matcher.
    #[must_use]
    pub fn wants(&self) -> BTreeSet<String> {
        let rows = [
            ("arrived", self.arrived.is_some()),
            ("line", self.line.is_some()),
            ("files", self.files.is_some()),
        ];
        let wanted = rows.iter().filter(|(_, wanted)| *wanted);
        let wants: BTreeSet<String> = wanted.map(|(name, _)| (*name).to_owned()).collect();
        match wants.is_empty() {
            true => BTreeSet::from(["arrived".to_owned()]),
            false => wants,
        }
    }

    /// Compares with what was seen.
    #[must_use]
    pub fn judge(&self, seen: &SyslogSeen) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(matcher) = &self.arrived {
            findings.push(matcher.find("arrived", seen.arrived.as_ref()));
        }
        if let Some(matcher) = &self.line {
            findings.push(matcher.find("line", seen.line.as_ref()));
        }
        if let Some(matcher) = &self.files {
            findings.push(matcher.find("files", seen.files.as_ref()));
        }
        if findings.is_empty() {
            findings.push(Matcher::Is(true).find("arrived", seen.arrived.as_ref()));
        }
        findings
    }

    /// What both sides say together. A message that was not found counts as lost only where it was
    /// looked for until its time was over, however late it was sent.
    #[must_use]
    pub fn arrival(&self, sent: Option<&Fact>, looked: Option<&Fact>) -> Option<Fact> {
        let unknown = |reason: String| Some(Fact::CouldNotLook { reason });
        let looked_seen = match looked {
            Some(Fact::Seen(Observation::Syslog(seen))) => seen,
            other => return other.cloned(),
        };
        let sent = match sent {
            Some(Fact::Seen(Observation::Syslog(seen))) => seen,
            Some(Fact::CouldNotLook { reason }) => {
                return unknown(format!("the message could not be sent: {reason}"));
            }
            Some(Fact::Seen(_)) | None => return unknown("the message was not sent".to_owned()),
        };
        let within = i64::try_from(self.within.0).unwrap_or(i64::MAX);
        let due = sent.at_ms.unwrap_or_default().saturating_add(within);
        let lost = looked_seen.arrived != Some(true);
        if lost && sent.arrived == Some(true) && looked_seen.at_ms.unwrap_or_default() < due {
            return unknown("the message was sent too late to be waited for".to_owned());
        }
        looked.cloned()
    }
}

impl SyslogQuestion {
    /// The question before its marker was drawn: what two gradings have in common.
    #[must_use]
    pub fn unmarked(&self) -> Self {
        let mut bare = self.clone();
        bare.digest.clear();
        if let Some(message) = &mut bare.send {
            message.marker.clear();
        }
        bare
    }

    /// Draws the marker of a check from what nobody can know, the same on both sides.
    pub fn mark(&mut self, nonce: &str, check: &str) {
        let drawn = hex::encode(Sha256::digest(format!("{nonce} {check}")));
        let marker = format!("{MARKER}{}", drawn.get(..32).unwrap_or_default());
        match &mut self.send {
            Some(message) => message.marker = marker,
            None => self.digest = digest(&marker),
        }
    }
}

/// A marker's hash, as the log host is told it.
#[must_use]
pub fn digest(marker: &str) -> String {
    hex::encode(Sha256::digest(marker))
}

/// The number of a facility and a severity, such as `auth.warning`.
#[must_use]
pub fn priority(text: &str) -> Option<u8> {
    let (facility, severity) = text.split_once('.')?;
    let position = |names: &[&str], name: &str| {
        let at = names.iter().position(|known| *known == name)?;
        u8::try_from(at).ok().filter(|_| !name.is_empty())
    };
    Some(position(FACILITIES, facility)? * 8 + position(SEVERITIES, severity)?)
}

fn syslog_port() -> u16 {
    514
}

fn udp() -> Transport {
    Transport::Udp
}

fn user_notice() -> String {
    "user.notice".to_owned()
}

fn five_seconds() -> Span {
    Span(5_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check() -> SyslogCheck {
        serde_saphyr::from_str("{ through: client, path: /var/log/remote }").unwrap()
    }

    fn fact(arrived: bool, at_ms: i64) -> Fact {
        Fact::Seen(Observation::Syslog(SyslogSeen {
            arrived: Some(arrived),
            at_ms: Some(at_ms),
            ..SyslogSeen::default()
        }))
    }

    fn is_unknown(fact: Option<Fact>) -> bool {
        matches!(fact, Some(Fact::CouldNotLook { .. }))
    }

    #[test]
    fn both_sides_have_the_same_marker_and_the_log_host_only_its_hash() {
        let (mut look, (_, mut send)) = (check().question(), check().sending());
        look.mark("nonce", "t/c");
        send.mark("nonce", "t/c");
        let marker = send.send.unwrap().marker;
        assert_eq!((marker.len(), look.digest.len()), (40, 64));
        assert_eq!(look.digest, digest(&marker));
        let mut other = check().question();
        other.mark("nonce", "t/d");
        assert_ne!(other.digest, look.digest);
    }

    #[test]
    fn a_message_is_lost_only_where_it_had_its_time() {
        let (sent, check) = (fact(true, 1_000), check());
        let arrival = |looked: &Fact| check.arrival(Some(&sent), Some(looked));
        assert_eq!(arrival(&fact(true, 1_100)), Some(fact(true, 1_100)));
        assert_eq!(arrival(&fact(false, 6_000)), Some(fact(false, 6_000)));
        assert!(is_unknown(arrival(&fact(false, 5_999))));
        // What could not be handed over cannot arrive, however short the look.
        let unsent = fact(false, 1_000);
        assert_eq!(
            check.arrival(Some(&unsent), Some(&fact(false, 1_000))),
            Some(fact(false, 1_000))
        );
        assert!(is_unknown(check.arrival(None, Some(&fact(false, 9_000)))));
        assert_eq!(check.arrival(Some(&sent), None), None);
    }

    #[test]
    fn a_priority_is_a_facility_and_a_severity() {
        assert_eq!(priority("user.notice"), Some(13));
        assert_eq!(priority("local7.debug"), Some(191));
        assert_eq!(priority(".debug"), None);
        assert_eq!(priority("user"), None);
    }
}
