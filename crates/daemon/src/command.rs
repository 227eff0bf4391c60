//! The command line of `plateaud`: reads the configuration and runs the daemon, or does what a subcommand says.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::app::{App, AppConfig};
use crate::config::{Config, ConfigError, DEFAULT_FILE, Options, RuntimeKind, schema};
use crate::http::{Listeners, Token};
use crate::{log, metrics, service};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use plateau_exam::restore::{RestoreTarget, restore};
use plateau_gateway::connections::raise_descriptor_limit;
use plateau_gateway::proxy::BaseDomain;
use plateau_gateway::tls::Tls;
use plateau_labs::disk;
use plateau_labs::error::chain;
use plateau_labs::images::Recipes;
use plateau_labs::runtime::{Runtime, docker, fake, measured};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::StartError;

/// Exit status where something is not as it should be.
const NOT_SO: u8 = 1;

/// Builds labs of nodes and networks for timed practical exams, and grades them.
#[derive(Debug, Parser)]
#[command(name = "plateaud", version)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// The configuration file, and what is in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Put a backup back into the state folder and the database, which no plateaud may use meanwhile
    Restore {
        /// The backup, as `plateau backup` wrote it
        file: PathBuf,
        /// Set aside what is there already; nothing is removed
        #[arg(long)]
        force: bool,
    },
}

#[derive(Clone, Debug, Subcommand)]
enum ConfigCommand {
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
    /// Check a configuration file: all that is wrong with it, each with its place
    Check {
        /// The file; the one that plateaud would read where absent
        file: Option<PathBuf>,
    },
    /// Print what is in force, and where each value came from
    Show,
}

/// Runs `plateaud` with the arguments of this process, to its end.
#[tokio::main]
pub async fn run_daemon() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = match cli.command.clone() {
        None => serve(&cli.options, &matches).await,
        Some(Command::Config(command)) => configuration(command, &cli.options, &matches),
        Some(Command::Restore { file, force }) => {
            put_back(&file, force, &cli.options, &matches).await
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Each line of a file's problems begins with a place, where editors look for one.
            let mut text = if let StartError::Config(ConfigError::Problems { .. }) = &error {
                error.to_string()
            } else {
                format!("plateaud: {}", chain(&error))
            };
            if let Some(hint) = error.hint() {
                text.push_str("\n  ");
                text.push_str(&hint);
            }
            // Nobody may be left to read it, which must not cause a panic.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::from(error.code())
        }
    }
}

/// `plateaud config …`.
fn configuration(
    command: ConfigCommand,
    options: &Options,
    matches: &ArgMatches,
) -> Result<ExitCode, StartError> {
    let text = match command {
        ConfigCommand::Schema => format!("{:#}\n", schema()),
        ConfigCommand::Check { file } => {
            let file = file.or_else(|| options.config.clone());
            let file = file.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
            Config::check(&file)?;
            format!("{} has no problems\n", file.display())
        }
        ConfigCommand::Show => Config::load(options, matches)?.to_string(),
    };
    answer(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(text: &str) -> Result<(), StartError> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text.as_bytes());
    written
        .and_then(|()| output.flush())
        .map_err(StartError::Answer)
}

/// `plateaud restore …`.
async fn put_back(
    file: &Path,
    force: bool,
    options: &Options,
    matches: &ArgMatches,
) -> Result<ExitCode, StartError> {
    let config = Config::load(options, matches)?;
    let state = config.state.value.clone();
    let _held = hold(&state)?;
    let target = RestoreTarget {
        state,
        database: config.database.value.clone(),
        force,
    };
    let restored = restore(file, &target).await?;
    answer(&restored.to_string())?;
    Ok(match restored.is_whole() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NOT_SO),
    })
}

