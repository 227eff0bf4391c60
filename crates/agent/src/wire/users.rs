//! Who the users of a node are outside of it.
//!
//! An engine may give nodes user namespaces of their own. Whoever stays in the namespace outside sees
//! their users by other numbers, and has to write those.

use std::fs;
use std::io;

use rustix::process::{Gid, Uid};
use rustix::thread::{capabilities, set_capabilities};

/// Who owns files whose owner a node does not know.
const NOBODY: u32 = 65534;

/// The users and groups of a node, by their numbers inside and outside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Users {
    users: IdMap,
    groups: IdMap,
}

impl Users {
    /// Those of the user namespace of a process, seen from this one's.
    ///
    /// # Errors
    /// The process has ended.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let map = |kind: &str| fs::read_to_string(format!("/proc/{pid}/{kind}_map"));
        Ok(Self {
            users: IdMap::parse(&map("uid")?)?,
            groups: IdMap::parse(&map("gid")?)?,
        })
    }

    /// The numbers outside of a user and a group.
    ///
    /// # Errors
    /// The node has no such user or group.
    pub(crate) fn outside(&self, uid: u32, gid: u32) -> io::Result<(u32, u32)> {
        let unknown = |kind: &str, id: u32| {
            io::Error::other(format!("the node has no {kind} of number {id}"))
        };
        let user = self
            .users
            .outside(uid)
            .ok_or_else(|| unknown("user", uid))?;
        let group = self
            .groups
            .outside(gid)
            .ok_or_else(|| unknown("group", gid))?;
        Ok((user, group))
    }

    /// Whether its root is root outside as well.
    pub(crate) fn has_hosts_root(&self) -> bool {
        self.users.outside(0) == Some(0) || self.groups.outside(0) == Some(0)
    }

    /// The numbers inside of a user and a group, as the node shows them.
    pub(crate) fn inside(&self, uid: u32, gid: u32) -> (u32, u32) {
        let user = self.users.inside(uid).unwrap_or(NOBODY);
        let group = self.groups.inside(gid).unwrap_or(NOBODY);
        (user, group)
    }

    /// Has this thread make files as the node's root does, and keeps its capabilities.
    ///
    /// # Errors
    /// The thread may not do that, or the node has no root.
    pub(crate) fn become_root(&self) -> io::Result<()> {
        let (user, group) = self.outside(0, 0)?;
        let before = capabilities(None)?;
        set_file_owner(Uid::from_raw(user), Gid::from_raw(group))?;
        // The kernel takes those that concern files when root becomes another user.
        set_capabilities(None, before)?;
        Ok(())
    }
}

/// Has this thread make files that belong to a user and a group.
#[expect(unsafe_code, reason = "no safe interface sets these users")]
fn set_file_owner(user: Uid, group: Gid) -> io::Result<()> {
    let refused = || io::Error::from(rustix::io::Errno::PERM);
    // SAFETY: these calls concern no memory. They return what was before, also where they fail, and
    // so are asked again with a number that none has.
    let (group_now, user_now) = unsafe {
        libc::setfsgid(group.as_raw());
        libc::setfsuid(user.as_raw());
        (libc::setfsgid(u32::MAX), libc::setfsuid(u32::MAX))
    };
    let is = |now: libc::c_int, wanted: u32| now.cast_unsigned() == wanted;
    if is(group_now, group.as_raw()) && is(user_now, user.as_raw()) {
        return Ok(());
    }
    Err(refused())
}

/// Ranges of numbers.
#[derive(Debug, PartialEq, Eq)]
struct IdMap(Vec<IdRange>);

#[derive(Debug, PartialEq, Eq)]
struct IdRange {
    inside: u32,
    outside: u32,
    count: u32,
}

impl IdMap {
    /// Reads what the kernel says of a namespace: three numbers a line.
    fn parse(text: &str) -> io::Result<Self> {
        let range = |line: &str| {
            let mut numbers = line.split_whitespace().map(|word| word.parse().ok());
            Some(IdRange {
                inside: numbers.next()??,
                outside: numbers.next()??,
                count: numbers.next()??,
            })
        };
        let ranges: Option<Vec<IdRange>> = text.lines().map(range).collect();
        let ranges = ranges.filter(|ranges| !ranges.is_empty());
        ranges
            .map(Self)
            .ok_or_else(|| io::Error::other("the node's users are not known"))
    }

    fn outside(&self, id: u32) -> Option<u32> {
        let mut found = self.0.iter().filter_map(|range| {
            let offset = id.checked_sub(range.inside)?;
            (offset < range.count).then(|| range.outside + offset)
        });
        found.next()
    }

    fn inside(&self, id: u32) -> Option<u32> {
        let mut found = self.0.iter().filter_map(|range| {
            let offset = id.checked_sub(range.outside)?;
            (offset < range.count).then(|| range.inside + offset)
        });
        found.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(map: &str) -> Users {
        Users {
            users: IdMap::parse(map).unwrap(),
            groups: IdMap::parse(map).unwrap(),
        }
    }

    #[test]
    fn numbers_of_a_node_with_a_range_of_its_own_are_translated_both_ways() {
        let users = users("         0   10000000      65536\n");
        assert_eq!(users.outside(0, 5).unwrap(), (10_000_000, 10_000_005));
        assert_eq!(users.inside(10_000_033, 10_065_535), (33, 65535));
        assert!(!users.has_hosts_root());
        // The host's root owns nothing in there, and nobody there has a number beyond the range.
        assert_eq!(users.inside(0, 0), (NOBODY, NOBODY));
        assert!(users.outside(65536, 0).is_err());
    }

    #[test]
    fn numbers_of_a_node_without_one_stay() {
        let users = users("         0          0 4294967295\n");
        assert!(users.has_hosts_root());
        assert_eq!(
            users.outside(33, 2_000_000_000).unwrap(),
            (33, 2_000_000_000)
        );
        assert_eq!(users.inside(33, 2_000_000_000), (33, 2_000_000_000));
    }

    #[test]
    fn what_is_not_a_map_is_refused() {
        for text in ["", "0 0\n", "0 zero 1\n"] {
            assert!(IdMap::parse(text).is_err(), "{text:?}");
        }
    }
}
