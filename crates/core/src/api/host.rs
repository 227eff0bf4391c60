//! The daemon and its host.

use serde::{Deserialize, Serialize};

messages! {
    /// The daemon's name, version and runtime.
    struct Version {
        /// Always `plateaud`.
        pub name: String,
        /// Its version.
        pub version: String,
        /// `docker` or `fake`.
        pub runtime: String,
        /// Where it serves SSH; nowhere where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ssh: Option<SshView>,
    }

    /// Where the daemon serves SSH.
    struct SshView {
        /// Address and port.
        pub address: String,
        /// Fingerprint of its host key, as clients show it: `SHA256:…`.
        pub fingerprint: String,
    }

    /// What the host has and lacks: `GET /v1/doctor`.
    struct Diagnosis {
        /// Whether every finding is good or only a warning.
        pub healthy: bool,
        /// Finding by finding.
        pub findings: Vec<HostFinding>,
    }

    /// One thing that was looked at on the host.
    struct HostFinding {
        /// What, such as `engine`, `cgroups`, `kernel: netem`, `disk`, `memory`, `image: debian-server`.
        pub subject: String,
        /// How it is.
        pub health: Health,
        /// What was seen.
        pub seen: String,
        /// What to do about it, where it is not good.
        pub remedy: Option<String>,
    }

    /// How something is.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum Health {
        /// Good.
        Good,
        /// Some scenarios cannot run.
        Limited,
        /// Nothing can run.
        Bad,
    }
}
