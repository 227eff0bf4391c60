//! A message from SMTP to IMAP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::security::Security;

/// A mailbox that is looked into over IMAP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// Address or name; the SMTP server's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port number; 143, or 993 with `tls: implicit`, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `none`, `starttls` or `implicit`; `none` where absent.
    #[serde(default, skip_serializing_if = "Security::is_none")]
    pub tls: Security,
    /// Login name.
    pub user: String,
    /// Password.
    pub password: String,
    /// The mailbox; `INBOX` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
}

question! {
    /// A message that is sent by SMTP and, where `imap` is given, waited for in a mailbox until
    /// the question's time is over. What was found there is deleted again.
    MailCheck, MailQuestion, MailSeen;
    asks {
        /// SMTP server: address or name.
        host: String,
        /// Port number; 25, or 465 with `tls: implicit`, where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// `none`, `starttls` or `implicit`; `none` where absent.
        #[serde(default, skip_serializing_if = "Security::is_none")]
        tls: Security,
        /// Path, on the asking node, of the authorities' certificates (PEM) for `trusted`; its
        /// `/etc/ssl/certs/ca-certificates.crt` where absent. A missing file is one without authorities.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
        /// Login name for SMTP; nobody logs in where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Password for SMTP.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// Sender's address.
        from: String,
        /// Recipient's address.
        to: String,
        /// Where it has to arrive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        imap: Option<Mailbox>,
    }
    sees {
        /// Whether the SMTP server was reached, with TLS where that was asked for, and greeted.
        connected: bool,
        /// Whether the SMTP server took the message; also `false` where nobody answers. Where a
        /// refusal is expected, ask for its `code` too: a server that is off refuses nothing.
        accepted: bool,
        /// Code of its last answer, such as 250, 535 (wrong password), 454 or 554 (no relaying).
        code: i64,
        /// Text of its last answer, without the code.
        reply: String,
        /// Whether the mailbox could be logged in to and opened; absent without `imap`.
        opened: bool,
        /// Whether the message arrived in the mailbox; absent without `imap`.
        delivered: bool,
        /// Whole seconds from its acceptance to its arrival.
        seconds: i64,
        /// Header lines of what arrived as `name: value`, names in lower case, sorted; the first 64 KiB.
        headers: Vec<String>,
        /// Whether all certificates are valid for their hosts, now, by the authorities; absent without TLS.
        trusted: bool,
    }
    or delivered = true;
    example r#"mail: { host: mail, from: alice@atelier.lan, to: bob@atelier.lan, imap: { user: bob, password: "{{ secret }}" }, delivered: true }"#;
}

impl MailCheck {
    /// What does not go together in it: the field and why.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        for (field, address) in [("from", &self.from), ("to", &self.to)] {
            let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '<' | '>');
            if !address.contains('@') || address.contains(odd) {
                return Some((field, format!("`{address}` is not a mail address")));
            }
        }
        if self.user.is_some() != self.password.is_some() {
            let message = "`user` and `password` belong together".to_owned();
            return Some(("user", message));
        }
        let wants = self.wants();
        let arrival = ["opened", "delivered", "seconds", "headers"];
        match arrival.iter().find(|name| wants.contains(**name)) {
            Some(name) if self.imap.is_none() => {
                let message = format!("`{name}` needs `imap`, the mailbox to look into");
                Some((name, message))
            }
            Some(_) | None => None,
        }
    }
}
