//! The one static binary that runs inside a lab: as the agent in every node, and with clients for
//! what is asked across the network as the grader.

#![cfg_attr(
    not(feature = "clients"),
    allow(dead_code, reason = "parts that only the clients use")
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod boot;
mod fault;
mod init;
mod kernel;
mod probe;
#[cfg(feature = "clients")]
mod sftp;
mod shell;
mod sleep;
mod tunnel;
mod wire;

/// What runs inside a lab.
#[derive(Parser)]
#[command(name = "plateau-agent", version)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

/// The agent's roles.
#[derive(Subcommand)]
enum Role {
    /// Waits for the node's interfaces, then becomes the node's real init
    Init(init::Init),
    /// Waits until the node has booted
    AwaitBoot(boot::AwaitBoot),
    /// Makes the links of a lab: a plan on standard input, an answer on standard output
    Wire,
    /// Says what the host's kernel can do, on standard output
    Kernel,
    /// Makes a fault in this node: what on standard input, how it went on standard output
    Fault,
    /// Answers questions about this node: a batch on standard input, facts on standard output
    Probe,
    /// Attaches to a terminal of this node, which is started when it is not there yet
    Shell(shell::Shell),
    /// Owns one terminal; started by `shell`
    #[command(hide = true)]
    ShellHost(shell::Shell),
    /// Becomes a user's login shell; started by `shell-host`
    #[command(hide = true)]
    ShellLogin(shell::Login),
    /// Serves this node's files over SFTP on standard input and output
    #[cfg(feature = "clients")]
    Sftp,
    /// Carries bytes between standard input and output and a TCP port
    Tunnel(tunnel::Tunnel),
    /// Sleeps until it is told to end
    Sleep,
}

fn main() -> ExitCode {
    let done = match Cli::parse().role {
        Role::Init(init) => init::run(&init),
        Role::AwaitBoot(boot) => boot::run(&boot),
        Role::Wire => wire::run(),
        Role::Kernel => kernel::run(),
        Role::Fault => fault::run(),
        Role::Probe => probe::run(),
        Role::Shell(shell) => shell::run(&shell),
        Role::ShellHost(shell) => shell::host(&shell),
        Role::ShellLogin(login) => shell::login(&login),
        #[cfg(feature = "clients")]
        Role::Sftp => sftp::run(),
        Role::Tunnel(tunnel) => tunnel::run(&tunnel),
        Role::Sleep => sleep::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be left to read it, which is no reason to panic.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("plateau-agent: {error:#}\n"),
            );
            ExitCode::FAILURE
        }
    }
}
