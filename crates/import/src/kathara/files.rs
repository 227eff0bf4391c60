//! The files beside a `lab.conf`, see kathara-lab-dirs(7).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plateau_core::problem::SourceLocation;

use crate::document;
use crate::draft::Draft;
use crate::emulator::material::{Contents, Material};

/// Folder that all machines of a lab see as `/shared`.
const SHARED: &str = "shared";
/// What a desktop leaves behind, and Kathará does not copy either.
const EXCLUDED: &str = ".DS_Store";

/// The folder of a lab.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    material: Material,
    /// What lies in `shared`, once it is in the draft: source, path below `shared`, mode.
    shared: Option<Vec<(String, String, u16)>>,
    /// Scripts of which something has been said.
    said: BTreeSet<String>,
}

impl Files {
    /// The files in a folder.
    pub(super) fn of(folder: &Path, material: Material) -> Self {
        Self {
            folder: folder.to_owned(),
            material,
            shared: None,
            said: BTreeSet::new(),
        }
    }

    /// Whether there is a file or folder of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// A file as a whole.
    pub(super) fn place(&self, name: &str) -> SourceLocation {
        document::whole(&self.folder.join(name))
    }

    /// A script of the lab, if there is one, its line ends those of Linux.
    ///
    /// # Errors
    /// It is not text, leads out of the lab's folder, or cannot be read.
    pub(super) fn script(&mut self, name: &str) -> Result<Option<String>, String> {
        if !self.has(name) {
            return Ok(None);
        }
        let contents = self.material.take(name);
        if let Some((_, why)) = contents.refused.into_iter().next() {
            return Err(why);
        }
        let Some(file) = contents.files.into_iter().next() else {
            return Err("it is not a file".to_owned());
        };
        String::from_utf8(file.content)
            .map(|text| Some(text.trim_start_matches('\u{feff}').replace("\r\n", "\n")))
            .map_err(|_| "it is not UTF-8".to_owned())
    }

    /// Whether nothing has been said of a script yet; a shared one is come upon with every machine.
    pub(super) fn is_first_word_of(&mut self, script: &str) -> bool {
        self.said.insert(script.to_owned())
    }

    /// What lies in the folder of a machine.
    pub(super) fn of_machine(&mut self, name: &str) -> Contents {
        if self.folder.join(name).is_dir() {
            self.take(name)
        } else {
            Contents::default()
        }
    }

    /// What a path of the lab holds.
    pub(super) fn take(&mut self, path: &str) -> Contents {
        let mut contents = self.material.take(path);
        contents
            .files
            .retain(|file| file.below.rsplit('/').next() != Some(EXCLUDED));
        contents
    }

    /// What lies in the folder that all machines share, put into the draft once for all of them.
    pub(super) fn shared(&mut self, draft: &mut Draft) -> Vec<(String, String, u16)> {
        if let Some(shared) = &self.shared {
            return shared.clone();
        }
        let contents = self.of_machine(SHARED);
        for (below, why) in &contents.refused {
            let place = self.place(SHARED);
            let what = format!("{SHARED}/{below}: {why}");
            draft.leave_out(place, &plateau_core::tree::Path::default(), what);
        }
        let add = |file: crate::emulator::material::Taken| {
            let wanted = format!("files/{SHARED}/{}", file.below);
            (draft.add_file(&wanted, file.content), file.below, file.mode)
        };
        let shared: Vec<_> = contents.files.into_iter().map(add).collect();
        self.shared = Some(shared.clone());
        shared
    }

    /// Scripts of machines that are not in the lab.
    pub(super) fn report_orphan_scripts(&self, machines: &BTreeMap<String, String>) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut scripts: Vec<String> = names
            .filter(|name| {
                let of = name
                    .strip_suffix(".startup")
                    .or_else(|| name.strip_suffix(".shutdown"));
                of.is_some_and(|of| of != SHARED && !machines.contains_key(of))
            })
            .collect();
        scripts.sort_unstable();
        scripts
    }
}
