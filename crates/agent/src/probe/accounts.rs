//! Users and groups as the node's own files name them; the C library's look-ups are not used,
//! because a static program must not load the node's plug-ins.

use anyhow::Context;

use super::bounded::text_of;

const LIMIT: u64 = 8 << 20;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) comment: String,
    pub(super) home: String,
    pub(super) shell: String,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

/// All lines of `/etc/passwd` that are well-formed; others are passed over, as the C library does.
pub(super) fn users() -> anyhow::Result<Vec<User>> {
    let text = text_of("/etc/passwd", LIMIT)?.context("there is no `/etc/passwd`")?;
    Ok(text.lines().filter_map(user).collect())
}

/// All lines of `/etc/group` that are well-formed.
pub(super) fn groups() -> anyhow::Result<Vec<Group>> {
    let text = text_of("/etc/group", LIMIT)?.context("there is no `/etc/group`")?;
    Ok(text.lines().filter_map(group).collect())
}

/// The password field of `/etc/shadow`, where it has a line for the user.
pub(super) fn shadow(name: &str) -> anyhow::Result<Option<String>> {
    let text = text_of("/etc/shadow", LIMIT)?.context("there is no `/etc/shadow`")?;
    Ok(text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.next().unwrap_or_default().to_owned())
    }))
}

fn user(line: &str) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, password, uid, gid, comment, home, shell] = fields[..] else {
        return None;
    };
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    Some(User {
        name: name.to_owned(),
        password: password.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        comment: comment.to_owned(),
        home: home.to_owned(),
        shell: shell.to_owned(),
    })
}

fn group(line: &str) -> Option<Group> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _password, gid, members] = fields[..] else {
        return None;
    };
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let members = members.split(',').filter(|member| !member.is_empty());
    Some(Group {
        name: name.to_owned(),
        gid: gid.parse().ok()?,
        members: members.map(str::to_owned).collect(),
    })
}

/// The first user's name with this number, or the number.
pub(super) fn user_name(users: &[User], uid: u32) -> String {
    users
        .iter()
        .find(|user| user.uid == uid)
        .map_or_else(|| uid.to_string(), |user| user.name.clone())
}

/// The first group's name with this number, or the number.
pub(super) fn group_name(groups: &[Group], gid: u32) -> String {
    groups
        .iter()
        .find(|group| group.gid == gid)
        .map_or_else(|| gid.to_string(), |group| group.name.clone())
}

/// The groups that name the user as a member.
pub(super) fn groups_of<'a>(groups: &'a [Group], name: &str) -> Vec<&'a Group> {
    let is_member = |group: &&Group| group.members.iter().any(|member| member == name);
    groups.iter().filter(is_member).collect()
}
