//! `plateau`: the command-line interface.

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::screen::Screen;

mod account;
mod args;
mod backup;
mod client;
mod doctor;
mod evidence;
mod export;
mod failure;
mod file;
mod folder;
mod images;
mod import;
mod lab;
mod pages;
mod progress;
mod scenario;
mod screen;
mod session;
mod show;
mod style;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The HTTP client wants one named before it is made, also where it never encrypts. An error
    // says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let screen = Screen::new(cli.global.format, cli.global.language());
    let code = match run(&cli, screen).await {
        Ok(ending) => ending.code(),
        Err(failure) => {
            screen.failed(&failure);
            failure.code()
        }
    };
    // Standard input is read by a thread that cannot be stopped; nobody waits for it.
    std::process::exit(i32::from(code))
}

async fn run(cli: &Cli, screen: Screen) -> Result<Ending, Failure> {
    let daemon = || Client::new(&cli.global);
    match &cli.command {
        Command::Scenario(command) => scenario::run(command, screen, daemon).await,
        Command::Lab(command) => lab::run(command, screen, daemon).await,
        Command::Session(command) => session::run(command, screen, &daemon()?).await,
        Command::Evidence(command) => evidence::run(command, screen, daemon).await,
        Command::Images(command) => images::run(command, screen, &daemon()?).await,
        Command::Import(command) => import::run(command, screen),
        Command::Account(command) => account::run(command, screen, &daemon()?).await,
        Command::Token(command) => account::run_token(command, screen, &daemon()?).await,
        Command::Backup(args) => backup::take(args, screen, &daemon()?).await,
        Command::Restore(args) => backup::put_back(args),
        Command::Doctor => doctor::run(screen, &daemon()?).await,
        Command::Completions { shell } => pages::completions(*shell),
        Command::Man { dir } => pages::manual(dir, screen),
    }
}
