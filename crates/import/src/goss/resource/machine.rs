//! Resources inside the machine.

use plateau_core::matcher::Matcher;
use plateau_core::question::Expectation;
use plateau_core::question::address::AddressCheck;
use plateau_core::question::command::CommandCheck;
use plateau_core::question::file::FileCheck;
use plateau_core::question::interface::InterfaceCheck;
use plateau_core::question::mount::MountCheck;
use plateau_core::question::package::PackageCheck;
use plateau_core::question::port::{PortCheck, Transport};
use plateau_core::question::process::ProcessCheck;
use plateau_core::question::service::ServiceCheck;
use plateau_core::question::sysctl::SysctlCheck;
use plateau_core::tree::{Entry, Kind, Tree};

use super::{Resource, is_v6, only};
use crate::document::scalar;
use crate::goss::expected::{self, Seen};

impl Resource<'_> {
    pub(super) fn command(&mut self) {
        let run = self.named("exec");
        let check = CommandCheck {
            run: run.clone(),
            user: None,
            timeout: self.timeout(),
            exit: self.number("exit-status"),
            stdout: self.text("stdout", Seen::Output),
            stderr: self.text("stderr", Seen::Output),
        };
        let id = self.entry.key.clone();
        self.ask(&id, ("Commande", "Command"), Expectation::Command(check));
    }

    pub(super) fn file(&mut self) {
        let named = self.named("path");
        // Goss knows the home of a user, `~root/…`; here that is known of root alone.
        let path = match named.strip_prefix("~root") {
            Some(rest) => format!("/root{rest}"),
            None => named.clone(),
        };
        if !path.starts_with('/') {
            let what = format!("`{named}` is not an absolute path");
            return self.refuse(what);
        }
        let exists = self.flag("exists");
        let bare = FileCheck {
            path,
            exists: exists.clone(),
            kind: None,
            mode: None,
            owner: None,
            group: None,
            size: None,
            target: None,
            content: None,
            sha256: None,
        };
        let mut check = bare.clone();
        self.attributes_of_file(&mut check);
        if self.is_absent(exists.as_ref()) {
            check = bare;
        }
        self.ask(&named, ("Fichier", "File"), Expectation::File(check));
    }

    fn attributes_of_file(&mut self, check: &mut FileCheck) {
        check.kind = self.expect("filetype", |tree| {
            expected::text(&file_types(tree), Seen::Line)
        });
        let kind = self.get("filetype");
        if let Some(tree) =
            kind.filter(|kind| texts(kind).iter().any(|text| text.ends_with("-device")))
        {
            let what = "`filetype`: character and block devices are not told apart here";
            self.leave_out(tree.at, what.to_owned());
        }
        check.mode = self.mode("mode");
        check.owner = self.text("owner", Seen::Line);
        check.group = self.text("group", Seen::Line);
        check.size = self.number("size");
        check.target = self.text("linked-to", Seen::Line);
        check.sha256 = self.text("sha256", Seen::Line);
        let former = self.text("contains", Seen::Lines);
        let contents = self.text("contents", Seen::Lines);
        check.content = expected::all(former.into_iter().chain(contents).collect());
        for (number, name) in [("uid", &mut check.owner), ("gid", &mut check.group)] {
            match self.attribute(number).map(|tree| (tree.at, &tree.kind)) {
                None => {}
                // Number 0 has this name on every machine.
                Some((_, Kind::Integer(0))) if name.is_none() => {
                    *name = Some(Matcher::Is("root".to_owned()));
                }
                Some((_, Kind::Integer(0))) if *name == Some(Matcher::Is("root".to_owned())) => {}
                Some((at, _)) => {
                    let what = format!(
                        "`{number}`: a file's owner and group are asked for by their names"
                    );
                    self.leave_out(at, what);
                }
            }
        }
        self.without("md5", "only SHA-256 is asked for");
        self.without("sha512", "only SHA-256 is asked for");
    }

    pub(super) fn interface(&mut self) {
        let name = self.named("name");
        let exists = self.flag("exists");
        let mtu = self.number("mtu");
        let absent = self.is_absent(exists.as_ref());
        let check = InterfaceCheck {
            name: name.clone(),
            exists,
            up: None,
            carrier: None,
            mac: None,
            mtu: mtu.filter(|_| !absent),
        };
        self.ask(
            &name,
            ("Interface", "Interface"),
            Expectation::Interface(check),
        );
        if let (Some(tree), false) = (self.attribute("addrs"), absent) {
            self.addresses(&name, tree);
        }
    }

    /// Addresses of both versions of IP are one list in Goss and two here.
    fn addresses(&mut self, interface: &str, tree: &Tree) {
        let local = |text: &str| text.to_lowercase().starts_with("fe80:");
        let (v6, v4): (Vec<String>, Vec<String>) =
            texts(tree).into_iter().partition(|text| is_v6(text));
        let plain =
            matches!(tree.kind, Kind::List(_)) && texts(tree).len() == tree.elements().len();
        if v6.iter().any(|text| local(text)) {
            let what = "`addrs`: link-local addresses are not seen here";
            self.leave_out(tree.at, what.to_owned());
            if !plain {
                return;
            }
        }
        if !plain && !(v4.is_empty() ^ v6.is_empty()) {
            let what = "`addrs`: IPv4 and IPv6 addresses are two lists here";
            return self.leave_out(tree.at, what.to_owned());
        }
        let mut list = |six: bool, wanted: bool| {
            let is_of = |text: &str| is_v6(text) == six && !local(text);
            let part = only(tree, &is_of);
            let part = if plain { part } else { tree.clone() };
            let read = |_: &Tree| expected::list(&part, &str::to_lowercase);
            wanted.then(|| self.expect("addrs", read)).flatten()
        };
        let check = AddressCheck {
            interface: interface.to_owned(),
            assigned: None,
            ipv4: list(false, !v4.is_empty()),
            ipv6: list(true, !v6.is_empty()),
        };
        if check.ipv4.is_none() && check.ipv6.is_none() {
            return;
        }
        self.ask(
            interface,
            ("Adresses de", "Addresses of"),
            Expectation::Address(check),
        );
    }

    pub(super) fn kernel_param(&mut self) {
        let key = self.named("name").replace('/', ".");
        let value = self.text("value", Seen::Line);
        let folded = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let check = SysctlCheck {
            key: key.clone(),
            exists: None,
            value: value.map(|matcher| match matcher {
                Matcher::Is(text) => Matcher::Is(folded(text)),
                other => other,
            }),
        };
        self.ask(
            &key,
            ("Paramètre du noyau", "Kernel parameter"),
            Expectation::Sysctl(check),
        );
    }

    pub(super) fn mount(&mut self) {
        let path = self.named("mountpoint");
        if !path.starts_with('/') {
            let what = format!("`{path}` is not an absolute path");
            return self.refuse(what);
        }
        let mounted = self.flag("exists");
        let absent = self.is_absent(mounted.as_ref());
        let options = [
            self.list("opts", str::to_owned),
            self.list("vfs-opts", str::to_owned),
        ];
        if ["opts", "vfs-opts"]
            .into_iter()
            .any(|name| self.get(name).is_some_and(counts))
        {
            self.converted.comments.push(
                "Options of the mount and of its file system are one list here, and two in Goss."
                    .to_owned(),
            );
        }
        let check = MountCheck {
            path: path.clone(),
            mounted,
            source: self.text("source", Seen::Line).filter(|_| !absent),
            kind: self.text("filesystem", Seen::Line).filter(|_| !absent),
            options: expected::all(options.into_iter().flatten().collect()).filter(|_| !absent),
            at_boot: None,
        };
        self.without("usage", "how full a file system is cannot be asked for");
        self.ask(&path, ("Montage", "Mount"), Expectation::Mount(check));
    }

    pub(super) fn package(&mut self) {
        let name = self.named("name");
        let installed = self.flag("installed");
        let version = self.text("versions", Seen::Line);
        let absent = self.is_absent(installed.as_ref());
        let check = PackageCheck {
            name: name.clone(),
            installed,
            version: version.filter(|_| !absent),
        };
        self.ask(&name, ("Paquet", "Package"), Expectation::Package(check));
    }

    pub(super) fn port(&mut self) {
        let named = self.named("port");
        let (network, number) = named.split_once(':').unwrap_or(("tcp", &named));
        let transport = match network {
            "tcp" | "tcp6" => Transport::Tcp,
            "udp" | "udp6" => Transport::Udp,
            other => {
                let what = format!("`{other}` is not tcp, tcp6, udp or udp6");
                return self.refuse(what);
            }
        };
        let Ok(number) = number.parse() else {
            let what = format!("`{number}` is not a valid port");
            return self.refuse(what);
        };
        let six = network.ends_with('6');
        let listening = self.flag("listening");
        let absent = self.is_absent(listening.as_ref());
        let addresses = self.list("ip", str::to_owned).filter(|_| !absent);
        if absent && six {
            let what = "`listening`: here nothing may listen on it by IPv4 either";
            self.leave_out(self.entry.key_at, what.to_owned());
        }
        // Goss has the ports of both versions of IP apart: an address of the version must be there.
        let version = if six { ":" } else { r"\." };
        let version = version.parse().ok().map(Matcher::Matches);
        let check = PortCheck {
            number,
            protocol: transport,
            listening,
            addresses: addresses.or(version.filter(|_| !absent)),
            programs: None,
        };
        self.ask(&named, ("Port", "Port"), Expectation::Port(check));
    }

    pub(super) fn process(&mut self) {
        let name = self.named("comm");
        let check = ProcessCheck {
            name: name.clone(),
            running: self.flag("running"),
            count: None,
            users: None,
            commands: None,
        };
        self.ask(&name, ("Processus", "Process"), Expectation::Process(check));
    }

    pub(super) fn service(&mut self) {
        let name = self.named("name");
        let check = ServiceCheck {
            name: name.clone(),
            exists: None,
            running: self.flag("running"),
            enabled: self.flag("enabled"),
            state: None,
            unit_file: None,
        };
        self.without("runlevels", "systemd has no run levels");
        if check.running.is_none() && check.enabled.is_none() {
            // Without any attribute ours would ask whether it runs, and Goss asks nothing.
            return self.refuse("nothing is asked of it".to_owned());
        }
        self.ask(&name, ("Service", "Service"), Expectation::Service(check));
    }
}

