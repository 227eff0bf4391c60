//! Connects over TLS and reads the server's certificate.

use std::sync::Arc;

use anyhow::Context;
use plateau_core::question::tls::{TlsQuestion, TlsSeen};
use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::context::ProbeContext;
use super::tcp::{ConnectOutcome, connect};
use super::verifier::{DAY, alternative_names, recording_verifier, unix_now};

pub(super) async fn observe(
    question: &TlsQuestion,
    context: &ProbeContext,
) -> anyhow::Result<TlsSeen> {
    let name = question.name.as_ref().unwrap_or(&question.host);
    let server = ServerName::try_from(name.clone())
        .with_context(|| format!("`{name}` is not a valid server name"))?;
    let (verifier, config) = recording_verifier(question.ca.as_deref()).await?;
    let until = Instant::now() + context.network_limit();
    let silent = TlsSeen {
        connected: Some(false),
        ..TlsSeen::default()
    };
    let attempt = connect(&question.host, question.port, context.network_limit()).await?;
    let ConnectOutcome::Open(stream) = attempt else {
        return Ok(silent);
    };
    let shaking = TlsConnector::from(Arc::new(config)).connect(server, stream);
    let Ok(Ok(stream)) = timeout_at(until, shaking).await else {
        return Ok(silent);
    };
    let (_, connection) = stream.get_ref();
    let version = connection.protocol_version().map(version_name);
    let certificate = connection
        .peer_certificates()
        .and_then(<[_]>::first)
        .context("the server shows no certificate")?;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .context("cannot read the server's certificate")?;
    Ok(TlsSeen {
        connected: Some(true),
        version,
        subject: Some(parsed.subject().to_string()),
        issuer: Some(parsed.issuer().to_string()),
        names: Some(alternative_names(&parsed)),
        days_left: Some((parsed.validity().not_after.timestamp() - unix_now()).div_euclid(DAY)),
        self_signed: Some(parsed.subject() == parsed.issuer()),
        trusted: verifier.trusted(),
    })
}

fn version_name(version: ProtocolVersion) -> String {
    // Names as in OpenSSL; rustls has an underscore instead of the dot.
    let name = format!("{version:?}");
    name.replace('_', ".")
}
