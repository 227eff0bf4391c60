//! The daemon's services and their dependencies, assembled in one place for the program and its tests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use plateau_exam::access::{Access, AccessError, LoginLifetimes};
use plateau_exam::report::Reports;
use plateau_exam::sessions::{SessionError, Sessions};
use plateau_exam::store::{Database, DatabaseError};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::http::Api;
use plateau_gateway::connections::ConnectionLimits;
use plateau_gateway::proxy::{BaseDomain, ConnectionContext, Web};
use plateau_gateway::ssh::{HostKey, Ssh, SshError};
use plateau_gateway::tls::Tls;
use plateau_labs::images::{Images, Recipes};
use plateau_labs::lab::LabError;
use plateau_labs::labs::Labs;
use plateau_labs::runtime::Runtime;
use plateau_labs::settings::Settings;
use plateau_labs::terminals::Terminals;

/// Configuration of the daemon's services.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// What an administrator decided about labs, with the state folder.
    pub settings: Settings,
    /// URL of the database.
    pub database: String,
    /// How long log-ins last.
    pub lasting: LoginLifetimes,
    /// What images are built by.
    pub recipes: Recipes,
    /// The network that images are built in, where the engine's own does not do.
    pub build_network: Option<String>,
    /// Folder of fonts for documents, besides the built-in ones.
    pub fonts: Option<PathBuf>,
    /// The port's certificate, where it is encrypted.
    pub tls: Option<Tls>,
    /// The name below which web applications of labs are, where they are wanted.
    pub web: Option<BaseDomain>,
    /// Where candidates come in over SSH, where they do.
    pub ssh: Option<SocketAddr>,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// What ends everything.
    pub stop: CancellationToken,
}

impl AppConfig {
    /// These settings with the database in the state folder, and defaults for the rest.
    #[must_use]
    pub fn new(settings: Settings, recipes: Recipes) -> Self {
        Self {
            database: Database::in_folder(&settings.state),
            settings,
            lasting: LoginLifetimes::default(),
            recipes,
            build_network: None,
            fonts: None,
            tls: None,
            web: None,
            ssh: None,
            connections: ConnectionLimits::default(),
            stop: CancellationToken::new(),
        }
    }
}

/// Why the services cannot be opened.
#[derive(Debug, Error)]
pub enum AppError {
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The accounts cannot be opened.
    #[error("take up the accounts")]
    Access(#[from] AccessError),
    /// The labs cannot be opened.
    #[error("take up the labs")]
    Labs(#[source] LabError),
    /// The sessions cannot be opened.
    #[error("take up the sessions")]
    Sessions(#[from] SessionError),
    /// SSH cannot be served.
    #[error(transparent)]
    Ssh(#[from] SshError),
}

/// The services of a daemon that does not serve yet.
#[derive(Debug)]
pub struct App {
    /// The database.
    pub database: Database,
    /// Accounts and log-ins.
    pub access: Access,
    /// The labs.
    pub labs: Labs,
    /// Their terminals.
    pub terminals: Terminals,
    /// The exam sessions.
    pub sessions: Sessions,
    /// The server for candidates, where one is wanted.
    pub ssh: Option<Ssh>,
    runtime: Arc<dyn Runtime>,
    config: AppConfig,
}

impl App {
    /// Opens the services: labs on the engine first, then those that depend on them.
    ///
    /// # Errors
    /// A part cannot be opened.
    pub async fn open(config: AppConfig, runtime: Arc<dyn Runtime>) -> Result<Self, AppError> {
        // Before the labs: a database that cannot be used leaves everything as it is.
        let database = Database::open(&config.database).await?;
        let labs = Labs::open(Arc::clone(&runtime), config.settings.clone())
            .await
            .map_err(AppError::Labs)?;
        Self::put_together(config, runtime, database, labs).await
    }

    /// Opens the services on labs that are already open.
    ///
    /// # Errors
    /// A part cannot be opened.
    pub async fn with_labs(
        config: AppConfig,
        runtime: Arc<dyn Runtime>,
        labs: Labs,
    ) -> Result<Self, AppError> {
        let database = Database::open(&config.database).await?;
        Self::put_together(config, runtime, database, labs).await
    }

    async fn put_together(
        config: AppConfig,
        runtime: Arc<dyn Runtime>,
        database: Database,
        labs: Labs,
    ) -> Result<Self, AppError> {
        let access = Access::open(database.clone(), config.lasting).await?;
        let terminals = Terminals::new(labs.clone());
        let sessions = Sessions::open(
            labs.clone(),
            database.clone(),
            terminals.clone(),
            config.stop.clone(),
        );
        let sessions = sessions.await?;
        let ssh = match config.ssh {
            None => None,
            Some(address) => {
                let key = HostKey::open(&config.settings.state)?;
                let gate = sessions.candidates().gate_of_ssh(access.clone());
                let bound = Ssh::bind(address, key, labs.clone(), terminals.clone(), gate);
                Some(bound.await?.with_limits(config.connections))
            }
        };
        Ok(Self {
            database,
            access,
            labs,
            terminals,
            sessions,
            ssh,
            runtime,
            config,
        })
    }

    /// What is served by HTTP, at the port's address.
    #[must_use]
    pub fn api(&self, address: SocketAddr) -> Api {
        let config = &self.config;
        let (tls, stop) = (config.tls.as_ref(), &config.stop);
        let context = ConnectionContext::new(&self.labs, &self.terminals, &self.access, stop);
        Api {
            web: config.web.clone().map(|base| Web::new(base, tls, context)),
            address,
            ssh: self.ssh.as_ref().and_then(|ssh| ssh.view().ok()),
            terminals: self.terminals.clone(),
            reports: Reports::default().with_fonts(config.fonts.clone()),
            judging: self.sessions.judging().clone(),
            images: Images::new(
                Arc::clone(&self.runtime),
                config.recipes.clone(),
                config.build_network.clone(),
            ),
            labs: self.labs.clone(),
            sessions: self.sessions.clone(),
            access: self.access.clone(),
            authority: tls.and_then(Tls::authority),
            stop: stop.clone(),
        }
    }
}