/// All texts of a matcher.
fn texts(tree: &Tree) -> Vec<String> {
    match &tree.kind {
        Kind::List(elements) => elements.iter().flat_map(texts).collect(),
        Kind::Map(entries) => entries
            .iter()
            .flat_map(|entry| texts(&entry.value))
            .collect(),
        Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => {
            scalar(tree).into_iter().collect()
        }
    }
}

/// Whether a matcher looks at how many elements there are.
fn counts(tree: &Tree) -> bool {
    match &tree.kind {
        Kind::Map(entries) => entries.iter().any(|entry| {
            ["consist-of", "equal", "have-len", "not"].contains(&entry.key.as_str())
                || counts(&entry.value)
        }),
        Kind::List(elements) => elements.iter().any(counts),
        Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => false,
    }
}

/// Goss's names of file types as ours.
fn file_types(tree: &Tree) -> Tree {
    let kind = match &tree.kind {
        Kind::Text { text, rendered } => Kind::Text {
            text: match text.as_str() {
                "symlink" => "link".to_owned(),
                "character-device" | "block-device" => "device".to_owned(),
                other => other.to_owned(),
            },
            rendered: *rendered,
        },
        Kind::List(elements) => Kind::List(elements.iter().map(file_types).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    value: file_types(&entry.value),
                    ..entry.clone()
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Tree { at: tree.at, kind }
}
