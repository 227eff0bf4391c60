//! A server's certificate: any is let through, and whether it deserves trust is noted.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use anyhow::Context;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::bounded::text_of;

pub(super) mod file;

/// Seconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60;

const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
const BUNDLE_LIMIT: u64 = 8 << 20;

/// Judges certificates by an authority's file, and lets every handshake go on.
#[derive(Debug)]
pub(super) struct Witness {
    provider: Arc<CryptoProvider>,
    judge: Option<Arc<WebPkiServerVerifier>>,
    authorities: Vec<CertificateDer<'static>>,
    trusted: Mutex<Option<bool>>,
}

/// A witness, and a configuration for TLS that asks it.
pub(super) async fn witness(ca: Option<&str>) -> anyhow::Result<(Arc<Witness>, ClientConfig)> {
    let path = ca.unwrap_or(BUNDLE).to_owned();
    tokio::task::spawn_blocking(move || {
        // A missing file is an authority that this node does not know: nothing is trusted.
        let text = text_of(&path, BUNDLE_LIMIT)?.unwrap_or_default();
        let witness = Arc::new(Witness::new(&text));
        let config = ClientConfig::builder_with_provider(Arc::clone(&witness.provider))
            .with_safe_default_protocol_versions()
            .context("cannot set TLS up")?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as _)
            .with_no_client_auth();
        Ok((witness, config))
    })
    .await?
}

impl Witness {
    fn new(bundle: &str) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities: Vec<_> = CertificateDer::pem_slice_iter(bundle.as_bytes())
            .filter_map(Result::ok)
            .collect();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        // Without a single authority there is nothing to judge by.
        let judge =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .ok();
        Self {
            provider,
            judge,
            authorities,
            trusted: Mutex::new(None),
        }
    }

    /// Whether the last certificate is valid for its name by the authority; `None` before any.
    pub(super) fn trusted(&self) -> Option<bool> {
        *self
            .trusted
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    fn note(&self, trusted: bool) {
        let mut noted = self
            .trusted
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        *noted = Some(trusted && *noted != Some(false));
    }

    /// Browsers and curl accept a self-signed certificate that was itself installed as an
    /// authority; webpki never accepts an authority's certificate as a server's.
    fn installed_itself(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> bool {
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
            return false;
        };
        self.authorities.iter().any(|known| known == certificate)
            && verify_server_name(&parsed, name).is_ok()
            && in_its_time(certificate, now)
    }
}

fn in_its_time(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
        return false;
    };
    let Ok(now) = i64::try_from(now.as_secs()) else {
        return false;
    };
    let validity = parsed.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by_authority = self.judge.as_ref().is_some_and(|judge| {
            judge
                .verify_server_cert(certificate, chain, name, stapled, now)
                .is_ok()
        });
        self.note(by_authority || self.installed_itself(certificate, name, now));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified = verify_tls12_signature(message, certificate, signed, algorithms);
        Ok(self.let_through(verified))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified = verify_tls13_signature(message, certificate, signed, algorithms);
        Ok(self.let_through(verified))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl Witness {
    /// webpki cannot even read version 1 certificates, which `openssl x509 -req` makes: such a
    /// server still counts as connected, but never as trusted.
    fn let_through(
        &self,
        verified: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> HandshakeSignatureValid {
        verified.unwrap_or_else(|_| {
            self.note(false);
            HandshakeSignatureValid::assertion()
        })
    }
}

/// Names and addresses of the alternative-name extension.
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let mut names: Vec<String> = extension
        .value
        .general_names
        .iter()
        .filter_map(|name| {
            if let GeneralName::DNSName(name) = name {
                Some((*name).to_owned())
            } else if let GeneralName::IPAddress(bytes) = name {
                address(bytes)
            } else {
                None
            }
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let six = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or(six).ok().map(|address| address.to_string())
}
