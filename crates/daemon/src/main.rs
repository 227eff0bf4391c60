//! `plateaud`: settings in, a served daemon out.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use plateaud::access::{Access, AccessError, Lasting};
use plateaud::http::{Api, ListenError, Listeners, Token, TokenError};
use plateaud::images::{Images, RecipeError, Recipes};
use plateaud::lab::LabError;
use plateaud::labs::Labs;
use plateaud::runtime::error::chain;
use plateaud::runtime::{Runtime, RuntimeError, docker, fake};
use plateaud::sessions::{SessionError, Sessions};
use plateaud::settings::Settings;
use plateaud::ssh::{HostKey, Ssh, SshError};
use plateaud::store::{Database, DatabaseError};
use plateaud::terminals::Terminals;
use plateaud::tls::{Tls, TlsError, TlsOptions};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Exit status when the outside failed, as the `plateau` command has it.
const OUTSIDE: u8 = 3;

/// Builds labs of nodes and networks for timed practical exams, and grades them.
#[derive(Debug, Parser)]
#[command(name = "plateaud", version)]
struct Options {
    /// What runs the containers
    #[arg(long, env = "PLATEAU_RUNTIME", value_enum, default_value_t = Kind::Docker)]
    runtime: Kind,
    /// Unix socket to serve on; its file permissions say who may use it
    #[arg(
        long,
        env = "PLATEAU_SOCKET",
        value_name = "PATH",
        default_value = "/run/plateau/plateaud.sock"
    )]
    socket: PathBuf,
    /// Address to serve on; without TLS one of the loopback
    #[arg(
        long,
        env = "PLATEAU_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7417"
    )]
    listen: SocketAddr,
    #[command(flatten)]
    tls: TlsOptions,
    /// Database, such as postgres://plateau@localhost/plateau; one in the state folder where absent
    #[arg(
        long,
        env = "PLATEAU_DATABASE",
        value_name = "URL",
        hide_env_values = true
    )]
    database: Option<String>,
    /// Address to serve SSH on, for candidates; nowhere where absent
    #[arg(long, env = "PLATEAU_SSH", value_name = "ADDRESS")]
    ssh: Option<SocketAddr>,
    /// Folder of the daemon's own state
    #[arg(
        long,
        env = "PLATEAU_STATE",
        value_name = "DIR",
        default_value = "/var/lib/plateau"
    )]
    state: PathBuf,
    /// The agent's executable, static and for the engine's architecture, with plateau-grader beside it; both beside this executable where absent
    #[arg(long, env = "PLATEAU_AGENT", value_name = "PATH")]
    agent: Option<PathBuf>,
    /// Image that all images stand on, such as debian:bookworm; made with mmdebstrap where absent
    #[arg(long, env = "PLATEAU_BASE_IMAGE", value_name = "IMAGE")]
    base_image: Option<String>,
    /// Folder of the images' recipes; those built into this executable where absent
    #[arg(long, env = "PLATEAU_RECIPES", value_name = "DIR")]
    recipes: Option<PathBuf>,
    /// The engine's network that images are built in, such as host; the engine's choice where absent
    #[arg(long, env = "PLATEAU_BUILD_NETWORK", value_name = "NAME")]
    build_network: Option<String>,
    /// Most that one recording of a terminal may have, in MiB; then it ends, and the terminal goes on
    #[arg(
        long,
        env = "PLATEAU_RECORDING_LIMIT",
        value_name = "MIB",
        default_value_t = 32
    )]
    recording_limit: u32,
    /// Whether recordings of terminals hold what is typed, passwords too
    #[arg(long, env = "PLATEAU_RECORD_INPUT")]
    record_input: bool,
    /// How the log is written, on standard error
    #[arg(long, env = "PLATEAU_LOG_FORMAT", value_enum, default_value_t = Log::Text)]
    log_format: Log,
    /// What the log tells, such as info or plateaud=debug
    #[arg(
        long,
        env = "PLATEAU_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    log: String,
}

/// What runs the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A Docker engine, at DOCKER_HOST or its usual socket
    Docker,
    /// Nothing: labs are pretended, for trying out clients
    Fake,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    /// For people
    Text,
    /// For programs: a JSON text a line
    Json,
}

