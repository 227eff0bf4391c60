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
        /// Where it serves SSH; absent where it does not.
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

    /// What the host has and what is missing: `GET /v1/doctor`.
    struct Diagnosis {
        /// Whether every finding is good or only a warning.
        pub healthy: bool,
        /// The findings.
        pub findings: Vec<HostFinding>,
    }

    /// One property of the host that was examined.
    struct HostFinding {
        /// The property, such as `engine`, `cgroups`, `kernel: netem`, `disk`, `memory`, `image: debian-server`.
        pub subject: String,
        /// Whether it is good.
        pub health: Health,
        /// What was found.
        pub seen: String,
        /// What to do about it, where it is not good.
        pub remedy: Option<String>,
    }

    /// Whether a property of the host is good.
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
