//! The part of the control groups that a node may change: its own, and none that limits it.

use std::io;

use rustix::mount::{MountFlags, mount_remount};

/// Where engines mount the control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Where the node's init sorts its units, read off the mounts of a process in the node.
///
/// Under version 1 this is the hierarchy `name=systemd`, which has no controllers. All others stay
/// read-only. Under version 2 it is the node's own subtree; `nsdelegate` keeps the limits at its root
/// from whoever lives in it.
///
/// # Errors
/// No such mount, or one whose limits could be changed from inside.
pub(crate) fn own_hierarchy(mountinfo: &str) -> io::Result<String> {
    for line in mountinfo.lines() {
        let Some((mount, file_system)) = line.split_once(" - ") else {
            continue;
        };
        let path = mount.split(' ').nth(4).unwrap_or_default();
        let mut words = file_system.split(' ');
        let kind = words.next().unwrap_or_default();
        let has = |option: &str| file_system.split([' ', ',']).any(|word| word == option);
        match kind {
            "cgroup" if path.starts_with(ROOT) && has("name=systemd") => return Ok(path.to_owned()),
            "cgroup2" if path == ROOT && has("nsdelegate") => return Ok(path.to_owned()),
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

/// Makes it writable, in the mount namespace of this thread. The flags belong to the mount, not to
/// the file system, so that nothing changes for others.
pub(crate) fn make_writable(path: &str) -> rustix::io::Result<()> {
    let flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_remount(path, flags, "")
}

#[cfg(test)]
mod tests {
    use super::own_hierarchy;

    const V1: &str = "\
123 122 0:57 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755
128 123 0:33 /docker/8 /sys/fs/cgroup/devices ro,nosuid - cgroup cgroup rw,devices
132 123 0:37 /docker/8 /sys/fs/cgroup/systemd ro,nosuid - cgroup systemd rw,name=systemd
";

    #[test]
    fn under_version_1_a_hierarchy_without_controllers_alone_is_the_nodes() {
        assert_eq!(own_hierarchy(V1).unwrap(), "/sys/fs/cgroup/systemd");
        let without = V1.replace("name=systemd", "freezer");
        assert!(own_hierarchy(&without).is_err());
    }

    #[test]
    fn under_version_2_the_subtree_is_the_nodes_where_its_limits_are_kept() {
        let mount = "31 24 0:27 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw";
        assert!(own_hierarchy(mount).is_err());
        let delegated = format!("{mount},nsdelegate,memory_recursiveprot");
        assert_eq!(own_hierarchy(&delegated).unwrap(), "/sys/fs/cgroup");
    }
}
