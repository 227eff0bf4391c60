//! Proxy auto-configuration, with which browsers find applications without DNS: a proxy for their names alone.

use axum::http::uri::Authority;

use super::name::BaseDomain;

/// The auto-configuration file; `daemon` is the authority that it was requested from.
#[must_use]
pub fn file(base: &BaseDomain, daemon: &Authority, tls: bool) -> String {
    let kind = if tls { "HTTPS" } else { "PROXY" };
    let port = daemon.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let host = daemon.host();
    format!(
        "function FindProxyForURL(url, host) {{\n  \
           if (dnsDomainIs(host, \".{base}\")) return \"{kind} {host}:{port}\";\n  \
           return \"DIRECT\";\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_applications_are_reached_by_the_daemon_and_others_directly() {
        let base = BaseDomain::of("labs.salle.fr").unwrap();
        let file = |daemon: &str, tls| file(&base, &daemon.parse().unwrap(), tls);
        let told = "function FindProxyForURL(url, host) {\n  \
                    if (dnsDomainIs(host, \".labs.salle.fr\")) return \"HTTPS exam.salle.fr:7417\";\n  \
                    return \"DIRECT\";\n}\n";
        assert_eq!(file("exam.salle.fr:7417", true), told);
        assert!(file("exam.salle.fr", true).contains("\"HTTPS exam.salle.fr:443\""));
        assert!(file("[::1]:7417", false).contains("\"PROXY [::1]:7417\""));
    }
}
