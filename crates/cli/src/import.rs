//! `plateau import …`: scenarios from what other programs' files describe.
//!
//! The readers are a crate of their own. Here their drafts are checked and written: nothing is written
//! but a scenario without problems, nothing is written over, and whatever could not be carried over
//! is said, on standard error and in the scenario itself.

use std::path::{Path, PathBuf};

use plateau_core::scenario::{Folder, Scenario};
use plateau_import::{Draft, Finished, compose, containerlab, goss, kathara};
use serde_json::json;

use crate::args::{ImportArgs, ImportCommand};
use crate::failure::{Ending, Failure};
use crate::folder;
use crate::screen::{Screen, write_out};
use crate::show;

/// Runs one of the commands.
pub(crate) fn run(command: &ImportCommand, screen: Screen) -> Result<Ending, Failure> {
    match command {
        ImportCommand::Goss { import } => write(goss::read(&import.path)?, import, screen),
        ImportCommand::Compose { import } => write(compose::read(&import.path)?, import, screen),
        ImportCommand::Containerlab { import } => {
            let environment = |name: &str| std::env::var(name).ok();
            write(
                containerlab::read(&import.path, &environment)?,
                import,
                screen,
            )
        }
        ImportCommand::Kathara { import } => write(kathara::read(&import.path)?, import, screen),
    }
}

/// Writes a draft into the folder that is asked for, and says what was left out of it.
fn write(draft: Draft, import: &ImportArgs, screen: Screen) -> Result<Ending, Failure> {
    let root = import
        .into
        .clone()
        .unwrap_or_else(|| PathBuf::from(draft.id()));
    let Finished {
        folder,
        unwritten,
        left_out,
    } = draft.finish()?;
    Scenario::read(folder.clone())
        .map_err(|problems| Failure::Misfit(show::problem::below(&root, problems)))?;
    folder::write_new(&root, &folder)?;
    if screen.for_people() {
        for omission in &left_out {
            screen.remark(&omission.to_string());
        }
        write_out(&written(&root, &folder, &unwritten, left_out.len()))?;
    } else {
        let files: Vec<&String> = folder.0.keys().collect();
        let result = json!({
            "folder": root, "files": files, "unwritten": unwritten, "left_out": left_out
        });
        screen.show(&result, |_| String::new())?;
    }
    Ok(Ending::from_bool(left_out.is_empty()))
}

fn written(root: &Path, folder: &Folder, unwritten: &[String], left_out: usize) -> String {
    let shown = root.display();
    let mut text = format!(
        "wrote {} into {shown}\n",
        show::count(folder.0.len(), "file")
    );
    if left_out > 0 {
        let things = show::count(left_out, "thing");
        text.push_str(&format!(
            "left out: {things}, each with a comment in scenario.yaml\n"
        ));
    }
    for script in unwritten {
        text.push_str(&format!("to be written: {shown}/{script}\n"));
    }
    text.push_str(&format!("next: plateau scenario prove {shown}\n"));
    text
}
