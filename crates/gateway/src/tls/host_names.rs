//! Host names of the daemon.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::uri::Authority;

/// Host names and addresses of the daemon, besides those of the loopback. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Arc<RwLock<BTreeSet<String>>>);

impl AllowedHosts {
    /// Replaces the names and addresses.
    pub fn set(&self, names: impl IntoIterator<Item = String>) {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names.collect();
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().cloned().collect()
    }

    /// Whether a request's `Host` is one of them.
    pub fn has(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host().to_ascii_lowercase();
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let address = name.parse::<IpAddr>();
        if let Ok(address) = address {
            return address.is_loopback() || names.contains(&address.to_string());
        }
        // A certificate's `*` stands for one label.
        let any = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        name == "localhost" || names.contains(name) || any.is_some_and(|any| names.contains(&any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_let_in() {
        let names = AllowedHosts::default();
        for host in [
            "localhost",
            "LocalHost:7417",
            "127.0.0.1:7417",
            "127.9.9.9",
            "[::1]:7417",
        ] {
            assert!(names.has(host), "{host}");
        }
        let elsewhere = [
            "",
            "example.org",
            "localhost.example.org:7417",
            "192.168.1.4",
            "127.0.0.1.example.org",
            "[::2]:80",
        ];
        for host in elsewhere {
            assert!(!names.has(host), "{host}");
        }
        names.set(["Example.org", "*.salle.fr", "192.168.1.4", "::2"].map(str::to_owned));
        for host in [
            "example.ORG:443",
            "a.salle.fr",
            "192.168.1.4",
            "[::2]:80",
            "localhost",
        ] {
            assert!(names.has(host), "{host}");
        }
        for host in [
            "a.b.salle.fr",
            "salle.fr",
            "192.168.1.5",
            "*.salle.fr.example.org",
        ] {
            assert!(!names.has(host), "{host}");
        }
    }
}
