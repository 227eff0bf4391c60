//! A TLS verifier that accepts every certificate and records whether it is trusted.

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

use crate::bounded::read_text;

/// Seconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60;

pub(super) const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
pub(super) const BUNDLE_LIMIT: u64 = 8 << 20;

/// Checks certificates against a file of authorities, and accepts every handshake.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    provider: Arc<CryptoProvider>,
    chain_verifier: Option<Arc<WebPkiServerVerifier>>,
    authorities: Vec<CertificateDer<'static>>,
    trusted: Mutex<Option<bool>>,
}

/// Creates a verifier, and a TLS configuration that uses it.
pub(super) async fn recording_verifier(
    ca: Option<&str>,
) -> anyhow::Result<(Arc<RecordingVerifier>, ClientConfig)> {
    let path = ca.unwrap_or(BUNDLE).to_owned();
    tokio::task::spawn_blocking(move || {
        // A missing file means that the node does not know the authority: nothing is trusted.
        let text = read_text(&path, BUNDLE_LIMIT)?.unwrap_or_default();
        let verifier = Arc::new(RecordingVerifier::new(&text));
        let config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_safe_default_protocol_versions()
            .context("cannot set TLS up")?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_no_client_auth();
        Ok((verifier, config))
    })
    .await?
}

impl RecordingVerifier {
    fn new(bundle: &str) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities: Vec<_> = CertificateDer::pem_slice_iter(bundle.as_bytes())
            .filter_map(Result::ok)
            .collect();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        // Fails without any authority; then nothing is trusted.
        let chain_verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .ok();
        Self {
            provider,
            chain_verifier,
            authorities,
            trusted: Mutex::new(None),
        }
    }

    /// Whether the authorities confirm the server's certificate and name; `None` before a handshake.
    pub(super) fn trusted(&self) -> Option<bool> {
        *self
            .trusted
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    fn record(&self, trusted: bool) {
        let mut recorded = self
            .trusted
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        *recorded = Some(trusted && *recorded != Some(false));
    }

    /// Browsers and curl accept a self-signed certificate that is installed as an authority.
    /// webpki never accepts the certificate of an authority for a server.
    fn is_installed_authority(
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
            && is_within_validity(certificate, now)
    }
}

pub(super) fn is_within_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
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
pub(super) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by_authority = self.chain_verifier.as_ref().is_some_and(|chain_verifier| {
            chain_verifier
                .verify_server_cert(certificate, chain, name, stapled, now)
                .is_ok()
        });
        self.record(by_authority || self.is_installed_authority(certificate, name, now));
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
        Ok(self.accept(verified))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified = verify_tls13_signature(message, certificate, signed, algorithms);
        Ok(self.accept(verified))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl RecordingVerifier {
    /// webpki cannot read certificates of version 1, which `openssl x509 -req` creates. Such a
    /// server counts as connected, but never as trusted.
    fn accept(
        &self,
        verified: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> HandshakeSignatureValid {
        verified.unwrap_or_else(|_| {
            self.record(false);
            HandshakeSignatureValid::assertion()
        })
    }
}

/// Names and addresses of the subject alternative name extension.
pub(super) fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
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
                ip_address(bytes)
            } else {
                None
            }
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn ip_address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let six = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or(six).ok().map(|address| address.to_string())
}
