//! What a service mounts: files of the project become files of the node.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plateau_core::matcher::Mode;
use plateau_core::spec::{FileSpec, NodeSpec};
use plateau_core::tree::Tree;
use walkdir::WalkDir;

use super::project::{Attribute, Project};
use super::syntax::{Mount, as_mode, is_path, mount, mounts, pairs};
use super::{Machine, leave_out};
use crate::document::{self, scalar};
use crate::draft::Draft;
use crate::error::ImportError;

/// Folders of a machine that are empty after every boot.
const VOLATILE: &[&str] = &["/run/", "/var/run/", "/tmp/"];
/// Where files for such folders are kept.
const KEPT: &str = "/usr/local/share/compose";

/// A file to be placed.
struct PlacedMount {
    target: String,
    content: Vec<u8>,
    mode: Option<Mode>,
    owner: Option<u32>,
    group: Option<u32>,
}

/// Gives a node its files; returns lines for its setup script.
pub(super) fn fill(
    draft: &mut Draft,
    project: &Project,
    machine: &Machine<'_>,
    node: &mut NodeSpec,
) -> Result<Vec<String>, ImportError> {
    let mut filling = NodeFiles {
        draft,
        machine,
        node,
        folders: BTreeSet::new(),
        volatile: Vec::new(),
    };
    if let Some(volumes) = machine.service.get("volumes") {
        for tree in volumes.each() {
            match mount(tree) {
                Some(mount) => filling.mount(project, &volumes, &mount)?,
                None => filling.leave_out(&volumes, "it does not say what is mounted where"),
            }
        }
    }
    for (section, folder, mode) in [("configs", "/", 0o444), ("secrets", "/run/secrets/", 0o444)] {
        if let Some(granted) = machine.service.get(section) {
            for tree in granted.each() {
                filling.granted(project, &granted, tree, (section, folder, mode))?;
            }
        }
    }
    if let Some(tmpfs) = machine.service.get("tmpfs") {
        filling.leave_out(&tmpfs, "what is written there stays on the machine's disk");
        for target in tmpfs.each().into_iter().filter_map(scalar) {
            filling
                .folders
                .extend(target.split(':').next().map(str::to_owned));
        }
    }
    filling.sysctls();
    Ok(filling.finish())
}

/// A node while it is filled.
struct NodeFiles<'a, 'm> {
    draft: &'a mut Draft,
    machine: &'a Machine<'m>,
    node: &'a mut NodeSpec,
    /// Folders that are to be there.
    folders: BTreeSet<String>,
    /// Lines of tmpfiles.d(5).
    volatile: Vec<String>,
}

impl NodeFiles<'_, '_> {
    fn leave_out(&mut self, attribute: &Attribute, why: &str) {
        leave_out(self.draft, self.machine, attribute, why);
    }

    fn mount(
        &mut self,
        project: &Project,
        source: &Attribute,
        mount: &Mount,
    ) -> Result<(), ImportError> {
        let target = mount.target.trim_end_matches('/');
        if !is_path(target) {
            self.leave_out(
                source,
                &format!(
                    "`{}` is not an absolute path of a file or folder",
                    mount.target
                ),
            );
            return Ok(());
        }
        match mount.kind.as_str() {
            "bind" => return self.bind(source, mount, target),
            "volume" => {
                let users = project
                    .services
                    .iter()
                    .filter(|service| mounts(service.get("volumes"), &mount.source));
                if !mount.source.is_empty() && users.count() > 1 {
                    let why = format!(
                        "{} is shared with other services, and machines share no disk",
                        mount.source
                    );
                    self.leave_out(source, &why);
                }
            }
            "tmpfs" => self.leave_out(
                source,
                &format!("what is written to {target} stays on the machine's disk"),
            ),
            other => {
                self.leave_out(source, &format!("nothing of type {other} can be mounted"));
                return Ok(());
            }
        }
        self.folders.insert(target.to_owned());
        Ok(())
    }

    /// A file or folder of the project, copied into the node.
    fn bind(&mut self, source: &Attribute, mount: &Mount, target: &str) -> Result<(), ImportError> {
        let path = source.folder.join(&mount.source);
        let root = source
            .folder
            .canonicalize()
            .unwrap_or_else(|_| source.folder.clone());
        let Ok(real) = path.canonicalize() else {
            if mount.made && !mount.source.starts_with(['/', '~']) {
                self.folders.insert(target.to_owned());
            } else {
                self.leave_out(source, &format!("`{}` is not there", mount.source));
            }
            return Ok(());
        };
        if !real.starts_with(&root) {
            let why = format!("`{}` lies outside the Compose file's folder", mount.source);
            self.leave_out(source, &why);
            return Ok(());
        }
        if real.is_file() {
            return self.copy(source, &real, target);
        }
        self.folders.insert(target.to_owned());
        for entry in WalkDir::new(&real).min_depth(1).sort_by_file_name() {
            let Ok(entry) = entry else { continue };
            let below = entry
                .path()
                .strip_prefix(&real)
                .unwrap_or_else(|_| entry.path());
            let Some(below) = below.to_str() else {
                self.leave_out(
                    source,
                    &format!("{} has a name that is not UTF-8", entry.path().display()),
                );
                continue;
            };
            let target = format!("{target}/{below}");
            if entry.file_type().is_file() {
                self.copy(source, entry.path(), &target)?;
            } else if entry.file_type().is_dir() {
                self.folders.insert(target);
            } else {
                self.leave_out(
                    source,
                    &format!("{} is neither a file nor a folder", entry.path().display()),
                );
            }
        }
        Ok(())
    }

