//! One node of a topology.

use std::collections::BTreeSet;

use plateau_core::path::NodePath;
use plateau_core::quantity::Size;
use plateau_core::spec::ResolverSpec;
use plateau_core::topology::{Capability, Device};
use plateau_core::tree::{Position, Tree};

use super::source::{Source, Text};
use super::topology::Node;
use crate::draft::Draft;
use crate::emulator::Machine;
use crate::emulator::material::Material;
use crate::error::ImportError;

/// Least memory of a node.
const LEAST_MEMORY: Size = Size(32 << 20);
/// Stages in their order; what is run when a node ends is not among them.
const STAGES: [&str; 4] = ["create", "create-links", "configure", "healthy"];

/// What a node of the topology is cast into one of the scenario with.
pub(super) struct NodeMapping<'a> {
    pub(super) source: &'a Source,
    pub(super) draft: &'a mut Draft,
    pub(super) material: &'a mut Material,
    /// The topology's name.
    pub(super) lab: &'a str,
    /// Places of which something has been said: what is inherited is come upon with every node.
    pub(super) said: &'a mut BTreeSet<Position>,
}

impl NodeMapping<'_> {
    /// Fills a machine with what is said of a container.
    ///
    /// # Errors
    /// Something has another shape than containerlab's schema says.
    pub(super) fn container(
        &mut self,
        machine: &mut Machine,
        node: &Node,
    ) -> Result<(), ImportError> {
        match node.text("image")? {
            Some(image) => {
                let place = self.source.place(image.at);
                machine.stand_in(self.draft, &image.text, place);
            }
            None => {
                machine.node.image = "debian-server".to_owned();
                let what = format!("an image, which node `{}` does not name", node.name);
                self.leave_out(machine, node.at, what);
            }
        }
        self.limits(machine, node)?;
        self.privileges(machine, node)?;
        self.resolver(machine, node)?;
        self.environment(machine, node)?;
        for (key, value) in node.map("sysctls")? {
            machine.sysctls.insert(key, value.text);
        }
        for bind in binds(self.source, node)? {
            self.bind(machine, node, &bind);
        }
        if machine.node.interfaces.len() > 1 {
            // A container's namespace has it from the host, where the engine turns it on.
            let forward = machine.sysctls.entry("net.ipv4.ip_forward".to_owned());
            forward.or_insert_with(|| "1".to_owned());
        }
        machine.hand_over_to_frr();
        if machine.node.image == "debian-router" {
            // The images that it stands in for run FRR as their one process.
            machine
                .setup
                .command("systemctl enable --now frr".to_owned());
        }
        self.commands(machine, node)
    }

    /// Leaves something out, once for all nodes that inherit it.
    fn leave_out(&mut self, machine: &Machine, at: Position, what: String) {
        if self.said.insert(at) {
            let place = self.source.place(at);
            self.draft.leave_out(place, &machine.path(), what);
        }
    }

    fn limits(&mut self, machine: &mut Machine, node: &Node) -> Result<(), ImportError> {
        if let Some(text) = node.text("memory")? {
            let size: Size = text.text.parse().map_err(|_| {
                let message = format!("`{}` is not a valid amount of memory", text.text);
                self.source
                    .refuse(text.at, message, "such as 512mb or 1gib")
            })?;
            if size < LEAST_MEMORY {
                let what = format!("memory: {} are too little for systemd", text.text);
                self.leave_out(machine, text.at, what);
            } else {
                machine.node.memory = Some(size);
            }
        }
        if let Some(text) = node.text("cpu")? {
            let cpus: Option<f64> = text.text.parse().ok();
            match cpus.filter(|cpus| (0.05..=256.0).contains(cpus)) {
                Some(cpus) => machine.node.cpus = Some(cpus),
                None if cpus == Some(0.0) => {}
                None => {
                    let message = format!("`{}` is not a valid number of processors", text.text);
                    let hint = "between 0.05 and 256, such as 1.5";
                    return Err(self.source.refuse(text.at, message, hint));
                }
            }
        }
        Ok(())
    }

    fn privileges(&mut self, machine: &mut Machine, node: &Node) -> Result<(), ImportError> {
        if let Some(text) = node.text("privileged")?
            && text.text == "true"
        {
            let what = "privileged: no node is".to_owned();
            self.leave_out(machine, text.at, what);
        }
        for name in node.list("cap-add")? {
            match name.text.trim_start_matches("CAP_") {
                // Docker's own, and what every node has beside it.
                "NET_ADMIN" | "NET_RAW" | "SYS_BOOT" | "NET_BIND_SERVICE" => {}
                "IPC_LOCK" => machine.node.capabilities.push(Capability::IpcLock),
                other => {
                    let what = format!("cap-add: {other} reaches beyond the node");
                    self.leave_out(machine, name.at, what);
                }
            }
        }
        for device in node.list("devices")? {
            if device.text.split(':').next() == Some("/dev/net/tun") {
                if !machine.node.devices.contains(&Device::Tun) {
                    machine.node.devices.push(Device::Tun);
                }
            } else {
                let what = format!("devices: {} is the host's", device.text);
                self.leave_out(machine, device.at, what);
            }
        }
        if let Some(mode) = node.text("network-mode")?
            && mode.text != "none"
        {
            let what = format!(
                "network-mode: {}; a node has interfaces of its own and no others",
                mode.text
            );
            self.leave_out(machine, mode.at, what);
        }
        Ok(())
    }

    fn resolver(&mut self, machine: &mut Machine, node: &Node) -> Result<(), ImportError> {
        let Some(dns) = node.value("dns") else {
            return Ok(());
        };
        self.source.map(Some(dns))?;
        let mut nameservers = Vec::new();
        for server in self.source.texts(dns.get("servers"))? {
            match server.text.parse() {
                Ok(address) => nameservers.push(address),
                Err(_) => {
                    let message = format!("`{}` is not an address", server.text);
                    return Err(self.source.refuse(server.at, message, "such as 192.0.2.53"));
                }
            }
        }
        let search = self.source.texts(dns.get("search"))?;
        let search: Vec<String> = search.into_iter().map(|text| text.text).collect();
        if !nameservers.is_empty() || !search.is_empty() {
            machine.node.resolver = Some(ResolverSpec {
                nameservers,
                search,
            });
        }
        if let Some(options) = dns.get("options") {
            let what = "dns: options of the resolver".to_owned();
            self.leave_out(machine, options.at, what);
        }
        Ok(())
    }

    fn environment(&mut self, machine: &mut Machine, node: &Node) -> Result<(), ImportError> {
        for file in node.list("env-files")? {
            let path = self.with_magic(node, &file.text);
            let taken = self.material.take(&path);
            if let Some((_, why)) = taken.refused.first() {
                let what = format!("the env-file {path}: {why}");
                self.leave_out(machine, file.at, what);
            }
            for content in taken.files {
                for pair in dotenvy::from_read_iter(content.content.as_slice()) {
                    match pair {
                        Ok((name, value)) => self.variable(machine, file.at, name, value),
                        Err(error) => {
                            let what = format!("the env-file {path}: {error}");
                            self.leave_out(machine, file.at, what);
                        }
                    }
                }
            }
        }
        for (name, value) in node.map("env")? {
            self.variable(machine, value.at, name, value.text);
        }
        Ok(())
    }

    fn variable(&mut self, machine: &mut Machine, at: Position, name: String, value: String) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name = !name.is_empty() && name.chars().all(plain);
        if name == "__IMPORT_ENVS" || !is_name || value.contains('\n') {
            let what = format!("env: {name}, which is not a variable of one line");
            self.leave_out(machine, at, what);
        } else {
            machine.environment.insert(name, value);
        }
    }

    /// A file or folder of the host that is seen in the node.
    fn bind(&mut self, machine: &mut Machine, node: &Node, bind: &Text) {
        let mut parts = bind.text.split(':');
        let from = self.with_magic(node, parts.next().unwrap_or_default());
        let to = parts.next().unwrap_or_default().trim_end_matches('/');
        if NodePath::parse(to).is_none() {
            let what = format!("the bind {}, which names no path in the node", bind.text);
            return self.leave_out(machine, bind.at, what);
        }
        if from.starts_with('~') {
            let what = format!("the bind {}: it lies outside the lab's folder", bind.text);
            return self.leave_out(machine, bind.at, what);
        }
        let contents = self.material.take(&from);
        let place = self.source.place(bind.at);
        for (below, why) in &contents.refused {
            let below = if below.is_empty() {
                String::new()
            } else {
                format!(", {below}")
            };
            let what = format!("the bind {}{below}: {why}", bind.text);
            self.draft.leave_out(place.clone(), &machine.path(), what);
        }
        machine.place_contents(self.draft, to, contents);
    }

    /// Commands of the stages, and those after them.
    fn commands(&mut self, machine: &mut Machine, node: &Node) -> Result<(), ImportError> {
        let mut commands = Vec::new();
        for stages in node.values("stages") {
            for stage in self.source.map(Some(stages))? {
                self.source.map(Some(&stage.value))?;
                if let Some(wait) = stage.value.get("wait-for") {
                    let what = "stages: wait-for; all of a lab's nodes start together".to_owned();
                    self.leave_out(machine, wait.at, what);
                }
            }
        }
        for name in STAGES {
            for stages in node.values("stages") {
                let exec = stages.get(name).and_then(|stage| stage.get("exec"));
                commands.extend(self.of_stage(machine, exec)?);
            }
        }
        for stages in node.values("stages") {
            if let Some(exit) = stages.get("exit").and_then(|stage| stage.get("exec")) {
                let what = "stages: what is run when a node ends".to_owned();
                self.leave_out(machine, exit.at, what);
            }
        }
        commands.extend(node.list("exec")?);
        let mut lines = Vec::new();
        for command in commands {
            let text = self.with_magic(node, &command.text);
            // No shell takes part: the words are what a shell's splitting makes of them, and no more.
            let mut words = shlex::split(&text).unwrap_or_default();
            // Alpine's name for what is Debian's `sh`, too: an Almquist shell.
            if let Some(shell) = words.first_mut().filter(|word| *word == "ash") {
                "sh".clone_into(shell);
            }
            match shlex::try_join(words.iter().map(String::as_str)) {
                Ok(line) if !line.is_empty() => lines.push(line),
                Ok(_) | Err(_) => {
                    let what = format!("exec: `{text}`, whose quotes do not close");
                    self.leave_out(machine, command.at, what);
                }
            }
        }
        if !lines.is_empty() {
            machine.setup.add("exec", &lines.join("\n"));
        }
        Ok(())
    }

    /// `exec` of a stage: a list of commands with their target, or commands by phase.
    fn of_stage(
        &mut self,
        machine: &Machine,
        exec: Option<&Tree>,
    ) -> Result<Vec<Text>, ImportError> {
        let Some(exec) = exec else {
            return Ok(Vec::new());
        };
        if exec.get("on-enter").is_some() || exec.get("on-exit").is_some() {
            let mut commands = self.source.texts(exec.get("on-enter"))?;
            commands.extend(self.source.texts(exec.get("on-exit"))?);
            return Ok(commands);
        }
        let mut commands = Vec::new();
        for phase in ["on-enter", "on-exit"] {
            for part in self.source.list(Some(exec))? {
                self.source.map(Some(part))?;
                let text = |key: &str| part.get(key).map(|value| self.source.text(value));
                let when = text("phase").transpose()?;
                if when.map_or("on-enter".to_owned(), |when| when.text) != phase {
                    continue;
                }
                let Some(command) = text("command").transpose()? else {
                    continue;
                };
                if text("target")
                    .transpose()?
                    .is_some_and(|target| target.text == "host")
                {
                    let what = format!("stages: `{}`, which is run on the host", command.text);
                    self.leave_out(machine, command.at, what);
                } else {
                    commands.push(command);
                }
            }
        }
        Ok(commands)
    }

    /// Containerlab's own variables, in paths and commands.
    fn with_magic(&self, node: &Node, text: &str) -> String {
        let folder = format!("clab-{}", self.lab);
        text.replace("__clabNodeDir__", &format!("{folder}/{}", node.name))
            .replace("__clabNodeName__", node.name)
            .replace("__clabLabName__", &folder)
            .replace("__clabDir__", &folder)
    }
}

/// Binds of all levels; of two with the same path in the node, the nearer to the node holds.
fn binds(source: &Source, node: &Node) -> Result<Vec<Text>, ImportError> {
    let mut binds: Vec<Text> = Vec::new();
    for bind in node.list("binds")? {
        let target = bind.text.split(':').nth(1).map(str::to_owned);
        if target.is_none() {
            let message = format!("`{}` is not a valid bind", bind.text);
            return Err(source.refuse(bind.at, message, "write `path-here:path-in-the-node`"));
        }
        binds.retain(|known| known.text.split(':').nth(1) != target.as_deref());
        binds.push(bind);
    }
    Ok(binds)
}
