//! The configuration file: its schema and its validation.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use plateau_core::problem::{Problem, SourceLocation};
use plateau_core::tree::{Position, Tree};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use plateau_gateway::proxy::BaseDomain;

/// What runs the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeKind {
    /// An engine that speaks Docker's API: Docker, or Podman's service
    Docker,
    /// Nothing: labs are pretended, for trying out clients
    Fake,
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Fake => "fake",
        })
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people
    Text,
    /// For programs: a JSON text a line
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Everything that the file may say. What it leaves out has its default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigSpec {
    /// What runs the containers: `docker`, or `fake` for trying out clients.
    pub runtime: Option<RuntimeKind>,
    /// The engine's address, such as `unix:///run/podman/podman.sock`; what `DOCKER_HOST` names, or Docker's usual socket, where absent.
    pub engine: Option<String>,
    /// Folder of the daemon's own state, `/var/lib/plateau` where absent.
    pub state: Option<PathBuf>,
    /// The agent's executable, with `plateau-grader` beside it; beside plateaud where absent.
    pub agent: Option<PathBuf>,
    /// Where the daemon is reached.
    pub serve: ServeSpec,
    /// Where sessions, attempts and their log are kept.
    pub database: DatabaseSpec,
    /// What nodes are made from.
    pub images: ImagesSpec,
    /// Candidates' terminals.
    pub terminals: TerminalsSpec,
    /// PDFs.
    pub documents: DocumentsSpec,
    /// What the daemon tells of itself, on standard error.
    pub log: LogSpec,
}

/// Where the daemon is reached.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSpec {
    /// Unix socket; `/run/plateau/plateaud.sock` where absent.
    pub socket: Option<PathBuf>,
    /// Address and port, without TLS one of the loopback; `127.0.0.1:7417` where absent.
    pub listen: Option<SocketAddr>,
    /// How the port is encrypted; not at all where absent.
    pub tls: TlsSpec,
    /// Address and port of SSH, for candidates; nowhere where absent.
    pub ssh: Option<SocketAddr>,
    /// Name below which web applications of labs are, such as `labs.salle.fr`, each with a name of its own; nowhere where absent.
    pub web: Option<String>,
    /// How many connections there may be.
    pub connections: ConnectionsSpec,
}

/// How many connections there may be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionsSpec {
    /// Most connections to the port at the same time; 4096 where absent. A quarter of them is for those who are logged in.
    pub total: Option<u32>,
    /// Most connections of one address, to the port and to SSH each; 512 where absent.
    pub per_address: Option<u32>,
    /// How long a connection to the port may be quiet between two requests, or take to send the head of one, in seconds; 60 where absent.
    pub idle_timeout: Option<u32>,
}

/// How the port is encrypted: with a certificate of one's own, or of an authority made for the room.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSpec {
    /// Certificate, as PEM, with those between it and its authority.
    pub cert: Option<PathBuf>,
    /// Private key of the certificate, as PEM.
    pub key: Option<PathBuf>,
    /// Folder of an authority made for the room, or `auto` for one in the state folder.
    pub room: Option<PathBuf>,
    /// Further names and addresses that the port is reached by.
    pub names: Option<Vec<String>>,
}

/// Candidates' terminals.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TerminalsSpec {
    /// Most that one recording may have, in MiB; 32 where absent.
    pub recording_limit: Option<u32>,
    /// Whether recordings hold what is typed, passwords too; not where absent.
    pub record_input: Option<bool>,
}

/// Where sessions, attempts and their log are kept.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSpec {
    /// `sqlite://` and a path, or `postgres://user@host/name`; an SQLite file in the state folder where absent.
    pub url: Option<String>,
}

/// What nodes are made from.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImagesSpec {
    /// Image that all images stand on, such as `debian:bookworm`; made with mmdebstrap where absent.
    pub base: Option<String>,
    /// Folder of the images' recipes; those built in where absent.
    pub recipes: Option<PathBuf>,
    /// The engine's network that images are built in, such as `host`.
    pub build_network: Option<String>,
}

