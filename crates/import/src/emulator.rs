//! What labs of network emulators share: machines made from container images, with files,
//! variables and commands of their own, become nodes.

use std::collections::BTreeMap;

use plateau_core::matcher::Mode;
use plateau_core::problem::SourceLocation;
use plateau_core::spec::{FileSpec, InterfaceSpec, NodeSpec};
use plateau_core::tree::Path;

use super::draft::Draft;
use material::Contents;
use setup::Setup;

pub(super) mod interface;
pub(super) mod material;
pub(super) mod setup;
pub(super) mod stand_in;

/// Where a node keeps what the emulator set with `sysctl`.
const SYSCTL_FILE: &str = "/etc/sysctl.d/90-imported.conf";
/// Where a node keeps variables for everyone who logs in, see pam_env(8).
const ENVIRONMENT_FILE: &str = "/etc/environment";

/// Whether a text is a hardware address, its octets apart by colons.
pub(super) fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let octet = |part: &&str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    parts.len() == 6 && parts.iter().all(octet)
}

/// Says which names were changed, those that had only capitals among them.
pub(super) fn renamed(names: &BTreeMap<String, String>) -> Option<String> {
    let changed: Vec<String> = names
        .iter()
        .filter(|(old, new)| old != new)
        .map(|(old, new)| format!("`{old}` is {new}"))
        .collect();
    (!changed.is_empty()).then(|| format!("Names that had to be changed: {}.", changed.join(", ")))
}

/// Folders of a node that are empty after every boot.
const VOLATILE: &[&str] = &["/run/", "/var/run/", "/tmp/"];
/// Where files for such folders are kept.
const KEPT: &str = "/usr/local/share/imported";

/// A machine on its way from an emulator's lab into a draft.
#[derive(Debug)]
pub(super) struct Machine {
    /// Its name as a node.
    pub(super) name: String,
    /// Where it stands in the emulator's lab.
    pub(super) place: SourceLocation,
    /// The node that it becomes.
    pub(super) node: NodeSpec,
    /// What is run in it before the candidate gets in.
    pub(super) setup: Setup,
    /// Variables of its environment.
    pub(super) environment: BTreeMap<String, String>,
    /// Kernel settings.
    pub(super) sysctls: BTreeMap<String, String>,
}

impl Machine {
    /// A machine without anything.
    pub(super) fn new(name: String, place: SourceLocation) -> Self {
        Self {
            name,
            place,
            node: NodeSpec::default(),
            setup: Setup::default(),
            environment: BTreeMap::new(),
            sysctls: BTreeMap::new(),
        }
    }

    /// Where its node stands in the scenario.
    pub(super) fn path(&self) -> Path {
        Path::default().key("nodes").key(&self.name)
    }

    /// Takes the node's image for one of the emulator's, and says so in the scenario.
    pub(super) fn stand_in(&mut self, draft: &mut Draft, image: &str, place: SourceLocation) {
        let stand_in = stand_in::for_image(image);
        self.node.image = stand_in.image.to_owned();
        self.node.devices = stand_in.devices.to_vec();
        let path = self.path();
        if stand_in.is_like {
            draft.comment(&path, &format!("In place of the image `{image}`."));
        } else {
            let what = format!(
                "the image `{image}`, whose programs `{}` may lack; it stands in for it",
                stand_in.image
            );
            draft.leave_out(place, &path, what);
        }
    }

    /// Plugs an interface into a network. One that is not given an address by its node's own
    /// configuration is set up by the set-up, as emulators do.
    pub(super) fn plug(&mut self, interface: String, port: InterfaceSpec) {
        if port.address.is_none() {
            self.setup
                .command(format!("ip link set dev {interface} up"));
        }
        self.node.interfaces.insert(interface, port);
    }