    fn copy(&mut self, source: &Attribute, path: &Path, target: &str) -> Result<(), ImportError> {
        let size = fs::metadata(path).map_or(0, |about| about.len());
        if size > self.draft.room() {
            self.leave_out(
                source,
                &format!("{} does not fit into a scenario", path.display()),
            );
            return Ok(());
        }
        let executable =
            fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o100 != 0);
        let placed = PlacedMount {
            target: target.to_owned(),
            content: document::read_bytes(path, size)?,
            mode: executable.then_some(Mode(0o755)),
            owner: None,
            group: None,
        };
        self.place(placed);
        Ok(())
    }

    /// A config or secret that the service is granted.
    fn granted(
        &mut self,
        project: &Project,
        source: &Attribute,
        tree: &Tree,
        (section, folder, mode): (&str, &str, u16),
    ) -> Result<(), ImportError> {
        let get = |key: &str| tree.get(key).and_then(scalar);
        let Some(name) = scalar(tree).or_else(|| get("source")) else {
            self.leave_out(source, "it does not say which");
            return Ok(());
        };
        let declared = project.declared.get(&(section.to_owned(), name.clone()));
        let Some(declared) = declared else {
            self.leave_out(source, &format!("`{name}` is not declared"));
            return Ok(());
        };
        let content = declared.tree.get("content").and_then(scalar);
        let content = match (content, declared.tree.get("file").and_then(scalar)) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(file)) => {
                let path = declared.folder.join(&file);
                if !path.is_file() {
                    self.leave_out(declared, &format!("no file `{}` is there", path.display()));
                    return Ok(());
                }
                document::read_bytes(&path, self.draft.room())?
            }
            (None, None) => {
                self.leave_out(declared, "its content is outside the project");
                return Ok(());
            }
        };
        let target = get("target").unwrap_or(name);
        let target = if target.starts_with('/') {
            target
        } else {
            format!("{folder}{target}")
        };
        if !is_path(&target) {
            self.leave_out(source, &format!("`{target}` is not a valid path of a file"));
            return Ok(());
        }
        self.place(PlacedMount {
            target,
            content,
            mode: Some(tree.get("mode").and_then(as_mode).unwrap_or(Mode(mode))),
            owner: get("uid").and_then(|uid| uid.parse().ok()),
            group: get("gid").and_then(|gid| gid.parse().ok()),
        });
        Ok(())
    }

    fn place(&mut self, placed: PlacedMount) {
        let mut path = placed.target.clone();
        if VOLATILE.iter().any(|folder| path.starts_with(folder)) {
            path = format!("{KEPT}{path}");
            let mode = placed.mode.unwrap_or(Mode(0o644));
            let (owner, group) = (placed.owner.unwrap_or(0), placed.group.unwrap_or(0));
            self.volatile.push(format!(
                "C {} {mode} {owner} {group} - {path}",
                placed.target
            ));
        }
        let source = format!("files/{}{}", self.machine.node, placed.target);
        let source = self.draft.add_file(&source, placed.content);
        self.node.files.push(FileSpec {
            path,
            source: Some(source),
            mode: placed.mode,
            owner: placed.owner,
            group: placed.group,
            ..FileSpec::default()
        });
    }

    fn sysctls(&mut self) {
        let Some(sysctls) = self.machine.service.get("sysctls") else {
            return;
        };
        let lines = pairs(&sysctls.tree)
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}\n"));
        let text: String = lines.collect();
        self.place(PlacedMount {
            target: "/etc/sysctl.d/60-compose.conf".to_owned(),
            content: text.into_bytes(),
            mode: None,
            owner: None,
            group: None,
        });
    }

    fn finish(mut self) -> Vec<String> {
        let mut setup = Vec::new();
        if !self.volatile.is_empty() {
            let text = self.volatile.join("\n") + "\n";
            self.place(PlacedMount {
                target: "/etc/tmpfiles.d/compose.conf".to_owned(),
                content: text.into_bytes(),
                mode: None,
                owner: None,
                group: None,
            });
        }
        let folders: Vec<&str> = self
            .folders
            .iter()
            .map(String::as_str)
            .filter(|folder| is_path(folder))
            .collect();
        if let (false, Ok(words)) = (folders.is_empty(), shlex::try_join(folders)) {
            setup.push(format!("mkdir -p -- {words}"));
        }
        setup
    }
}
