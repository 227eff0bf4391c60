//! Observes a local account.

use plateau_core::question::user::{UserQuestion, UserSeen};

use super::context::ProbeContext;
use crate::accounts;

pub(super) fn observe(question: &UserQuestion, context: &ProbeContext) -> anyhow::Result<UserSeen> {
    let Some(user) = accounts::read_passwd()?
        .into_iter()
        .find(|user| user.name == question.name)
    else {
        return Ok(UserSeen {
            exists: Some(false),
            ..UserSeen::default()
        });
    };
    let groups = accounts::read_group()?;
    let mut supplementary: Vec<String> = accounts::supplementary_groups(&groups, &user.name)
        .into_iter()
        .map(|group| group.name.clone())
        .collect();
    supplementary.sort();
    supplementary.dedup();
    let password = if context.wants("password") {
        Some(password(&user)?.to_owned())
    } else {
        None
    };
    Ok(UserSeen {
        exists: Some(true),
        uid: Some(i64::from(user.uid)),
        group: Some(accounts::group_name(&groups, user.gid)),
        groups: Some(supplementary),
        home: Some(user.home),
        shell: Some(user.shell),
        comment: Some(user.comment),
        password,
    })
}

fn password(user: &accounts::PasswdEntry) -> anyhow::Result<&'static str> {
    let field = if user.password == "x" {
        // Without a line in `/etc/shadow`, nobody can log in with a password.
        accounts::read_shadow_password(&user.name)?.unwrap_or_else(|| "!".to_owned())
    } else {
        user.password.clone()
    };
    Ok(match field.chars().next() {
        None => "empty",
        Some('!' | '*') => "locked",
        Some(_) => "set",
    })
}
