//! Users and groups as the node's own files say, without the C library's resolver, which a static
//! program cannot use.

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: String,
    pub(crate) shell: String,
}

/// Finds a user in the text of `/etc/passwd`.
pub(crate) fn find(passwd: &str, user: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == user)?;
        let _password = fields.next()?;
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let _comment = fields.next()?;
        let or = |field: Option<&str>, usual: &str| match field {
            Some("") | None => usual.to_owned(),
            Some(text) => text.to_owned(),
        };
        Some(Account {
            name: name.to_owned(),
            uid,
            gid,
            home: or(fields.next(), "/"),
            shell: or(fields.next(), "/bin/sh"),
        })
    })
}

/// All groups of a user, his own first, from the text of `/etc/group`.
pub(crate) fn groups(group: &str, account: &Account) -> Vec<u32> {
    let mut groups = vec![account.gid];
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [_name, _password, gid, members] = fields.as_slice() else {
            continue;
        };
        if let Ok(gid) = gid.parse()
            && members.split(',').any(|member| member == account.name)
            && !groups.contains(&gid)
        {
            groups.push(gid);
        }
    }
    groups
}

/// The assignments of `/etc/default/locale` that concern a language.
pub(crate) fn locale(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter(|(name, _)| name.starts_with("LC_") || ["LANG", "LANGUAGE"].contains(name))
        .map(|(name, value)| (name, value.trim_matches(['"', '\''])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{find, groups, locale};

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:Ann,,,:/home/ann:\nbad:x:one:1::/:\n";

    #[test]
    fn users_are_found_by_their_names() {
        let root = find(PASSWD, "root").unwrap();
        assert_eq!(
            (root.uid, root.home.as_str(), root.shell.as_str()),
            (0, "/root", "/bin/bash")
        );
        assert_eq!(find(PASSWD, "ann").unwrap().shell, "/bin/sh");
        assert_eq!(find(PASSWD, "bad"), None);
        assert_eq!(find(PASSWD, "an"), None);
    }

    #[test]
    fn a_user_has_his_own_group_and_those_that_list_him() {
        let ann = find(PASSWD, "ann").unwrap();
        let group = "root:x:0:\nann:x:1000:ann\nsudo:x:27:bob,ann\nadm:x:4:anna\n";
        assert_eq!(groups(group, &ann), [1000, 27]);
    }

    #[test]
    fn the_locale_is_read_with_and_without_quotes() {
        assert_eq!(
            locale("# hello\nLANG=\"fr_FR.UTF-8\"\nLC_TIME=C\nPATH=/tmp\n"),
            [("LANG", "fr_FR.UTF-8"), ("LC_TIME", "C")]
        );
    }
}
