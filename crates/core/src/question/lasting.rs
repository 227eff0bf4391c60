//! Questions that survive the loss of a node's memory, since their answers are on its disk.

use std::collections::BTreeSet;

use super::Question;

/// Where file systems in memory are.
const IN_MEMORY: [&str; 6] = ["/run", "/var/run", "/tmp", "/proc", "/sys", "/dev"];

/// Attributes of a unit that stand in files.
const OF_UNIT_FILES: [&str; 2] = ["exists", "unit_file"];

impl Question {
    /// Whether the answer stands on the disk of the node that is asked, so that it is the same after
    /// the node has lost what it had in memory. What may depend on both counts as memory.
    #[must_use]
    pub fn is_of_disk(&self, wants: &BTreeSet<String>) -> bool {
        match self {
            Self::File(file) => is_on_disk(&file.path),
            Self::Certificate(certificate) => {
                let others = certificate.key.iter().chain(&certificate.ca);
                is_on_disk(&certificate.path) && others.into_iter().all(|path| is_on_disk(path))
            }
            Self::Service(_) => wants.iter().all(|want| OF_UNIT_FILES.contains(&&**want)),
            Self::Package(_) | Self::User(_) | Self::Group(_) => true,
            Self::Process(_)
            | Self::Port(_)
            | Self::Mount(_)
            | Self::Interface(_)
            | Self::Address(_)
            | Self::Route(_)
            | Self::Resolver(_)
            | Self::Sysctl(_)
            // A timer that was started and not enabled is one of memory.
            | Self::Schedule(_)
            | Self::Command(_)
            | Self::Firewall(_)
            // A journal may be kept in memory alone.
            | Self::Journal(_)
            | Self::Ping(_)
            | Self::Tcp(_)
            | Self::Dns(_)
            | Self::Http(_)
            | Self::Tls(_)
            | Self::Ssh(_)
            | Self::Mail(_)
            | Self::Ldap(_)
            | Self::Sql(_)
            | Self::Smb(_)
            | Self::Nfs(_)
            | Self::Ftp(_)
            | Self::Tftp(_)
            | Self::Ntp(_)
            | Self::Snmp(_)
            | Self::Dhcp(_)
            | Self::Sip(_)
            | Self::Syslog(_)
            | Self::Availability(_) => false,
        }
    }
}

fn is_on_disk(path: &str) -> bool {
    let path = std::path::Path::new(path);
    !IN_MEMORY.iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::super::Expectation;

    fn is_of_disk(check: &str) -> bool {
        let check: Expectation = serde_saphyr::from_str(check).unwrap();
        check.question().is_of_disk(&check.wants())
    }

    #[test]
    fn files_are_of_the_disk_unless_their_file_system_is_in_memory() {
        assert!(is_of_disk("file: { path: /etc/motd }"));
        assert!(is_of_disk("file: { path: /running/x }"));
        assert!(is_of_disk(
            "certificate: { path: /etc/a.pem, key: /etc/a.key }"
        ));
        for path in [
            "/run/x",
            "/tmp/x",
            "/proc/sys/net/ipv4/ip_forward",
            "/var/run/x.pid",
        ] {
            assert!(!is_of_disk(&format!("file: {{ path: {path} }}")), "{path}");
        }
        assert!(!is_of_disk(
            "certificate: { path: /etc/a.pem, key: /run/a.key }"
        ));
    }

    #[test]
    fn of_a_service_only_its_unit_file_is_of_the_disk() {
        assert!(is_of_disk("service: { name: nginx, unit_file: enabled }"));
        assert!(!is_of_disk(
            "service: { name: nginx, unit_file: enabled, running: true }"
        ));
        assert!(!is_of_disk("service: { name: nginx }"));
        // systemd may have one enabled until the next boot alone.
        assert!(!is_of_disk("service: { name: nginx, enabled: true }"));
    }

    #[test]
    fn what_is_asked_across_a_network_is_never_of_the_disk() {
        use super::super::Vantage;
        let kinds = Expectation::EXAMPLES.iter().zip(Expectation::VANTAGES);
        let across = kinds.filter(|(_, vantage)| **vantage == Vantage::Across);
        for (example, _) in across {
            assert!(!is_of_disk(example), "{example}");
        }
    }
}
