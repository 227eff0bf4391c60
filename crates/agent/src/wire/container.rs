//! Whether a process belongs to a container, by its control groups.
//!
//! The engine names a container's first process by its number. When that process has ended, the number
//! may have been given to another: of another node, or of the host.

/// Whether the control groups of a process are those of a container.
///
/// `own` and `theirs` are what `/proc/PID/cgroup` says of a process of another container of the same
/// engine, and of the process. The engine puts both below the same group, each in one that is named by its
/// container. What a node makes inside of its own has no say: only the first name below counts. A
/// hierarchy in which both are in the same group says nothing.
pub(crate) fn is_of(own: &str, theirs: &str, container: &str) -> bool {
    let mut is_named = false;
    for line in theirs.lines() {
        let Some((hierarchy, path)) = split(line) else {
            continue;
        };
        let beside = own.lines().filter_map(split);
        let beside = beside.filter(|(other, _)| *other == hierarchy);
        let beside = beside.map(|(_, path)| path).next().unwrap_or("/");
        let Some(group) = first_below(beside, path) else {
            continue;
        };
        if !names(group, container) {
            return false;
        }
        is_named = true;
    }
    is_named
}

/// The controllers of a line, and the path.
fn split(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(':')?;
    rest.split_once(':')
}

/// The first name of a path after those that it shares with another.
fn first_below<'a>(beside: &str, path: &'a str) -> Option<&'a str> {
    let parts = |path: &'a str| path.split('/').filter(|part| !part.is_empty());
    let mut others = beside.split('/').filter(|part| !part.is_empty());
    let mut own = parts(path).skip_while(|part| others.next() == Some(*part));
    // In a namespace of control groups, what is above its root is written so.
    own.find(|part| *part != "..")
}

/// Whether a control group is named by a container: `ID` by Docker with the driver `cgroupfs`,
/// `docker-ID.scope` with `systemd`, and `libpod-ID.scope` or `libpod-ID` by Podman.
fn names(group: &str, container: &str) -> bool {
    let group = group.strip_suffix(".scope").unwrap_or(group);
    let id = ["docker-", "libpod-"]
        .iter()
        .find_map(|prefix| group.strip_prefix(prefix));
    !container.is_empty() && id.unwrap_or(group) == container
}

#[cfg(test)]
mod tests {
    use super::is_of;

    const NODE: &str = "8d1b";
    const OTHER: &str = "77aa";

    #[test]
    fn each_engine_and_version_names_its_containers() {
        for (own, theirs) in [
            // Docker, version 1, cgroupfs; one hierarchy without the engine's groups.
            (
                "3:misc:/\n2:devices:/docker/w1\n1:name=systemd:/docker/w1\n",
                "3:misc:/\n2:devices:/docker/8d1b\n1:name=systemd:/docker/8d1b/init.scope\n",
            ),
            // Docker, version 1, systemd.
            (
                "2:pids:/system.slice/docker-w1.scope\n",
                "2:pids:/system.slice/docker-8d1b.scope\n",
            ),
            // Docker, version 2, seen from the host's namespace, and from the wirer's own.
            (
                "0::/system.slice/docker-w1.scope\n",
                "0::/system.slice/docker-8d1b.scope/init.scope\n",
            ),
            ("0::/\n", "0::/../docker-8d1b.scope/init.scope\n"),
            ("0::/\n", "0::/../8d1b\n"),
            // Podman.
            (
                "0::/machine.slice/libpod-w1.scope/container\n",
                "0::/machine.slice/libpod-8d1b.scope/container\n",
            ),
            (
                "2:pids:/libpod_parent/libpod-w1\n",
                "2:pids:/libpod_parent/libpod-8d1b\n",
            ),
            // An engine that runs in a container.
            (
                "2:pids:/docker/outer/docker/w1\n",
                "2:pids:/docker/outer/docker/8d1b\n",
            ),
        ] {
            assert!(is_of(own, theirs, NODE), "{theirs}");
            assert!(!is_of(own, theirs, OTHER), "{theirs}");
            assert!(!is_of(own, theirs, ""), "{theirs}");
        }
    }

    #[test]
    fn what_a_node_makes_inside_of_its_own_has_no_say() {
        let own = "2:devices:/docker/w1\n1:name=systemd:/docker/w1\n";
        let forged = "2:devices:/docker/77aa\n1:name=systemd:/docker/77aa/docker/8d1b\n";
        assert!(!is_of(own, forged, NODE));
        let forged = "2:devices:/docker/77aa\n1:name=systemd:/docker/8d1b\n";
        assert!(!is_of(own, forged, NODE), "each hierarchy has to agree");
        assert!(!is_of(
            "0::/\n",
            "0::/../docker-77aa.scope/docker-8d1b.scope\n",
            NODE
        ));
    }

    #[test]
    fn processes_of_the_host_and_of_the_wirer_are_of_no_node() {
        let own = "2:devices:/docker/w1\n";
        for theirs in [
            "2:devices:/\n",
            "2:devices:/user.slice\n",
            own,
            "",
            "nonsense",
        ] {
            assert!(!is_of(own, theirs, NODE), "{theirs}");
        }
    }
}
