//! Observes a local group.

use plateau_core::question::group::{GroupQuestion, GroupSeen};

use crate::accounts;

pub(super) fn observe(question: &GroupQuestion) -> anyhow::Result<GroupSeen> {
    let Some(group) = accounts::read_group()?
        .into_iter()
        .find(|group| group.name == question.name)
    else {
        return Ok(GroupSeen {
            exists: Some(false),
            ..GroupSeen::default()
        });
    };
    let mut members = group.members;
    let users = accounts::read_passwd()?;
    let primary = users.into_iter().filter(|user| user.gid == group.gid);
    members.extend(primary.map(|user| user.name));
    members.sort();
    members.dedup();
    Ok(GroupSeen {
        exists: Some(true),
        gid: Some(i64::from(group.gid)),
        members: Some(members),
    })
}
