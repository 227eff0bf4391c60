//! The part of the control groups that a node may change: its own, and none that limits it.

use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;

use rustix::mount::{MountFlags, mount_bind, mount_remount};

use super::users::Users;

/// Where engines mount the control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// The hierarchy of version 1 that has no controllers.
const UNITS: &str = "name=systemd";

/// The files of a group with which whoever it is given to sorts processes into groups below it: under
/// version 1 two, under version 2 three. All others limit the group, and stay the host's.
const DELEGATED: [&str; 4] = [
    "cgroup.procs",
    "tasks",
    "cgroup.threads",
    "cgroup.subtree_control",
];

/// Where a node's init sorts its units.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Where it is mounted in the node.
    path: String,
    /// The name that the node's own group has there, where the node has no cgroup namespace.
    own: Option<String>,
}

impl Hierarchy {
    /// Reads it off the mounts of a process in the node.
    ///
    /// Under version 1 this is the hierarchy `name=systemd`, which has no controllers. All others stay
    /// read-only. Under version 2 it is the node's own subtree; `nsdelegate` keeps the limits at its
    /// root from whoever lives in it.
    ///
    /// # Errors
    /// No such mount, or one whose limits could be changed from inside.
    pub(crate) fn read(mountinfo: &str) -> io::Result<Self> {
        for line in mountinfo.lines() {
            let Some((mount, file_system)) = line.split_once(" - ") else {
                continue;
            };
            let path = mount.split(' ').nth(4).unwrap_or_default().to_owned();
            let mut words = file_system.split(' ');
            let kind = words.next().unwrap_or_default();
            let has = |option: &str| file_system.split([' ', ',']).any(|word| word == option);
            match kind {
                "cgroup" if path.starts_with(ROOT) && has(UNITS) => {
                    return Ok(Self { path, own: None });
                }
                "cgroup2" if path == ROOT && has("nsdelegate") => {
                    return Ok(Self { path, own: None });
                }
                "cgroup2" if path == ROOT => {
                    return Err(io::Error::other(
                        "the host mounts its control groups without `nsdelegate`: root in a node could lift its limits",
                    ));
                }
                _ => {}
            }
        }
        Err(io::Error::other(
            "the node has neither the hierarchy `name=systemd` nor control groups of version 2",
        ))
    }

    /// The same in a node without a cgroup namespace, by what the kernel says of the groups of a
    /// process there.
    ///
    /// # Errors
    /// The process is in no group of the hierarchy that the host could name.
    pub(crate) fn named_by_the_host(self, groups: &str) -> io::Result<Self> {
        let mut named = groups.lines().filter_map(|line| {
            let (_, named) = line.split_once(':')?;
            named.strip_prefix(UNITS)?.strip_prefix(":/")
        });
        let own = named
            .next()
            .filter(|own| !own.is_empty() && !own.split('/').any(|part| part == ".."));
        let own =
            own.ok_or_else(|| io::Error::other("the node's own control group is not known"))?;
        Ok(Self {
            own: Some(own.to_owned()),
            ..self
        })
    }

    /// Gives it to the node's root, in the mount namespace of this thread, which makes files as that
    /// root does.
    ///
    /// # Errors
    /// The kernel refuses a step.
    pub(crate) fn give(&self, users: &Users) -> io::Result<()> {
        self.make_writable()?;
        let path = Path::new(&self.path);
        let (user, group) = users.outside(0, 0)?;
        lchown(path, Some(user), Some(group))?;
        for file in DELEGATED {
            match lchown(path.join(file), Some(user), Some(group)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        self.show_own()
    }

    /// The flags belong to the mount, not to the file system, so that nothing changes for others.
    fn make_writable(&self) -> rustix::io::Result<()> {
        let flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount_remount(&self.path, flags, "")
    }

    /// Without a cgroup namespace the kernel names groups as the host does, and systemd looks for them
    /// by these names. So the own group is shown once more under its own name.
    fn show_own(&self) -> io::Result<()> {
        let Some(own) = &self.own else {
            return Ok(());
        };
        let again = Path::new(&self.path).join(own);
        std::fs::create_dir_all(&again)?;
        Ok(mount_bind(&self.path, &again)?)
    }
}

/// Whether every mount of control groups, read off the mounts of a process, shows the group that the
/// process is in, by what the kernel says of its groups.
pub(crate) fn shows_own_alone(mountinfo: &str, groups: &str) -> bool {
    let own: Vec<&str> = groups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .collect();
    let mut roots = mountinfo.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let is_group = file_system.starts_with("cgroup");
        is_group.then(|| mount.split(' ').nth(3).unwrap_or_default())
    });
    roots.all(|root| root != "/" && own.contains(&root))
}

#[cfg(test)]
mod tests {
    use super::{Hierarchy, shows_own_alone};

    fn path(mounts: &str) -> std::io::Result<String> {
        Hierarchy::read(mounts).map(|hierarchy| hierarchy.path)
    }

    const V1: &str = "\
123 122 0:57 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755
128 123 0:33 /docker/8 /sys/fs/cgroup/devices ro,nosuid - cgroup cgroup rw,devices
132 123 0:37 /docker/8 /sys/fs/cgroup/systemd ro,nosuid - cgroup systemd rw,name=systemd
";

    #[test]
    fn under_version_1_a_hierarchy_without_controllers_alone_is_the_nodes() {
        assert_eq!(path(V1).unwrap(), "/sys/fs/cgroup/systemd");
        let without = V1.replace("name=systemd", "freezer");
        assert!(path(&without).is_err());
    }

    #[test]
    fn without_a_namespace_the_own_group_goes_by_the_hosts_name_of_it() {
        let named = |groups: &str| Hierarchy::read(V1).unwrap().named_by_the_host(groups);
        let found = named("8:pids:/a\n9:name=systemd:/libpod/8\n0::/b\n").unwrap();
        assert_eq!(found.own.as_deref(), Some("libpod/8"));
        for unknown in [
            "8:pids:/a\n",
            "9:name=systemd:/\n",
            "9:name=systemd:/../8\n",
        ] {
            assert!(named(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_mount_that_shows_more_than_the_own_group_is_seen() {
        let groups = "4:devices:/docker/8\n1:name=systemd:/docker/8\n0::/docker/8\n";
        assert!(shows_own_alone(V1, groups));
        for wider in ["/", "/docker", "/docker/7", "/docker/8/.."] {
            let mounts = V1.replace("0:33 /docker/8 ", &format!("0:33 {wider} "));
            assert!(!shows_own_alone(&mounts, groups), "{wider}");
        }
        let at_the_root = groups.replace("/docker/8", "/");
        assert!(!shows_own_alone(
            &V1.replace("/docker/8", "/"),
            &at_the_root
        ));
    }

    #[test]
    fn under_version_2_the_subtree_is_the_nodes_where_its_limits_are_kept() {
        let mount = "31 24 0:27 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw";
        assert!(path(mount).is_err());
        let delegated = format!("{mount},nsdelegate,memory_recursiveprot");
        assert_eq!(path(&delegated).unwrap(), "/sys/fs/cgroup");
    }
}