/// Why the daemon does not run.
#[derive(Debug, Error)]
enum StartError {
    #[error("`{filter}` is no filter of the log")]
    Log {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("use the state folder `{}`", path.display())]
    State {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("another plateaud uses the state folder `{}`", path.display())]
    Taken { path: PathBuf },
    #[error("use the container engine")]
    Engine(#[source] RuntimeError),
    #[error("read the recipes of the images")]
    Recipes(#[from] RecipeError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("take up the accounts")]
    Access(#[from] AccessError),
    #[error("take up the labs")]
    Labs(#[source] LabError),
    #[error("take up the sessions")]
    Sessions(#[from] SessionError),
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error("wait for signals")]
    Signals(#[source] std::io::Error),
}

impl StartError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Log { .. } => {
                Some("such as `info`, or `plateaud=debug,tower_http=info`".to_owned())
            }
            Self::State { .. } => Some(
                "run plateaud as root, or name a folder that you can write to with --state"
                    .to_owned(),
            ),
            Self::Taken { .. } => {
                Some("stop it first, or give this one another --state and --socket".to_owned())
            }
            Self::Engine(error) => error.hint(),
            Self::Labs(error) => error.hint(),
            Self::Listen(error) => error.hint().map(str::to_owned),
            Self::Sessions(error) => error.hint(),
            Self::Database(_) => {
                Some("look at the disk's space and, with PostgreSQL, whether it answers".to_owned())
            }
            Self::Recipes(_)
            | Self::Token(_)
            | Self::Tls(_)
            | Self::Access(_)
            | Self::Ssh(_)
            | Self::Signals(_) => None,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("plateaud: {}", chain(&error));
            if let Some(hint) = error.hint() {
                text.push_str("\n  ");
                text.push_str(&hint);
            }
            // Nobody may be left to read it, which is no reason to panic.
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{text}\n"));
            ExitCode::from(OUTSIDE)
        }
    }
}

async fn run(options: Options) -> Result<(), StartError> {
    log(&options)?;
    let _held = hold(&options.state)?;
    let recipes = match &options.recipes {
        Some(folder) => Recipes::read(folder, options.base_image.clone())?,
        None => Recipes::embedded(options.base_image.clone())?,
    };
    let token = Token::open(&options.state)?;
    let runtime = runtime(options.runtime).await?;
    let tls = Tls::open(&options.tls, &options.state, options.listen)?;
    let authority = tls.as_ref().and_then(Tls::authority);
    let listeners = Listeners::bind_with(&options.socket, options.listen, tls).await?;
    let database = options.database.clone();
    let database = database.unwrap_or_else(|| Database::in_folder(&options.state));
    let database = Database::open(&database).await?;
    let access = Access::open(database.clone(), Lasting::default()).await?;
    let labs = Labs::open(Arc::clone(&runtime), settings(&options))
        .await
        .map_err(StartError::Labs)?;
    let terminals = Terminals::new(labs.clone());
    let stop = stop_on_signals()?;
    let sessions = Sessions::open(
        labs.clone(),
        database.clone(),
        terminals.clone(),
        stop.clone(),
    );
    let sessions = sessions.await?;
    let ssh = ssh(&options, &labs, &terminals, &sessions).await?;
    let api = Api {
        ssh: ssh.as_ref().and_then(|ssh| ssh.view().ok()),
        terminals: terminals.clone(),
        judging: sessions.judging().clone(),
        images: Images::new(runtime, recipes, options.build_network.clone()),
        labs,
        sessions,
        access,
        authority,
        stop: stop.clone(),
    };
    let address = listeners.address().unwrap_or(options.listen);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        socket = %options.socket.display(),
        %address,
        state = %options.state.display(),
        "plateaud serves"
    );
    let over_ssh = ssh.map(|ssh| tokio::spawn(ssh.serve(stop.clone())));
    let served = listeners.serve(api, token).await;
    // Also where serving ended by itself.
    stop.cancel();
    if let Some(over_ssh) = over_ssh {
        let _ = over_ssh.await;
    }
    terminals.shut_down().await;
    database.close().await;
    served?;
    tracing::info!("plateaud ends; labs run on");
    Ok(())
}

/// The server for candidates, where one is wanted.
async fn ssh(
    options: &Options,
    labs: &Labs,
    terminals: &Terminals,
    sessions: &Sessions,
) -> Result<Option<Ssh>, StartError> {
    let Some(address) = options.ssh else {
        return Ok(None);
    };
    let key = HostKey::open(&options.state)?;
    let fingerprint = key.fingerprint();
    let gate = sessions.gate_of_ssh();
    let ssh = Ssh::bind(address, key, labs.clone(), terminals.clone(), gate).await?;
    let address = ssh.address().unwrap_or(address);
    tracing::info!(%address, fingerprint, "plateaud serves SSH");
    Ok(Some(ssh))
}

fn log(options: &Options) -> Result<(), StartError> {
    let filter = EnvFilter::try_new(&options.log).map_err(|source| StartError::Log {
        filter: options.log.clone(),
        source,
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match options.log_format {
        Log::Text => log.init(),
        Log::Json => log.json().init(),
    }
    Ok(())
}

/// Makes the state folder, which only its owner can read, and keeps others out of it while the file is open.
fn hold(state: &Path) -> Result<std::fs::File, StartError> {
    use std::os::unix::fs::DirBuilderExt;
    let failed = |source| StartError::State {
        path: state.to_owned(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)
        .map_err(failed)?;
    let file = std::fs::File::create(state.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::Taken {
            path: state.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

async fn runtime(kind: Kind) -> Result<Arc<dyn Runtime>, StartError> {
    let runtime = match kind {
        Kind::Docker => docker::connect().await.map_err(StartError::Engine)?,
        Kind::Fake => Arc::new(fake::Fake::default()),
    };
    // Asked once, so that an engine that is not there is said now and not at the first lab.
    let info = runtime.info().await.map_err(StartError::Engine)?;
    tracing::info!(
        runtime = runtime.name(),
        engine = info.version,
        "the engine answers"
    );
    Ok(runtime)
}

fn settings(options: &Options) -> Settings {
    let mut settings = Settings {
        state: options.state.clone(),
        recording_limit: u64::from(options.recording_limit) << 20,
        record_input: options.record_input,
        ..Settings::default()
    };
    if let Some(agent) = &options.agent {
        settings.agent.clone_from(agent);
    }
    settings
}

/// What SIGTERM and SIGINT cancel.
fn stop_on_signals() -> Result<CancellationToken, StartError> {
    let mut term = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("told to stop");
        told.cancel();
    });
    Ok(stop)
}
