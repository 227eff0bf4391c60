//! TLS for the port: with the centre's own certificate, or with the daemon's own certificate authority.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Error};

pub use host_names::AllowedHosts;
use room::RoomAuthority;

mod host_names;
pub mod room;

/// How often it is looked whether files or addresses have changed.
const LOOK: Duration = Duration::from_secs(3600);

/// What `plateaud` is told about TLS: a certificate with its key, or the folder of an authority.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Certificate for the port, as PEM, with those between it and its authority; read again when it changes.
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, as PEM.
    pub tls_key: Option<PathBuf>,
    /// Folder of an authority made for the room, or `auto` for one in the state folder.
    pub tls_room: Option<PathBuf>,
    /// Further names and addresses that the port is reached by.
    pub tls_name: Vec<String>,
    /// What the room's authority is to vouch for besides, such as `*.labs.salle.fr`; the daemon is
    /// not reached by it.
    pub web: Option<String>,
}

/// Why TLS cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file holds no certificate, or no key.
    #[error("read `{}` as PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// A certificate cannot be understood.
    #[error("understand the certificate in `{}`", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: x509_parser::nom::Err<X509Error>,
    },
    /// A certificate's names cannot be understood.
    #[error("understand the names of the certificate in `{}`", path.display())]
    CertificateNames {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: X509Error,
    },
    /// Certificate and key cannot be served.
    #[error("serve with the certificate in `{}`", path.display())]
    Serve {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A certificate cannot be made.
    #[error("make a certificate")]
    Make(#[source] rcgen::Error),
    /// The machine's addresses are not told.
    #[error("list the machine's addresses")]
    Addresses(#[source] std::io::Error),
}

/// Source of certificates.
#[derive(Clone, Debug)]
enum CertificateSource {
    /// Files that somebody else keeps.
    Files { certificate: PathBuf, key: PathBuf },
    /// The room's own authority.
    Room {
        room: RoomAuthority,
        address: SocketAddr,
    },
}

/// TLS of the port.
#[derive(Clone, Debug)]
pub struct Tls {
    origin: CertificateSource,
    /// Names that were configured.
    names: Vec<String>,
    /// What the certificate of the room is to be for besides.
    web: Option<String>,
    served: RustlsConfig,
    answered: AllowedHosts,
    authority: Option<Arc<str>>,
}

/// A certificate and its key, as they are served.
struct CertificateAndKey {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// Reads or creates keys and certificates; `None` if TLS is not configured. `address` is where the
    /// port will listen. Blocks.
    ///
    /// # Errors
    /// Files or certificates cannot be used or created.
    pub fn open(
        options: &TlsOptions,
        state: &Path,
        address: SocketAddr,
    ) -> Result<Option<Self>, TlsError> {
        let origin = match (&options.tls_cert, &options.tls_key, &options.tls_room) {
            (Some(certificate), Some(key), _) => CertificateSource::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            (_, _, Some(folder)) => {
                let folder = match folder.to_str() {
                    Some("auto") => state.join("tls"),
                    _ => folder.clone(),
                };
                let room = RoomAuthority::open(&folder)?;
                CertificateSource::Room { room, address }
            }
            _ => return Ok(None),
        };
        let authority = match &origin {
            CertificateSource::Room { room, .. } => Some(room.authority()?.into()),
            CertificateSource::Files { .. } => None,
        };
        let (config, names) = load(&origin, &options.tls_name, options.web.as_deref())?;
        let answered = AllowedHosts::default();
        answered.set(names);
        Ok(Some(Self {
            origin,
            names: options.tls_name.clone(),
            web: options.web.clone(),
            served: RustlsConfig::from_config(config),
            answered,
            authority,
        }))
    }

    /// What the server is configured with; it follows what [`Self::watch`] finds.
    pub fn served(&self) -> RustlsConfig {
        self.served.clone()
    }

    /// The names that the port answers to.
    #[must_use]
    pub fn names(&self) -> AllowedHosts {
        self.answered.clone()
    }

    /// Whether the certificate is the centre's own, which browsers go on trusting.
    pub fn is_own(&self) -> bool {
        match self.origin {
            CertificateSource::Files { .. } => true,
            CertificateSource::Room { .. } => false,
        }
    }

    /// The certificate of the room's authority, as PEM, where there is one.
    #[must_use]
    pub fn authority(&self) -> Option<Arc<str>> {
        self.authority.clone()
    }

    /// Checks once whether files or addresses have changed, or the certificate is about to expire, and
    /// updates the TLS of new connections. Blocks.
    ///
    /// # Errors
    /// As for [`Self::open`]; the present certificate stays in use.
    pub fn look(&self) -> Result<(), TlsError> {
        let (config, names) = load(&self.origin, &self.names, self.web.as_deref())?;
        self.served.reload_from_config(config);
        self.answered.set(names);
        Ok(())
    }

    /// Looks every hour until told to stop.
    pub async fn watch(self, stop: CancellationToken) {
        let mut hours = tokio::time::interval(LOOK);
        hours.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hours.tick() => {}
            }
            let tls = self.clone();
            match tokio::task::spawn_blocking(move || tls.look()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = plateau_labs::error::chain(&error);
                    tracing::warn!(error, "the port is served with the certificate it had");
                }
                Err(error) => tracing::error!(%error, "looking after the certificate ended"),
            }
        }
    }
}

