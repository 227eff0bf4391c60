//! `plateau-report`: JSON in, PDF out.
//!
//! A kind of document is one file here, which has the shape of its JSON, and one in `templates`,
//! which has its looks. What a document says is data to the template and never a part of it.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::press::Press;

mod calendar;
mod document;
mod failure;
mod legible;
mod press;
mod slips;
mod text;

/// Most bytes of a document's JSON.
const LIMIT: u64 = 16 << 20;

/// Makes the documents of an exam: JSON on standard input, PDF on standard output.
///
/// The PDF is tagged (PDF/UA-1 and PDF/A-2a), and the same JSON gives the same PDF. Exit codes: 0
/// for a PDF, 2 for JSON that is not the document's, 3 where the outside failed.
#[derive(Debug, Parser)]
#[command(name = "plateau-report", version)]
struct Cli {
    /// Folder of fonts for scripts that the built-in ones lack, such as Chinese
    #[arg(long, global = true, env = "PLATEAU_REPORT_FONTS", value_name = "DIR")]
    fonts: Option<PathBuf>,
    #[command(subcommand)]
    document: Document,
}

/// The kinds of documents.
#[derive(Clone, Copy, Debug, Subcommand)]
enum Document {
    /// The access codes of a session, eight slips to a page, to be cut and handed out
    #[command(after_long_help = slips::EXAMPLE)]
    Slips,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut text = format!("plateau-report: {}", failure.chain());
            if let Some(hint) = failure.hint() {
                text.push_str("\n  ");
                text.push_str(hint);
            }
            // Nobody may be left to read it, which must not be a panic.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let json = read()?;
    let press = Press::new(cli.fonts.as_deref())?;
    let pdf = match cli.document {
        Document::Slips => press.print::<slips::Slips>(&json)?,
    };
    let mut output = std::io::stdout().lock();
    output.write_all(&pdf).map_err(Failure::Write)?;
    output.flush().map_err(Failure::Write)
}

fn read() -> Result<Vec<u8>, Failure> {
    let mut json = Vec::new();
    std::io::stdin()
        .lock()
        .take(LIMIT + 1)
        .read_to_end(&mut json)
        .map_err(Failure::Read)?;
    if u64::try_from(json.len()).is_ok_and(|length| length > LIMIT) {
        return Err(Failure::TooLong { limit: LIMIT });
    }
    Ok(json)
}
