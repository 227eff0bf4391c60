//! Users and groups.

use plateau_core::matcher::Matcher;
use plateau_core::question::Expectation;
use plateau_core::question::group::GroupCheck;
use plateau_core::question::user::UserCheck;
use plateau_core::tree::{Kind, Tree};

use super::Resource;
use crate::document::scalar;
use crate::goss::expected::Seen;

impl Resource<'_> {
    pub(super) fn group(&mut self) {
        let name = self.named("groupname");
        let exists = self.flag("exists");
        let gid = self.number("gid");
        let absent = self.is_absent(exists.as_ref());
        let check = GroupCheck {
            name: name.clone(),
            exists,
            gid: gid.filter(|_| !absent),
            members: None,
        };
        self.ask(&name, ("Groupe", "Group"), Expectation::Group(check));
    }

    pub(super) fn user(&mut self) {
        let name = self.named("username");
        let exists = self.flag("exists");
        let absent = self.is_absent(exists.as_ref());
        let check = UserCheck {
            name: name.clone(),
            exists,
            uid: self.number("uid").filter(|_| !absent),
            group: None,
            groups: None,
            home: self.text("home", Seen::Line).filter(|_| !absent),
            shell: self.text("shell", Seen::Line).filter(|_| !absent),
            comment: None,
            password: None,
        };
        self.without(
            "gid",
            "a user's own group is asked for by its name, with `group`",
        );
        self.ask(&name, ("Compte", "Account"), Expectation::User(check));
        if let (Some(tree), false) = (self.attribute("groups"), absent) {
            self.groups(&name, tree);
        }
    }

    /// Goss has a user's own group among their groups, and here it is apart; among the members of a
    /// group, however, are those whose own it is.
    fn groups(&mut self, user: &str, tree: &Tree) {
        let listed = match &tree.kind {
            Kind::List(_) => Some(tree),
            _ => ["contain-elements", "consist-of"]
                .into_iter()
                .find_map(|name| tree.get(name)),
        };
        let one = tree.get("contain-element").and_then(scalar);
        let names: Option<Vec<String>> = match listed {
            Some(list) => list.elements().iter().map(scalar).collect(),
            None => one.map(|name| vec![name]),
        };
        let Some(names) = names else {
            let what = "`groups`: whether a user is in a group is asked of each group by its name";
            return self.leave_out(tree.at, what.to_owned());
        };
        if tree.get("consist-of").is_some() {
            let what = "`groups`: that there are no others";
            self.leave_out(tree.at, what.to_owned());
        }
        for group in names {
            let check = GroupCheck {
                name: group.clone(),
                exists: None,
                gid: None,
                members: Some(Matcher::Contains(user.to_owned())),
            };
            self.ask(
                &group,
                (
                    &format!("{user} dans le groupe"),
                    &format!("{user} in the group"),
                ),
                Expectation::Group(check),
            );
        }
    }
}