/// What is to be served now, and the names in it.
fn load(
    origin: &CertificateSource,
    configured: &[String],
    web: Option<&str>,
) -> Result<(Arc<ServerConfig>, Vec<String>), TlsError> {
    let pair = match origin {
        CertificateSource::Files { certificate, key } => CertificateAndKey {
            certificate: certificate.clone(),
            key: key.clone(),
        },
        CertificateSource::Room { room, address } => {
            let mut wanted = wanted(*address, configured)?;
            wanted.extend(web.map(str::to_owned));
            room.certificate(&wanted, jiff::Timestamp::now())?
        }
    };
    let (config, mut names) = read(&pair)?;
    names.extend(configured.iter().cloned());
    Ok((config, names))
}

fn read(pair: &CertificateAndKey) -> Result<(Arc<ServerConfig>, Vec<String>), TlsError> {
    let path = &pair.certificate;
    let chain = chain(path)?;
    let key = PrivateKeyDer::from_pem_file(&pair.key).map_err(|source| TlsError::Pem {
        path: pair.key.clone(),
        source,
    })?;
    let names = match chain.first() {
        Some(certificate) => names(path, certificate)?.into_iter().collect(),
        None => vec![],
    };
    let failed = |source| TlsError::Serve {
        path: path.clone(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(failed)?;
    // A terminal is a WebSocket, which the clients open by HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), names))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Pem {
        path: path.to_owned(),
        source,
    };
    let chain = CertificateDer::pem_file_iter(path).map_err(failed)?;
    chain.collect::<Result<_, _>>().map_err(failed)
}

/// Names and addresses that a certificate is for.
fn names(path: &Path, certificate: &[u8]) -> Result<BTreeSet<String>, TlsError> {
    let certificate = parsed(path, certificate)?;
    let names =
        certificate
            .subject_alternative_name()
            .map_err(|source| TlsError::CertificateNames {
                path: path.to_owned(),
                source,
            })?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    Ok(names.filter_map(name).collect())
}

fn parsed<'a>(path: &Path, certificate: &'a [u8]) -> Result<X509Certificate<'a>, TlsError> {
    let parsed = X509Certificate::from_der(certificate);
    let (_, certificate) = parsed.map_err(|source| TlsError::Certificate {
        path: path.to_owned(),
        source,
    })?;
    Ok(certificate)
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some(name.to_ascii_lowercase());
    }
    let GeneralName::IPAddress(bytes) = name else {
        return None;
    };
    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

/// Names and addresses by which the room may reach a port.
fn wanted(address: SocketAddr, configured: &[String]) -> Result<BTreeSet<String>, TlsError> {
    let mut wanted: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    let host = rustix::system::uname();
    if let Ok(host) = host.nodename().to_str() {
        let host = host.to_ascii_lowercase();
        // As mDNS has it.
        wanted.insert(format!("{}.local", host.split('.').next().unwrap_or(&host)));
        wanted.insert(host);
    }
    if address.ip().is_unspecified() {
        let all = if_addrs::get_if_addrs().map_err(TlsError::Addresses)?;
        let usable = all.iter().filter(|one| !one.is_link_local());
        wanted.extend(usable.map(|one| one.ip().to_string()));
    } else {
        wanted.insert(address.ip().to_string());
    }
    wanted.extend(configured.iter().map(|name| name.to_ascii_lowercase()));
    Ok(wanted)
}

/// Writes a file that only its owner can read, whole or not at all.
fn write(path: &Path, content: &str) -> Result<(), TlsError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}
