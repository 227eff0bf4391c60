//! What is generated from the commands' own description: completions and the manual.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::{Ending, Failure};
use crate::screen::{Screen, write_out};

/// Writes a shell's completions to standard output.
pub(crate) fn completions(shell: Shell) -> Result<Ending, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "plateau", &mut script);
    write_out(&String::from_utf8_lossy(&script))?;
    Ok(Ending::Good)
}

/// Writes the manual's pages into a folder.
pub(crate) fn manual(dir: &Path, screen: Screen) -> Result<Ending, Failure> {
    let write = |source| Failure::WriteFile {
        path: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(write)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(write)?;
    screen.remark(&format!("the manual's pages are in `{}`", dir.display()));
    Ok(Ending::Good)
}