    /// Puts a file of the scenario's folder into the node, in place of an earlier one.
    pub(super) fn place_file(&mut self, path: &str, source: String, mode: u16) {
        self.node.files.retain(|earlier| earlier.path != path);
        self.node.files.push(FileSpec {
            path: path.to_owned(),
            source: Some(source),
            mode: (mode != 0o644).then_some(Mode(mode)),
            ..FileSpec::default()
        });
    }

    /// Puts what was taken from a lab's folder into the node, as a file or below a folder.
    pub(super) fn place_contents(&mut self, draft: &mut Draft, to: &str, contents: Contents) {
        for folder in contents.empty {
            // The only path without a quoted form holds a zero byte, which no path does.
            if let Ok(folder) = shlex::try_quote(&format!("{to}/{folder}")) {
                self.setup.command(format!("mkdir -p {folder}"));
            }
        }
        for file in contents.files {
            let path = match file.below.as_str() {
                "" => to.to_owned(),
                below => format!("{to}/{below}"),
            };
            let wanted = format!("files/{}{path}", self.name);
            let source = draft.add_file(&wanted, file.content);
            self.place_lasting(&path, source, file.mode);
        }
    }

    /// Puts a file into the node; one for a folder that every boot empties is kept elsewhere and
    /// brought there by the set-up.
    fn place_lasting(&mut self, path: &str, source: String, mode: u16) {
        if !VOLATILE.iter().any(|folder| path.starts_with(folder)) {
            return self.place_file(path, source, mode);
        }
        let kept = format!("{KEPT}{path}");
        self.place_file(&kept, source, mode);
        let quoted = shlex::try_join([kept.as_str(), path]);
        if let Ok(both) = quoted {
            self.setup.command(format!("install -D -m {mode:o} {both}"));
        }
    }

    /// Gives FRR's programs, which are not root's, the files that were made for them.
    pub(super) fn hand_over_to_frr(&mut self) {
        if self.has_files_in("/etc/frr/") {
            for command in ["chown -R frr:frr /etc/frr", "chmod 640 /etc/frr/*"] {
                self.setup.command(command.to_owned());
            }
        }
    }

    /// Whether a file lies below a folder of the node.
    pub(super) fn has_files_in(&self, folder: &str) -> bool {
        let files = self.node.files.iter();
        files
            .map(|file| &file.path)
            .any(|path| path.starts_with(folder))
    }

    /// Puts the machine into the draft.
    pub(super) fn settle(mut self, draft: &mut Draft) {
        self.write_settings(draft);
        let routes = self.has_files_in("/etc/frr/") || stand_in::makes_router(&self.setup.text());
        if self.node.image == "debian-server" && routes {
            self.node.image = "debian-router".to_owned();
        }
        let path = self.path();
        let lacking = stand_in::lacking(&self.node.image, &self.setup.text());
        if !lacking.is_empty() {
            let what = format!(
                "{}, which the set-up calls for and `{}` does not have; the set-up will end there",
                lacking.join(", "),
                self.node.image
            );
            draft.leave_out(self.place.clone(), &path, what);
        }
        if let Some(script) = self.setup.script(&self.name) {
            let script = draft.add_script(&format!("setup/{}.sh", self.name), &script);
            self.node.setup = Some(script);
        }
        draft.nodes.insert(self.name, self.node);
    }

    fn write_settings(&mut self, draft: &mut Draft) {
        let lines = |pairs: &BTreeMap<String, String>, equals: &str| -> String {
            let line = |(key, value)| format!("{key}{equals}{value}\n");
            pairs.iter().map(line).collect()
        };
        if !self.sysctls.is_empty() {
            self.add_text(draft, SYSCTL_FILE, lines(&self.sysctls, " = "));
        }
        if !self.environment.is_empty() {
            self.add_text(draft, ENVIRONMENT_FILE, lines(&self.environment, "="));
            self.setup.export(&self.environment);
        }
    }

    fn add_text(&mut self, draft: &mut Draft, path: &str, text: String) {
        let wanted = format!("files/{}{path}", self.name);
        let source = draft.add_file(&wanted, text.into_bytes());
        self.place_file(path, source, 0o644);
    }
}
