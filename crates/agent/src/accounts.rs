//! Users and groups from the node's own files. The C library's look-ups are not used, because a
//! static program cannot load the node's plug-ins.

use anyhow::Context;

use crate::bounded::read_text;

const LIMIT: u64 = 8 << 20;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PasswdEntry {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) comment: String,
    pub(crate) home: String,
    pub(crate) shell: String,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug)]
pub(crate) struct GroupEntry {
    pub(crate) name: String,
    pub(crate) gid: u32,
    pub(crate) members: Vec<String>,
}

/// All complete lines of `/etc/passwd`; others are skipped.
pub(crate) fn read_passwd() -> anyhow::Result<Vec<PasswdEntry>> {
    let text = read_text("/etc/passwd", LIMIT)?.context("`/etc/passwd` does not exist")?;
    let complete = |line: &&str| line.split(':').count() == 7;
    let lines = text.lines().filter(complete);
    Ok(lines.filter_map(parse_passwd_line).collect())
}

/// All complete lines of `/etc/group`; others are skipped.
pub(crate) fn read_group() -> anyhow::Result<Vec<GroupEntry>> {
    let text = read_text("/etc/group", LIMIT)?.context("`/etc/group` does not exist")?;
    Ok(text.lines().filter_map(parse_group_line).collect())
}

/// The password field of `/etc/shadow`, if it has a line for the user.
pub(crate) fn read_shadow_password(name: &str) -> anyhow::Result<Option<String>> {
    let text = read_text("/etc/shadow", LIMIT)?.context("`/etc/shadow` does not exist")?;
    Ok(text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.next().unwrap_or_default().to_owned())
    }))
}

/// Finds the user in the text of `/etc/passwd`. Empty or missing fields have their defaults, so that
/// whoever can log in elsewhere can do so here.
pub(crate) fn find_login(passwd: &str, name: &str) -> Option<PasswdEntry> {
    let mut users = passwd.lines().filter_map(parse_passwd_line);
    let mut user = users.find(|user| user.name == name)?;
    if user.home.is_empty() {
        user.home = "/".to_owned();
    }
    if user.shell.is_empty() {
        user.shell = "/bin/sh".to_owned();
    }
    Some(user)
}

/// All group numbers of a user, the primary group first, from the text of `/etc/group`.
pub(crate) fn group_ids(group: &str, user: &PasswdEntry) -> Vec<u32> {
    let groups: Vec<GroupEntry> = group.lines().filter_map(parse_group_line).collect();
    let mut ids = vec![user.gid];
    for group in supplementary_groups(&groups, &user.name) {
        if !ids.contains(&group.gid) {
            ids.push(group.gid);
        }
    }
    ids
}

/// Reads a line that has at least the first five fields.
fn parse_passwd_line(line: &str) -> Option<PasswdEntry> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    Some(PasswdEntry {
        name: name.to_owned(),
        password: fields.next()?.to_owned(),
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
        comment: fields.next()?.to_owned(),
        home: fields.next().unwrap_or_default().to_owned(),
        shell: fields.next().unwrap_or_default().to_owned(),
    })
}

fn parse_group_line(line: &str) -> Option<GroupEntry> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _password, gid, members] = fields[..] else {
        return None;
    };
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let members = members.split(',').filter(|member| !member.is_empty());
    Some(GroupEntry {
        name: name.to_owned(),
        gid: gid.parse().ok()?,
        members: members.map(str::to_owned).collect(),
    })
}

/// The name of the first user with this number, or the number.
pub(crate) fn user_name(users: &[PasswdEntry], uid: u32) -> String {
    users
        .iter()
        .find(|user| user.uid == uid)
        .map_or_else(|| uid.to_string(), |user| user.name.clone())
}

/// The name of the first group with this number, or the number.
pub(crate) fn group_name(groups: &[GroupEntry], gid: u32) -> String {
    groups
        .iter()
        .find(|group| group.gid == gid)
        .map_or_else(|| gid.to_string(), |group| group.name.clone())
}

/// The groups that name the user as a member.
pub(crate) fn supplementary_groups<'a>(
    groups: &'a [GroupEntry],
    name: &str,
) -> Vec<&'a GroupEntry> {
    let is_member = |group: &&GroupEntry| group.members.iter().any(|member| member == name);
    groups.iter().filter(is_member).collect()
}

#[cfg(test)]
mod tests {
    use super::{find_login, group_ids};

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:Ann,,,:/home/ann:\nbad:x:one:1::/:\n";

    #[test]
    fn users_are_found_by_their_names() {
        let root = find_login(PASSWD, "root").unwrap();
        assert_eq!(
            (root.uid, root.home.as_str(), root.shell.as_str()),
            (0, "/root", "/bin/bash")
        );
        assert_eq!(find_login(PASSWD, "ann").unwrap().shell, "/bin/sh");
        assert_eq!(find_login(PASSWD, "bad"), None);
        assert_eq!(find_login(PASSWD, "an"), None);
    }

    #[test]
    fn a_user_has_a_primary_group_and_those_that_list_them() {
        let ann = find_login(PASSWD, "ann").unwrap();
        let group = "root:x:0:\nann:x:1000:ann\nsudo:x:27:bob,ann\nadm:x:4:anna\n";
        assert_eq!(group_ids(group, &ann), [1000, 27]);
    }
}
