//! One machine of a Kathará lab.

use std::collections::BTreeMap;

use plateau_core::problem::Problem;
use plateau_core::spec::InterfaceSpec;
use plateau_core::tree::Path;

use super::conf::MachineConf;
use super::files::Files;
use super::options::{self, Options};
use crate::draft::Draft;
use crate::emulator::Machine;
use crate::emulator::material::Contents;

/// What Kathará sets on every machine so that it can be a router; it matters where there is more
/// than one interface. (Its Docker manager; no manual page says it.)
const ROUTER: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.*.rp_filter", "0"),
    ("net.ipv4.icmp_ratelimit", "0"),
];

/// What a machine is cast into a node with.
pub(super) struct NodeMapping<'a> {
    pub(super) draft: &'a mut Draft,
    pub(super) files: &'a mut Files,
    /// Networks by collision domain.
    pub(super) networks: &'a BTreeMap<String, String>,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl NodeMapping<'_> {
    /// Puts a machine into the draft.
    pub(super) fn machine(mut self, name: &str, node: &str, conf: &MachineConf) {
        let mut machine = Machine::new(node.to_owned(), conf.place.clone());
        let read = Options::read(&conf.options, self.problems);
        let (image, place) = read.image.map_or_else(
            || (options::DEFAULT_IMAGE.to_owned(), conf.place.clone()),
            |image| (image.value.clone(), image.place.clone()),
        );
        machine.stand_in(self.draft, &image, place);
        machine.node.memory = read.memory;
        machine.node.cpus = read.cpus;
        machine.environment = read.environment;
        for (place, what) in read.left_out {
            self.draft.leave_out(place, &machine.path(), what);
        }
        self.interfaces(&mut machine, conf);
        if conf.interfaces.len() > 1 {
            let settings = ROUTER.iter().chain(options::ipv6_router(read.ipv6));
            machine.sysctls = owned(settings);
        }
        machine
            .sysctls
            .extend(owned(options::ipv6_off(read.ipv6).iter()));
        machine.sysctls.extend(read.sysctls);
        self.place_files(&mut machine, name);
        for (path, below, place) in read.volumes {
            let contents = self.files.take(&path);
            if let Some((_, why)) = contents.refused.first().filter(|(at, _)| at.is_empty()) {
                let what = format!("the volume {path}: {why}");
                self.draft.leave_out(place, &machine.path(), what);
            } else {
                self.place_below(&mut machine, &path, &below, contents);
            }
        }
        self.scripts(&mut machine, name);
        for command in read.commands {
            machine.setup.add(&format!("{name}[exec]"), &command);
        }
        machine.settle(self.draft);
    }

    fn interfaces(&mut self, machine: &mut Machine, conf: &MachineConf) {
        for (number, plug) in &conf.interfaces {
            let interface = format!("eth{number}");
            if let Some(mac) = &plug.mac {
                machine
                    .setup
                    .command(format!("ip link set dev {interface} address {mac}"));
            }
            let port = InterfaceSpec {
                network: self.networks[&plug.domain].clone(),
                ..InterfaceSpec::default()
            };
            machine.plug(interface, port);
        }
    }

    /// What lies in `shared` and in the machine's own folder.
    fn place_files(&mut self, machine: &mut Machine, name: &str) {
        for (source, below, mode) in self.files.shared(self.draft) {
            machine.place_file(&format!("/shared/{below}"), source, mode);
        }
        let contents = self.files.of_machine(name);
        self.place_below(machine, name, "", contents);
        // As Kathará does.
        machine.hand_over_to_frr();
        if machine.has_files_in("/etc/quagga/") {
            let what = "routing by the files in /etc/quagga: `debian-router` has FRR, which reads its own in /etc/frr";
            self.draft
                .leave_out(self.files.place(name), &machine.path(), what);
        }
    }

    fn place_below(&mut self, machine: &mut Machine, from: &str, to: &str, contents: Contents) {
        for (below, why) in &contents.refused {
            let what = format!("{from}/{below}: {why}");
            self.draft
                .leave_out(self.files.place(from), &machine.path(), what);
        }
        machine.place_contents(
            self.draft,
            to,
            Contents {
                refused: Vec::new(),
                ..contents
            },
        );
    }

    /// Scripts in the order in which Kathará runs them.
    fn scripts(&mut self, machine: &mut Machine, name: &str) {
        for (script, runs) in [
            ("shared.startup".to_owned(), true),
            (format!("{name}.startup"), true),
            (format!("{name}.shutdown"), false),
            ("shared.shutdown".to_owned(), false),
        ] {
            let shared = script.starts_with("shared.");
            let at = if shared {
                Path::default().key("nodes")
            } else {
                machine.path()
            };
            match self.files.script(&script) {
                Ok(Some(text)) if runs => machine.setup.add(&script, &text),
                Ok(Some(_)) => self.leave_out_once(
                    &script,
                    &at,
                    "what is run when a machine ends; a lab goes down without it",
                ),
                Ok(None) => {}
                Err(why) => self.leave_out_once(&script, &at, &why),
            }
        }
    }

    fn leave_out_once(&mut self, script: &str, at: &Path, why: &str) {
        if self.files.is_first_word_of(script) {
            let place = self.files.place(script);
            self.draft.leave_out(place, at, format!("{script}: {why}"));
        }
    }
}

fn owned<'a>(settings: impl Iterator<Item = &'a (&'a str, &'a str)>) -> BTreeMap<String, String> {
    settings
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
