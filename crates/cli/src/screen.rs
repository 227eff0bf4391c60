//! Output: results go to standard output, all else to standard error.

use std::io::{self, IsTerminal, Write};

use plateau_core::messages::{Language, Messages};
use serde::Serialize;

use crate::args::Format;
use crate::failure::Failure;
use crate::show::problem;
use crate::style::{HEAD, WRONG};

/// Where results go, and in which shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    format: Format,
    language: Language,
}

impl Screen {
    /// A screen of this format and language.
    pub(crate) fn new(format: Format, language: Language) -> Self {
        Self { format, language }
    }

    /// The language that people are spoken to in.
    pub(crate) fn language(self) -> Language {
        self.language
    }

    /// What is said in it.
    pub(crate) fn messages(self) -> Messages {
        Messages::new(self.language)
    }

    /// Shows a result: the value itself to a program, what `text` makes of it to a person.
    pub(crate) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Text => write_out(&text(value)),
            Format::Json => {
                let mut json = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
                json.push('\n');
                write_out(&json)
            }
        }
    }

    /// Whether a person reads the result.
    pub(crate) fn for_people(self) -> bool {
        self.format == Format::Text
    }

    /// Says something beside the result.
    pub(crate) fn remark(self, text: &str) {
        // With nobody left to read it, there is nothing to be done.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Says once, at the edge, why a command failed.
    pub(crate) fn failed(self, failure: &Failure) {
        if !self.for_people() {
            return self.remark(&failure.to_json().to_string());
        }
        if !failure.problems().is_empty() {
            self.remark(problem::list(failure.problems()).trim_end());
        }
        self.remark(&format!("{WRONG}error:{WRONG:#} {}", failure.chain()));
        if let Some(hint) = failure.hint() {
            self.remark(&format!("{HEAD}hint:{HEAD:#} {hint}"));
        }
    }
}

/// Writes to standard output; without colours where it is not a terminal or they are not wanted.
pub(crate) fn write_out(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        // `plateau … | head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes to standard output what other programs read: byte for byte.
pub(crate) fn write_raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Whether progress can be drawn, instead of told line by line.
pub(crate) fn can_draw() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
