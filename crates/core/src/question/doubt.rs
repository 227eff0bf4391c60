//! What an answer rests on beside the grader: what root of the machine that is asked could have arranged.

use super::{Expectation, Vantage};

/// What could make each kind of question see something other than what a trainer has in mind, in the
/// order of [`Expectation::KINDS`].
pub const DOUBTS: &[(&str, &str)] = &[
    (
        "file",
        "it shows what is written, and not whether anything reads it",
    ),
    (
        "package",
        "root can write dpkg's status file by hand; ask for what the package does as well",
    ),
    (
        "service",
        "root can give a unit of this name any program, and put a program of their own in systemd's place; ask for what the service does as well",
    ),
    (
        "process",
        "root can copy any program to a file of this name; ask for what it does as well",
    ),
    (
        "port",
        "any program can listen there; ask for what it answers as well",
    ),
    (
        "user",
        "it shows what is written; whether somebody can log in is asked with `ssh`",
    ),
    (
        "group",
        "it shows what is written; whether a right follows from it is asked where the right is used",
    ),
    (
        "mount",
        "nothing is known to: the kernel answers, and `/etc/fstab` is read",
    ),
    ("interface", "nothing is known to: the kernel answers"),
    ("address", "nothing is known to: the kernel answers"),
    (
        "route",
        "nothing is known to: the kernel answers; whether packets arrive is asked with `ping` or `tcp`",
    ),
    (
        "resolver",
        "it shows what is written; whether names are found is asked with `dns`",
    ),
    ("sysctl", "nothing is known to: the kernel answers"),
    (
        "schedule",
        "it shows what is written; whether it ran is seen by what it leaves behind",
    ),
    (
        "command",
        "everything: the node's own programs, libraries and shell give the answer, and root can replace each of them",
    ),
    (
        "firewall",
        "a rule before or behind the one that is found may undo it; packets are asked with `tcp` or `ping`",
    ),
    (
        "certificate",
        "it shows what is written; what a server shows is asked with `tls`",
    ),
    (
        "journal",
        "root can write any line into a journal; ask for what the service does as well",
    ),
    (
        "ping",
        "whoever holds the address answers, or translates it; root of the asking node can redirect it there",
    ),
    (
        "tcp",
        "whoever holds the address answers, or translates it; root of the asking node can redirect it there",
    ),
    (
        "dns",
        "any name server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "http",
        "any server at the address answers, with any page; root of the asking node can redirect it there",
    ),
    (
        "tls",
        "any server at the address answers, but with its own key; root of the asking node can redirect it there",
    ),
    (
        "ssh",
        "any server at the address answers; what is run after the log-in is that server's own program; root of the asking node can redirect it there",
    ),
    (
        "mail",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "ldap",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "sql",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "smb",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "nfs",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "ftp",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "tftp",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "ntp",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "snmp",
        "any agent at the address answers, with any values; root of the asking node can redirect it there",
    ),
    (
        "dhcp",
        "whichever server of the network offers first is seen",
    ),
    (
        "sip",
        "any server at the address answers; root of the asking node can redirect it there",
    ),
    (
        "syslog",
        "root can write any line into a file; the line has a marker that is drawn for this grading and sent from elsewhere",
    ),
    (
        "availability",
        "what can deceive the question that is watched",
    ),
];

/// What the answer to a check rests on beside the grader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Programs of the node itself, which its root can replace.
    OwnPrograms,
    /// A view of the network from a machine whose root can redirect what it sends.
    EnteredView,
}

impl Expectation {
    /// What the answer rests on, where its observer is a machine that the candidate enters.
    #[must_use]
    pub fn doubt_where_entered(&self) -> Option<Doubt> {
        let question = self.question();
        if question.runs_programs() {
            return Some(Doubt::OwnPrograms);
        }
        match question.vantage() {
            Vantage::Across => Some(Doubt::EnteredView),
            Vantage::Inside => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_doubt() {
        let kinds: Vec<&str> = DOUBTS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, Expectation::KINDS);
    }
}
