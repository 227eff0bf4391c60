//! Configuration of the daemon: the command line, the environment and a file, in this order of precedence.
//!
//! Every option of the command line has a key in the file and a variable in the environment. Each
//! effective value knows its source.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use plateau_core::problem::{Problem, SourceLocation};
use plateau_exam::store::database::Database;
use plateau_labs::settings::{Settings, beside_us};
use thiserror::Error;

use plateau_gateway::connections::ConnectionLimits;
use plateau_gateway::proxy::{BaseDomain, BaseError};
use plateau_gateway::tls::TlsOptions;

mod file;
mod names;
mod options;
mod shown;

pub use file::{ConfigSpec, LogFormat, RuntimeKind, schema};
pub use options::Options;

use names::{
    AGENT, BASE_IMAGE, BUILD_NETWORK, CONNECTIONS, DATABASE, ENGINE, FONTS, IDLE_TIMEOUT, LISTEN,
    LOG, LOG_FORMAT, PER_ADDRESS, RECIPES, RECORD_INPUT, RECORDING_LIMIT, RUNTIME, SOCKET, SSH,
    STATE, SettingNames, TLS_CERT, TLS_KEY, TLS_NAMES, TLS_ROOM, WEB,
};

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "/etc/plateau/plateaud.yaml";

/// Most that one recording of a terminal has where nobody said, in MiB.
const RECORDING_MIB: u32 = 32;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    /// Nobody said anything.
    Default,
    /// The file.
    File(SourceLocation),
    /// A variable of the environment.
    Environment(&'static str),
    /// An option of the command line.
    CommandLine(&'static str),
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => place.fmt(f),
            Self::Environment(variable) => write!(f, "environment: {variable}"),
            Self::CommandLine(option) => write!(f, "command line: --{option}"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub from: SettingOrigin,
}

/// What is in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// What runs the containers.
    pub runtime: Setting<RuntimeKind>,
    /// Address of the engine; Docker's usual socket where absent.
    pub engine: Setting<Option<String>>,
    /// Folder of the daemon's own state.
    pub state: Setting<PathBuf>,
    /// The agent's executable.
    pub agent: Setting<PathBuf>,
    /// Unix socket to serve on.
    pub socket: Setting<PathBuf>,
    /// Address to serve on.
    pub listen: Setting<SocketAddr>,
    /// Certificate for the port.
    pub tls_cert: Setting<Option<PathBuf>>,
    /// Its private key.
    pub tls_key: Setting<Option<PathBuf>>,
    /// Folder of the room's authority.
    pub tls_room: Setting<Option<PathBuf>>,
    /// Further names that the port is reached by.
    pub tls_names: Setting<Vec<String>>,
    /// Address to serve SSH on; nowhere where absent.
    pub ssh: Setting<Option<SocketAddr>>,
    /// Name below which web applications of labs are; nowhere where absent.
    pub web: Setting<Option<String>>,
    /// Most connections to the port.
    pub connections: Setting<u32>,
    /// Most connections of one address.
    pub connections_per_address: Setting<u32>,
    /// Seconds that a connection may be quiet.
    pub idle_timeout: Setting<u32>,
    /// Most that one recording of a terminal may have, in MiB.
    pub recording_limit: Setting<u32>,
    /// Whether recordings hold what is typed.
    pub record_input: Setting<bool>,
    /// URL of the database.
    pub database: Setting<String>,
    /// Image that all images stand on; made with mmdebstrap where absent.
    pub base_image: Setting<Option<String>>,
    /// Folder of the images' recipes; those built in where absent.
    pub recipes: Setting<Option<PathBuf>>,
    /// The engine's network that images are built in; the engine's choice where absent.
    pub build_network: Setting<Option<String>>,
    /// Folder of fonts for documents, besides the built-in ones.
    pub fonts: Setting<Option<PathBuf>>,
    /// How the log is written.
    pub log_format: Setting<LogFormat>,
    /// What the log tells.
    pub log: Setting<String>,
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read the configuration `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file has problems.
    #[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Problems {
        /// All of them.
        problems: Vec<Problem>,
    },
}

/// The three places that values come from.
struct Layers<'a> {
    matches: &'a ArgMatches,
    file: &'a file::ConfigFile,
}

impl Layers<'_> {
    /// The value of an option, which has a key in the file: what was typed, else what the file
    /// says, else the default.
    fn set<T>(
        &self,
        option: &'static SettingNames,
        typed: Option<T>,
        filed: Option<T>,
        default: impl FnOnce() -> T,
    ) -> Setting<T> {
        if let Some(value) = typed {
            let from = match self.matches.value_source(option.id) {
                Some(ValueSource::EnvVariable) => SettingOrigin::Environment(option.variable),
                Some(_) | None => SettingOrigin::CommandLine(option.option),
            };
            return Setting { value, from };
        }
        match filed {
            Some(value) => Setting {
                value,
                from: SettingOrigin::File(self.file.place(option.key)),
            },
            None => Setting {
                value: default(),
                from: SettingOrigin::Default,
            },
        }
    }
}

impl Config {
    /// What is in force with these options; `matches` say where those came from.
    ///
    /// # Errors
    /// The file that is named cannot be read, or a file that is there has problems.
    pub fn load(options: &Options, matches: &ArgMatches) -> Result<Self, ConfigError> {
        let named = options.config.as_deref();
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let file = match std::fs::read(path) {
            Ok(content) => file::read(&path.display().to_string(), &content)
                .map_err(|problems| ConfigError::Problems { problems })?,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                file::ConfigFile::default()
            }
            Err(source) => {
                let path = path.to_owned();
                return Err(ConfigError::Read { path, source });
            }
        };
        Ok(Self::of(
            options.clone(),
            &Layers {
                matches,
                file: &file,
            },
        ))
    }

    /// Looks at a file alone.
    ///
    /// # Errors
    /// It cannot be read, or has problems.
    pub fn check(path: &Path) -> Result<(), ConfigError> {
        let content = std::fs::read(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let read = file::read(&path.display().to_string(), &content);
        read.map(drop)
            .map_err(|problems| ConfigError::Problems { problems })
    }

    fn of(typed: Options, layers: &Layers<'_>) -> Self {
        let filed = layers.file.spec.clone();
        let state = layers.set(&STATE, typed.state, filed.state, || {
            PathBuf::from("/var/lib/plateau")
        });
        Self {
            runtime: layers.set(&RUNTIME, typed.runtime, filed.runtime, || {
                RuntimeKind::Docker
            }),
            engine: optional(layers, &ENGINE, typed.engine, filed.engine),
            agent: layers.set(&AGENT, typed.agent, filed.agent, || {
                beside_us("plateau-agent")
            }),
            socket: layers.set(&SOCKET, typed.socket, filed.serve.socket, || {
                PathBuf::from("/run/plateau/plateaud.sock")
            }),
            listen: layers.set(&LISTEN, typed.listen, filed.serve.listen, || {
                SocketAddr::from(([127, 0, 0, 1], 7417))
            }),
            tls_cert: optional(layers, &TLS_CERT, typed.tls_cert, filed.serve.tls.cert),
            tls_key: optional(layers, &TLS_KEY, typed.tls_key, filed.serve.tls.key),
            tls_room: optional(layers, &TLS_ROOM, typed.tls_room, filed.serve.tls.room),
            tls_names: layers.set(&TLS_NAMES, typed.tls_name, filed.serve.tls.names, Vec::new),
            ssh: optional(layers, &SSH, typed.ssh, filed.serve.ssh),
            web: optional(layers, &WEB, typed.web, filed.serve.web),
            connections: layers.set(
                &CONNECTIONS,
                typed.connections,
                filed.serve.connections.total,
                || ConnectionLimits::TOTAL,
            ),
            connections_per_address: layers.set(
                &PER_ADDRESS,
                typed.connections_per_address,
                filed.serve.connections.per_address,
                || ConnectionLimits::PER_ADDRESS,
            ),
            idle_timeout: layers.set(
                &IDLE_TIMEOUT,
                typed.idle_timeout,
                filed.serve.connections.idle_timeout,
                || ConnectionLimits::IDLE_SECONDS,
            ),
            recording_limit: layers.set(
                &RECORDING_LIMIT,
                typed.recording_limit,
                filed.terminals.recording_limit,
                || RECORDING_MIB,
            ),
            record_input: layers.set(
                &RECORD_INPUT,
                typed.record_input,
                filed.terminals.record_input,
                || false,
            ),
            database: layers.set(&DATABASE, typed.database, filed.database.url, || {
                Database::in_folder(&state.value)
            }),
            base_image: optional(layers, &BASE_IMAGE, typed.base_image, filed.images.base),
            recipes: optional(layers, &RECIPES, typed.recipes, filed.images.recipes),
            build_network: optional(
                layers,
                &BUILD_NETWORK,
                typed.build_network,
                filed.images.build_network,
            ),
            fonts: optional(layers, &FONTS, typed.fonts, filed.documents.fonts),
            log_format: layers.set(&LOG_FORMAT, typed.log_format, filed.log.format, || {
                LogFormat::Text
            }),
            log: layers.set(&LOG, typed.log, filed.log.filter, || "info".to_owned()),
            state,
        }
    }

    /// What of it the labs need.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            agent: self.agent.value.clone(),
            recording_limit: u64::from(self.recording_limit.value) << 20,
            record_input: self.record_input.value,
            ..Settings::in_folder(&self.state.value)
        }
    }

    /// How many connections there may be.
    #[must_use]
    pub fn connections(&self) -> ConnectionLimits {
        ConnectionLimits::new(
            self.connections.value,
            self.connections_per_address.value,
            self.idle_timeout.value,
        )
    }

    /// How the port is encrypted.
    #[must_use]
    pub fn tls(&self) -> TlsOptions {
        TlsOptions {
            tls_cert: self.tls_cert.value.clone(),
            tls_key: self.tls_key.value.clone(),
            tls_room: self.tls_room.value.clone(),
            tls_name: self.tls_names.value.clone(),
            web: self.base().ok().flatten().map(|base| base.star()),
        }
    }

    /// The name below which web applications of labs are, where there is one.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn base(&self) -> Result<Option<BaseDomain>, BaseError> {
        self.web.value.as_deref().map(BaseDomain::of).transpose()
    }
}

fn optional<T>(
    layers: &Layers<'_>,
    names: &'static SettingNames,
    typed: Option<T>,
    filed: Option<T>,
) -> Setting<Option<T>> {
    layers.set(names, typed.map(Some), filed.map(Some), || None)
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, FromArgMatches, Parser};

    use super::names::ALL;
    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "plateaud")]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn loaded(args: &[&str]) -> Result<Config, ConfigError> {
        let args = ["plateaud"].iter().chain(args);
        let matches = Cli::command().get_matches_from(args);
        let cli = Cli::from_arg_matches(&matches).unwrap();
        Config::load(&cli.options, &matches)
    }

    /// What is shown of a configuration with this file and these arguments, the file called so.
    fn shown_of(yaml: &str, args: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plateaud.yaml");
        std::fs::write(&path, yaml).unwrap();
        let path = path.display().to_string();
        let args = [&["--config", &path], args].concat();
        let text = match loaded(&args) {
            Ok(config) => config.to_string(),
            Err(error) => error.to_string(),
        };
        let beside = beside_us("plateau-agent").display().to_string();
        let text = text
            .replace(&path, "plateaud.yaml")
            .replace(&beside, "BESIDE-US");
        // The path that was replaced may have been longer than others.
        text.lines().map(squeezed).collect()
    }

    fn squeezed(line: &str) -> String {
        let indent = &line[..line.len() - line.trim_start().len()];
        let words = line
            .split("  ")
            .map(str::trim)
            .filter(|word| !word.is_empty());
        format!("{indent}{}\n", words.collect::<Vec<_>>().join("  "))
    }

    const WHOLE: &str = "\
runtime: fake
state: /srv/plateau
engine: unix:///run/podman/podman.sock
agent: /usr/lib/plateau/plateau-agent
serve:
  socket: /run/exam.sock
  listen: '[::1]:80'
  web: labs.localhost
database:
  url: postgres://plateau:hunter2@db.lan/plateau
images:
  base: debian:bookworm
  recipes: /srv/recipes
  build_network: host
documents: { fonts: /usr/share/fonts }
log:
  format: json
  filter: plateaud=debug
";

    #[test]
    fn every_key_of_the_file_is_in_force_and_no_password_is_shown() {
        let text = shown_of(WHOLE, &[]);
        assert!(!text.contains("hunter2"), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        for yaml in ["", "# nothing yet\n", "log:\n"] {
            assert_eq!(shown_of(yaml, &[]), shown_of("", &[]), "{yaml}");
        }
        insta::assert_snapshot!(shown_of("", &[]));
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let text = shown_of(
            WHOLE,
            &["--state", "/tmp/x", "--log", "warn", "--runtime", "docker"],
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_database_lies_in_whatever_state_folder_there_is() {
        let text = shown_of("state: /srv/a\n", &[]);
        assert!(
            text.contains("database.url  sqlite:///srv/a/plateau.db  default"),
            "{text}"
        );
        let text = shown_of("state: /srv/a\n", &["--state", "/srv/b"]);
        assert!(
            text.contains("database.url  sqlite:///srv/b/plateau.db  default"),
            "{text}"
        );
    }

    #[test]
    fn everything_wrong_in_a_file_is_told_at_once_with_its_place() {
        let yaml = "\
runtime: podman
stat: /srv
serve:
  listen: everywhere
  sockets: /run/x.sock
  web: labs
database:
  url: mysql://db/plateau
images: [debian]
log:
  format: xml
  filter: plateaud=loud
  filters: info
";
        insta::assert_snapshot!(shown_of(yaml, &[]));
    }

    #[test]
    fn a_key_that_stands_twice_and_broken_yaml_are_told_with_their_place() {
        insta::assert_snapshot!(shown_of(
            "state: /a\nlog:\n  format: text\n  format: json\nstate: /b\n",
            &[]
        ));
        insta::assert_snapshot!(shown_of("state: [/a\nlog: }\n", &[]));
        insta::assert_snapshot!(shown_of("- state\n", &[]));
        insta::assert_snapshot!(shown_of("state: 1.5\nlog: { format: true }\n", &[]));
    }

    #[test]
    fn a_file_that_is_named_has_to_be_there() {
        let error = loaded(&["--config", "/nowhere/plateaud.yaml"]).unwrap_err();
        assert!(matches!(error, ConfigError::Read { .. }), "{error}");
    }

    #[test]
    fn every_option_has_its_variable_and_its_key() {
        let command: Command = Cli::command();
        let of_file = ["config", "help"];
        for argument in command
            .get_arguments()
            .filter(|a| !of_file.contains(&a.get_id().as_str()))
        {
            let names = ALL
                .iter()
                .find(|names| names.id == argument.get_id().as_str());
            let names = names.unwrap_or_else(|| panic!("{} has no key", argument.get_id()));
            assert_eq!(argument.get_long(), Some(names.option));
            let variable = argument
                .get_env()
                .map(|name| name.to_string_lossy().into_owned());
            assert_eq!(variable.as_deref(), Some(names.variable));
        }
        let schema = schema();
        for names in ALL {
            let mut at = &schema;
            for part in names.key.split('.') {
                at =
                    file::property(&schema, at, part).unwrap_or_else(|| panic!("no {}", names.key));
            }
            assert!(at["description"].is_string(), "{} says nothing", names.key);
        }
    }
}
