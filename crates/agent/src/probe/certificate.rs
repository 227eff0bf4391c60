//! Observes a file of certificates.

use std::path::Path;

use anyhow::Context;
use plateau_core::question::certificate::{CertificateQuestion, CertificateSeen};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::context::ProbeContext;
use super::verifier::{BUNDLE, BUNDLE_LIMIT, DAY, alternative_names, is_within_validity, unix_now};
use crate::bounded::{is_not_found, open_regular, read_first, read_text};

const FILE_LIMIT: u64 = 1 << 20;
const COUNT_LIMIT: usize = 100;

/// `id-Ed25519` of RFC 8410.
const ED25519: &str = "1.3.101.112";

pub(super) fn observe(
    question: &CertificateQuestion,
    context: &ProbeContext,
) -> anyhow::Result<CertificateSeen> {
    let file = read_file(&question.path)?.unwrap_or_default();
    let certificates = parse_certificates(&file);
    let parsed: Vec<X509Certificate<'_>> = certificates
        .iter()
        .filter_map(|der| Some(x509_parser::parse_x509_certificate(der).ok()?.1))
        .collect();
    let (Some(der), Some(first)) = (certificates.first(), parsed.first()) else {
        return Ok(CertificateSeen {
            exists: Some(false),
            ..CertificateSeen::default()
        });
    };
    let validity = first.validity();
    let (key_type, key_bits) = key_type(first);
    let ordered = parsed
        .windows(2)
        .all(|pair| pair[0].issuer() == pair[1].subject());
    Ok(CertificateSeen {
        exists: Some(true),
        subject: Some(first.subject().to_string()),
        issuer: Some(first.issuer().to_string()),
        names: Some(alternative_names(first)),
        not_before: Some(timestamp(validity.not_before.timestamp())?),
        not_after: Some(timestamp(validity.not_after.timestamp())?),
        days_left: Some((validity.not_after.timestamp() - unix_now()).div_euclid(DAY)),
        self_signed: Some(first.subject() == first.issuer()),
        is_ca: Some(first.is_ca()),
        key_type: Some(key_type),
        key_bits,
        serial: Some(first.raw_serial_as_string()),
        fingerprint: Some(hex::encode(Sha256::digest(der))),
        count: i64::try_from(parsed.len()).ok(),
        ordered: Some(ordered),
        matches_key: match &question.key {
            Some(path) if context.wants("matches_key") => Some(matches_key(first, path)?),
            Some(_) | None => None,
        },
        trusted: if context.wants("trusted") {
            Some(is_trusted(&certificates, question.ca.as_deref())?)
        } else {
            None
        },
    })
}

/// The content of a file; `None` if it is not a regular file or does not exist.
fn read_file(path: &str) -> anyhow::Result<Option<Vec<u8>>> {
    anyhow::ensure!(path.starts_with('/'), "`{path}` is not an absolute path");
    let named = || format!("cannot read `{path}`");
    let file = match open_regular(Path::new(path)) {
        Err(error) if is_not_found(&error) => return Ok(None),
        opened => opened.with_context(named)?,
    };
    let Some(file) = file else {
        return Ok(None);
    };
    let bytes = read_first(file, FILE_LIMIT + 1).with_context(named)?;
    let fits = bytes.len() as u64 <= FILE_LIMIT;
    anyhow::ensure!(fits, "`{path}` is larger than {FILE_LIMIT} bytes");
    Ok(Some(bytes))
}

/// The valid certificates of a file, in their order.
fn parse_certificates(file: &[u8]) -> Vec<CertificateDer<'static>> {
    let readable = |der: &CertificateDer<'_>| x509_parser::parse_x509_certificate(der).is_ok();
    let pem = CertificateDer::pem_slice_iter(file).filter_map(Result::ok);
    let mut found: Vec<_> = pem.filter(readable).take(COUNT_LIMIT).collect();
    let der = CertificateDer::from(file.to_vec());
    if found.is_empty() && readable(&der) {
        found.push(der);
    }
    found
}

fn timestamp(seconds: i64) -> anyhow::Result<String> {
    let time = jiff::Timestamp::from_second(seconds);
    Ok(time
        .context("the certificate's time is out of range")?
        .to_string())
}

fn key_type(certificate: &X509Certificate<'_>) -> (String, Option<i64>) {
    let key = certificate.public_key();
    let named = match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => Some(("RSA", rsa.key_size())),
        // Each coordinate has whole bytes, so that 521 bits take 528.
        Ok(PublicKey::EC(point)) => Some((
            "EC",
            match point.key_size() {
                528 => 521,
                bits => bits,
            },
        )),
        Ok(_) | Err(_) => None,
    };
    let oid = key.algorithm.algorithm.to_id_string();
    match named {
        Some((name, bits)) => (name.to_owned(), i64::try_from(bits).ok()),
        None if oid == ED25519 => ("Ed25519".to_owned(), Some(256)),
        None => (oid, None),
    }
}

/// Whether the private key in a file belongs to the certificate.
fn matches_key(certificate: &X509Certificate<'_>, path: &str) -> anyhow::Result<bool> {
    let Some(file) = read_file(path)? else {
        return Ok(false);
    };
    let encrypted = String::from_utf8_lossy(&file).contains("ENCRYPTED");
    anyhow::ensure!(!encrypted, "the key of `{path}` is encrypted");
    let pem = PrivateKeyDer::from_pem_slice(&file);
    let Ok(key) = pem.or_else(|_| PrivateKeyDer::try_from(file.clone())) else {
        return Ok(false);
    };
    let key = any_supported_type(&key).context("cannot use the private key")?;
    let public = key.public_key().context("cannot use the private key")?;
    Ok(public.as_ref() == certificate.public_key().raw)
}

/// Whether clients that trust the authorities would trust a server with this file.
fn is_trusted(certificates: &[CertificateDer<'_>], ca: Option<&str>) -> anyhow::Result<bool> {
    // A missing file means that the node does not know the authority: nothing is trusted.
    let bundle = read_text(ca.unwrap_or(BUNDLE), BUNDLE_LIMIT)?.unwrap_or_default();
    let authorities: Vec<_> = CertificateDer::pem_slice_iter(bundle.as_bytes())
        .filter_map(Result::ok)
        .collect();
    let Some((first, others)) = certificates.split_first() else {
        return Ok(false);
    };
    if authorities.contains(first) && is_within_validity(first, UnixTime::now()) {
        return Ok(true);
    }
    let Ok(parsed) = ParsedCertificate::try_from(first) else {
        return Ok(false);
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    let algorithms = default_provider().signature_verification_algorithms.all;
    let now = UnixTime::now();
    let verified =
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, others, now, algorithms);
    Ok(verified.is_ok())
}
