//! Looks at a local account.

use plateau_core::question::user::{UserQuestion, UserSeen};

use super::accounts;
use super::context::ProbeContext;

pub(super) fn see(question: &UserQuestion, look: &ProbeContext) -> anyhow::Result<UserSeen> {
    let Some(user) = accounts::users()?
        .into_iter()
        .find(|user| user.name == question.name)
    else {
        return Ok(UserSeen {
            exists: Some(false),
            ..UserSeen::default()
        });
    };
    let groups = accounts::groups()?;
    let mut supplementary: Vec<String> = accounts::groups_of(&groups, &user.name)
        .into_iter()
        .map(|group| group.name.clone())
        .collect();
    supplementary.sort();
    supplementary.dedup();
    let password = if look.wants("password") {
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

fn password(user: &accounts::User) -> anyhow::Result<&'static str> {
    let field = if user.password == "x" {
        // Without a line there, nobody can log in by password.
        accounts::shadow(&user.name)?.unwrap_or_else(|| "!".to_owned())
    } else {
        user.password.clone()
    };
    Ok(match field.chars().next() {
        None => "empty",
        Some('!' | '*') => "locked",
        Some(_) => "set",
    })
}
