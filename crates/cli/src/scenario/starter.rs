//! The scenario that `plateau scenario new` writes: small, complete and provable.

use std::fs;
use std::path::{Path, PathBuf};

use plateau_core::name::Name;
use plateau_core::scenario::{Folder, Scenario};

use crate::failure::{Ending, Failure};
use crate::folder;
use crate::screen::{Screen, write_out};
use crate::show;

/// The line of scenario.yaml that holds the identifier.
const ID_LINE: &str = "\nid: starter\n";
/// Longest identifier.
const LONGEST: usize = 40;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("starter/", $path)))),*]
    };
}

const FILES: [(&str, &str); 5] = files![
    "scenario.yaml",
    "brief.fr.md",
    "brief.en.md",
    "solutions/address.sh",
    "mistakes/not-written-down.sh",
];

/// Writes it into a new folder of its own.
pub(crate) fn write(id: &str, parent: &Path, screen: Screen) -> Result<Ending, Failure> {
    if !is_identifier(id) {
        return Err(Failure::Identifier(id.to_owned()));
    }
    let folder = starter(id)?;
    // "./" before the name would only be noise in what is shown.
    let root = match parent.to_str() {
        Some(".") => PathBuf::from(id),
        _ => parent.join(id),
    };
    fs::create_dir_all(parent).map_err(|source| Failure::WriteFile {
        path: parent.to_owned(),
        source,
    })?;
    folder::write_new(&root, &folder)?;
    let paths: Vec<&String> = folder.0.keys().collect();
    if screen.for_people() {
        let shown = root.display();
        write_out(&format!(
            "wrote {} into {shown}\nnext: plateau scenario check {shown}\n",
            show::count(paths.len(), "file")
        ))?;
    } else {
        let written = serde_json::json!({ "folder": root, "files": paths });
        screen.show(&written, |_| String::new())?;
    }
    Ok(Ending::Good)
}

/// The folder, checked: what we write is never broken, whatever the identifier.
fn starter(id: &str) -> Result<Folder, Failure> {
    let mut folder = Folder::default();
    for (path, text) in FILES {
        let text = text.replacen(ID_LINE, &format!("\nid: {id}\n"), 1);
        folder.0.insert(path.to_owned(), text.into_bytes());
    }
    Scenario::read(folder.clone()).map_err(Failure::Problems)?;
    Ok(folder)
}

fn is_identifier(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_lowercase()) && Name::parse(id, LONGEST).is_some()
}
