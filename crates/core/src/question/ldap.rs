//! A directory and its entries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::security::Security;

/// How far below its base a search looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// At the base alone.
    Base,
    /// At the entries right below it.
    One,
    /// At the base and everything below it.
    #[default]
    Subtree,
}

question! {
    /// A simple bind to an LDAP server and, where `base` is given, a search.
    LdapCheck, LdapQuestion, LdapSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 389, or 636 with `tls: implicit`, where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// `none`, `starttls` or `implicit`; `none` where absent.
        #[serde(default, skip_serializing_if = "Security::is_none")]
        tls: Security,
        /// Path, on the asking node, of the authorities' certificates (PEM) for `trusted`; its
        /// `/etc/ssl/certs/ca-certificates.crt` where absent. A missing file is one without authorities.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
        /// Who binds, such as `cn=admin,dc=forge,dc=lan`; anonymous where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dn: Option<String>,
        /// Password of `dn`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// Where the search starts; nothing is searched where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        /// `base`, `one` or `subtree`; `subtree` where absent.
        #[serde(default)]
        scope: Scope,
        /// Filter; `(objectClass=*)` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
        /// Attributes to ask for; all that users have where empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attributes: Vec<String>,
    }
    sees {
        /// Whether an LDAP server answered, with TLS where that was asked for.
        connected: bool,
        /// Whether the certificate is valid for the host, now, by the authorities; absent without TLS.
        trusted: bool,
        /// Whether the bind was accepted; also `false` where nobody answers.
        bound: bool,
        /// Result code of the last operation, such as 0, 32 (no such object) or 49 (wrong credentials).
        code: i64,
        /// How many entries the search found, at most 1000.
        count: i64,
        /// The first 200 entries in LDIF, sorted: `dn: …`, then a line for each value, sorted;
        /// what is not text as `name:: base64`; 256 KiB at most.
        entries: Vec<String>,
    }
    or bound = true;
    example r#"ldap: { host: srv1, base: "dc=atelier,dc=lan", filter: "(uid=alice)", count: 1 }"#;
}

impl LdapCheck {
    /// What does not go together in it: the field and why.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        // RFC 4513, 5.1.2: many servers take a name without a password for an anonymous bind.
        let secret = self.password.as_deref().is_some_and(|text| !text.is_empty());
        if self.dn.is_some() != secret {
            let message = "`dn` and a `password` belong together".to_owned();
            return Some(("dn", message));
        }
        let wants = self.wants();
        let found = ["count", "entries"];
        match found.iter().find(|name| wants.contains(**name)) {
            Some(name) if self.base.is_none() => {
                Some((name, format!("`{name}` needs `base`, where the search starts")))
            }
            Some(_) | None => None,
        }
    }
}