/// PDFs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentsSpec {
    /// Folder of fonts for scripts that the built-in ones lack, such as Chinese.
    pub fonts: Option<PathBuf>,
}

/// What the daemon tells of itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSpec {
    /// `text` for people, `json` for programs.
    pub format: Option<LogFormat>,
    /// What is told, such as `info` or `plateaud=debug,tower_http=info`.
    pub filter: Option<String>,
}

/// The file's JSON Schema, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(ConfigSpec).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), "Configuration of plateaud".into());
    }
    schema
}

/// What a file says, and where.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    pub(super) spec: ConfigSpec,
    file: String,
    tree: Option<Tree>,
}

impl ConfigFile {
    /// Where the value of a key such as `log.filter` stands.
    pub(super) fn place(&self, key: &str) -> SourceLocation {
        let mut at = self.tree.as_ref();
        for part in key.split('.') {
            at = at.and_then(|tree| tree.get(part));
        }
        let mark = at.map_or(Position::default(), |tree| tree.at);
        mark.in_file(&self.file)
    }
}

/// Reads a file.
pub(super) fn read(file: &str, content: &[u8]) -> Result<ConfigFile, Vec<Problem>> {
    let says_nothing = |line: &[u8]| {
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#")
    };
    if content.split(|&byte| byte == b'\n').all(says_nothing) {
        return Ok(ConfigFile {
            file: file.to_owned(),
            ..ConfigFile::default()
        });
    }
    let tree = Tree::parse(file, content)?;
    let mut problems = Vec::new();
    let spec = tree.read::<ConfigSpec>(file, &[], &mut problems);
    let read = ConfigFile {
        spec: spec.map(|(spec, _)| spec).unwrap_or_default(),
        file: file.to_owned(),
        tree: Some(tree),
    };
    problems.extend(semantic_problems(&read));
    if problems.is_empty() {
        return Ok(read);
    }
    problems.sort();
    Err(problems)
}

/// What has the right shape and makes no sense.
fn semantic_problems(read: &ConfigFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |key: &str, code: &str, message: String, hint: &str| {
        problems.push(Problem {
            place: read.place(key),
            code: code.to_owned(),
            message,
            hint: Some(hint.to_owned()),
        });
    };
    if let Some(url) = &read.spec.database.url {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("sqlite" | "postgres" | "postgresql") => {}
            // The rest of it may be a password.
            Some(_) | None => problem(
                "database.url",
                "unknown-database",
                match scheme {
                    Some(scheme) => {
                        format!("`{scheme}` is not a kind of database that plateaud uses")
                    }
                    None => "this is not a valid URL of a database".to_owned(),
                },
                "sqlite:///var/lib/plateau/plateau.db or postgres://plateau@localhost/plateau",
            ),
        }
    }
    if let Some(Err(error)) = read.spec.serve.web.as_deref().map(BaseDomain::of) {
        problem("serve.web", "not-a-base", error.to_string(), error.hint());
    }
    if let Some(filter) = &read.spec.log.filter
        && let Err(error) = EnvFilter::try_new(filter)
    {
        problem(
            "log.filter",
            "not-a-filter",
            format!("`{filter}` is not a valid filter of the log: {error}"),
            "such as `info`, or `plateaud=debug,tower_http=info`",
        );
    }
    problems
}

/// What a schema says of a property of one of its parts.
#[cfg(test)]
pub(super) fn property<'a>(
    schema: &'a serde_json::Value,
    part: &'a serde_json::Value,
    name: &str,
) -> Option<&'a serde_json::Value> {
    let part = match part["$ref"].as_str() {
        Some(reference) => schema.pointer(reference.strip_prefix('#')?)?,
        None => part,
    };
    part["properties"].get(name)
}
