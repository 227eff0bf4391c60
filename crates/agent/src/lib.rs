//! The programs of a lab: `plateau-agent` runs in every node, and `plateau-grader` beside them: it
//! looks at nodes from outside, and has clients for network protocols.
//!
//! Both binaries link this library. Nothing that [`run_agent`] reaches refers to a network client, to
//! netlink or to D-Bus, so that the linker leaves them out of `plateau-agent`, which every process of a
//! terminal maps: each passes the function that answers the questions which it can answer.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod accounts;
mod boot;
mod bounded;
mod disks;
mod engine_files;
mod fault;
mod inherited;
mod init;
mod kernel;
mod layer;
mod look;
mod mac;
mod message;
mod namespaces;
mod observe;
mod own_proc;
mod peer;
mod probe;
mod rights;
mod runtime;
mod sftp;
mod shell;
mod sleep;
mod tunnel;
mod wire;

/// Runs inside every node of a lab
#[derive(Parser)]
#[command(name = "plateau-agent", version)]
struct AgentCli {
    #[command(subcommand)]
    role: Role,
}

/// Runs inside a lab, with clients for network protocols
#[derive(Parser)]
#[command(name = "plateau-grader", version)]
struct GraderCli {
    #[command(subcommand)]
    role: GraderRole,
}

/// The roles of both programs.
#[derive(Subcommand)]
enum Role {
    /// Waits for the node's interfaces, then becomes the node's real init
    Init(init::InitArgs),
    /// Injects a fault into this node: a request on standard input, the answer on standard output
    Fault,
    /// Answers questions: a batch on standard input, facts on standard output
    Probe,
    /// Attaches to a terminal of this node, and starts it if it does not exist
    Shell(shell::ShellArgs),
    /// Owns one terminal; started by `shell`
    #[command(hide = true)]
    ShellHost(shell::ShellArgs),
    /// Becomes a user's login shell; started by `shell-host`
    #[command(hide = true)]
    ShellLogin(shell::LoginArgs),
    /// Relays bytes between standard input and output and a TCP port
    Tunnel(tunnel::TunnelArgs),
    /// Sleeps until a signal ends it
    Sleep,
}

/// The grader's roles.
#[derive(Subcommand)]
enum GraderRole {
    #[command(flatten)]
    Shared(Role),
    /// Waits until the node has booted
    AwaitBoot(boot::AwaitBootArgs),
    /// Creates the links of a lab: requests on standard input, answers on standard output
    Wire,
    /// Reports the features of the host's kernel on standard output
    Kernel,
    /// Reads the files of a node that its engine makes anew, from outside: as JSON on standard output
    EngineFiles(engine_files::EngineFilesArgs),
    /// Gives the files of an image's layer the owners that its container showed
    LayerOwners(layer::LayerArgs),
    /// Keeps a user namespace from having others in it; started by `wire`
    #[command(hide = true)]
    BoundNamespaces(namespaces::BoundArgs),
    /// Measures the disks of nodes from outside: requests on standard input, answers on standard output
    Disks,
    /// Has workers look at nodes from outside: requests on standard input, answers on standard output
    Observe,
    /// Enters a node and answers questions about it; started by `observe`
    #[command(hide = true)]
    Look(look::LookArgs),
    /// Connects to a node's systemd; started by `observe`
    #[command(hide = true)]
    Connect(peer::ConnectArgs),
    /// Serves this node's files over SFTP on standard input and output
    Sftp,
}

/// Runs `plateau-agent` by its command line.
pub fn run_agent() -> ExitCode {
    let AgentCli { role } = AgentCli::parse();
    exit_code("plateau-agent", run(role, probe::observe_commands))
}

/// Runs `plateau-grader` by its command line.
pub fn run_grader() -> ExitCode {
    let done = match GraderCli::parse().role {
        GraderRole::Shared(role) => run(role, probe::observe_all),
        GraderRole::AwaitBoot(boot) => boot::run(&boot),
        GraderRole::Wire => wire::run(),
        GraderRole::Kernel => kernel::run(),
        GraderRole::EngineFiles(of) => engine_files::run(&of),
        GraderRole::LayerOwners(of) => layer::run(&of),
        GraderRole::BoundNamespaces(of) => namespaces::run(&of),
        GraderRole::Disks => disks::run(),
        GraderRole::Observe => observe::run(),
        GraderRole::Look(look) => look::run(&look),
        GraderRole::Connect(connect) => peer::run(&connect),
        GraderRole::Sftp => sftp::run(),
    };
    exit_code("plateau-grader", done)
}

fn run(role: Role, observe: probe::Observe) -> anyhow::Result<()> {
    match role {
        Role::Init(init) => init::run(&init),
        Role::Fault => fault::run(),
        Role::Probe => probe::run(observe),
        Role::Shell(shell) => shell::run(&shell),
        Role::ShellHost(shell) => shell::host(&shell),
        Role::ShellLogin(login) => shell::login(&login),
        Role::Tunnel(tunnel) => tunnel::run(&tunnel),
        Role::Sleep => sleep::run(),
    }
}

fn exit_code(program: &str, done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The reader may have gone, which must not cause a panic.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("{program}: {error:#}\n"),
            );
            ExitCode::FAILURE
        }
    }
}