async fn serve(options: &Options, matches: &ArgMatches) -> Result<ExitCode, StartError> {
    let config = Config::load(options, matches)?;
    begin_log(&config)?;
    metrics::install();
    let _held = hold(&config.state.value)?;
    let roomy = disk::make_room(&config.state.value);
    roomy.map_err(|source| StartError::State {
        path: config.state.value.clone(),
        source,
    })?;
    let base_image = config.base_image.value.clone();
    let recipes = match &config.recipes.value {
        Some(folder) => Recipes::read(folder, base_image)?,
        None => Recipes::embedded(base_image)?,
    };
    let token = Token::open(&config.state.value)?;
    let runtime = runtime(config.runtime.value, config.engine.value.as_deref()).await?;
    let tls = Tls::open(&config.tls(), &config.state.value, config.listen.value)?;
    let base = base(&config, tls.as_ref())?;
    let listen = config.listen.value;
    let connections = config.connections().at_most(raise_descriptor_limit());
    let listeners = Listeners::bind_with(&config.socket.value, listen, tls.clone()).await?;
    let listeners = listeners.with_limits(connections);
    let address = listeners.address().unwrap_or(listen);
    let stop = stop_on_signals()?;
    let app = AppConfig {
        build_network: config.build_network.value.clone(),
        fonts: config.fonts.value.clone(),
        tls,
        web: base,
        ssh: config.ssh.value,
        connections,
        database: config.database.value.clone(),
        stop: stop.clone(),
        ..AppConfig::new(config.settings(), recipes)
    };
    let app = App::open(app, runtime).await?;
    let api = app.api(address);
    if let Some(view) = &api.ssh {
        tracing::info!(
            address = view.address,
            fingerprint = view.fingerprint,
            "plateaud serves SSH"
        );
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        socket = %config.socket.value.display(),
        %address,
        state = %config.state.value.display(),
        "plateaud serves"
    );
    let over_ssh = app.ssh.map(|ssh| tokio::spawn(ssh.serve(stop.clone())));
    tokio::spawn(metrics::keep_up());
    tokio::spawn(service::watchdog());
    service::ready(&format!("serves {address}"));
    let served = listeners.serve(api, token).await;
    // Also where serving ended by itself.
    stop.cancel();
    if let Some(over_ssh) = over_ssh {
        let _ = over_ssh.await;
    }
    app.terminals.shut_down().await;
    app.database.close().await;
    served?;
    tracing::info!("plateaud ends; labs run on");
    Ok(ExitCode::SUCCESS)
}

/// The name below which web applications of labs are, where they are wanted.
fn base(config: &Config, tls: Option<&Tls>) -> Result<Option<BaseDomain>, StartError> {
    let Some(base) = config.base()? else {
        return Ok(None);
    };
    base.check(tls.map(|tls| tls.names().all()).as_deref())?;
    tracing::info!(below = %base, "plateaud serves web applications of labs");
    Ok(Some(base))
}

fn begin_log(config: &Config) -> Result<(), StartError> {
    let filter = &config.log.value;
    let format = config.log_format.value;
    let log =
        log::subscriber(format, filter, std::io::stderr).map_err(|source| StartError::Log {
            filter: filter.clone(),
            source,
        })?;
    // There is none yet: this is the first thing that is done.
    let _ = tracing::subscriber::set_global_default(log);
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

async fn runtime(kind: RuntimeKind, engine: Option<&str>) -> Result<Arc<dyn Runtime>, StartError> {
    let runtime: Arc<dyn Runtime> = match kind {
        RuntimeKind::Docker => docker::connect(engine).await.map_err(StartError::Engine)?,
        RuntimeKind::Fake => Arc::new(fake::Fake::default()),
    };
    // Asked once, so that an engine that is not there is said now and not at the first lab.
    let info = runtime.info().await.map_err(StartError::Engine)?;
    tracing::info!(
        runtime = runtime.name(),
        engine = info.version,
        "the engine answers"
    );
    Ok(measured(runtime))
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
        service::stopping();
        told.cancel();
    });
    Ok(stop)
}
