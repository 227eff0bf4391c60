//! The options of the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::file::{LogFormat, RuntimeKind};

/// What can be said on the command line and in the environment. It wins over the file.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// Configuration file; /etc/plateau/plateaud.yaml where that is there
    #[arg(long, global = true, env = "PLATEAU_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What runs the containers [default: docker]
    #[arg(long, global = true, env = "PLATEAU_RUNTIME", value_enum)]
    pub runtime: Option<RuntimeKind>,
    /// Unix socket to serve on; its file permissions say who may use it [default: /run/plateau/plateaud.sock]
    #[arg(long, global = true, env = "PLATEAU_SOCKET", value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Address to serve on; without TLS one of the loopback [default: 127.0.0.1:7417]
    #[arg(long, global = true, env = "PLATEAU_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Certificate for the port, as PEM, with those between it and its authority; read again when it changes
    #[arg(long, global = true, env = "PLATEAU_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, as PEM
    #[arg(long, global = true, env = "PLATEAU_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Serve with certificates of an authority made for the room, kept in this folder, or with `auto` in the state folder; /v1/authority.pem is what the room's computers have to trust
    #[arg(
        long,
        global = true,
        env = "PLATEAU_TLS_ROOM",
        value_name = "auto|DIR",
        conflicts_with_all = ["tls_cert", "tls_key"]
    )]
    pub tls_room: Option<PathBuf>,
    /// Further name or address that the port is reached by; can be given several times
    #[arg(
        long,
        global = true,
        env = "PLATEAU_TLS_NAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub tls_name: Option<Vec<String>>,
    /// Address to serve SSH on, for candidates; nowhere where absent
    #[arg(long, global = true, env = "PLATEAU_SSH", value_name = "ADDRESS")]
    pub ssh: Option<SocketAddr>,
    /// Name below which web applications of labs are, such as labs.salle.fr, each with a name of its own; nowhere where absent
    #[arg(long, global = true, env = "PLATEAU_WEB", value_name = "NAME")]
    pub web: Option<String>,
    /// Most connections to the port at the same time [default: 4096]
    #[arg(
        long,
        global = true,
        env = "PLATEAU_CONNECTIONS",
        value_name = "NUMBER"
    )]
    pub connections: Option<u32>,
    /// Most connections of one address, to the port and to SSH each [default: 512]
    #[arg(
        long,
        global = true,
        env = "PLATEAU_CONNECTIONS_PER_ADDRESS",
        value_name = "NUMBER"
    )]
    pub connections_per_address: Option<u32>,
    /// How long a connection to the port may be quiet between two requests, or take to send the head of one, in seconds [default: 60]
    #[arg(
        long,
        global = true,
        env = "PLATEAU_IDLE_TIMEOUT",
        value_name = "SECONDS"
    )]
    pub idle_timeout: Option<u32>,
    /// Most that one recording of a terminal may have, in MiB; then it ends, and the terminal goes on [default: 32]
    #[arg(
        long,
        global = true,
        env = "PLATEAU_RECORDING_LIMIT",
        value_name = "MIB"
    )]
    pub recording_limit: Option<u32>,
    /// Whether recordings of terminals hold what is typed, passwords too [default: false]
    #[arg(
        long,
        global = true,
        env = "PLATEAU_RECORD_INPUT",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub record_input: Option<bool>,
    /// The engine's address, such as unix:///run/podman/podman.sock; what DOCKER_HOST names, or Docker's usual socket, where absent
    #[arg(long, global = true, env = "PLATEAU_ENGINE", value_name = "URL")]
    pub engine: Option<String>,
    /// Folder of the daemon's own state [default: /var/lib/plateau]
    #[arg(long, global = true, env = "PLATEAU_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The database, such as postgres://plateau@localhost/plateau; an SQLite file in the state folder where absent
    #[arg(long, global = true, env = "PLATEAU_DATABASE", value_name = "URL")]
    pub database: Option<String>,
    /// The agent's executable, static and for the engine's architecture, with plateau-grader beside it; both beside this executable where absent
    #[arg(long, global = true, env = "PLATEAU_AGENT", value_name = "PATH")]
    pub agent: Option<PathBuf>,
    /// Image that all images stand on, such as debian:bookworm; made with mmdebstrap where absent
    #[arg(long, global = true, env = "PLATEAU_BASE_IMAGE", value_name = "IMAGE")]
    pub base_image: Option<String>,
    /// Folder of the images' recipes; those built into this executable where absent
    #[arg(long, global = true, env = "PLATEAU_RECIPES", value_name = "DIR")]
    pub recipes: Option<PathBuf>,
    /// The engine's network that images are built in, such as host; the engine's choice where absent
    #[arg(
        long,
        global = true,
        env = "PLATEAU_BUILD_NETWORK",
        value_name = "NAME"
    )]
    pub build_network: Option<String>,
    /// Folder of fonts for documents, for scripts that the built-in ones lack
    #[arg(long, global = true, env = "PLATEAU_FONTS", value_name = "DIR")]
    pub fonts: Option<PathBuf>,
    /// How the log is written, on standard error [default: text]
    #[arg(long, global = true, env = "PLATEAU_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// What the log tells, such as info or plateaud=debug [default: info]
    #[arg(long, global = true, env = "PLATEAU_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}
