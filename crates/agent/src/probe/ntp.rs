//! Asks a server for the time.

use std::net::SocketAddr;

use anyhow::Context;
use plateau_core::question::ntp::{NtpQuestion, NtpSeen};
use rsntp::{AsyncSntpClient, Config, KissCode, ProtocolError, SynchronizationError};

use super::context::ProbeContext;
use super::lookup;

pub(super) async fn observe(
    question: &NtpQuestion,
    context: &ProbeContext,
) -> anyhow::Result<NtpSeen> {
    let limit = context.network_limit();
    let silent = NtpSeen {
        answered: Some(false),
        synchronized: Some(false),
        ..NtpSeen::default()
    };
    let Some(address) = lookup::first_address(&question.host, limit).await? else {
        return Ok(silent);
    };
    let config = Config::default()
        .bind_address(lookup::unspecified_like(address))
        .timeout(limit);
    let server = SocketAddr::new(address, question.port);
    let client = AsyncSntpClient::with_config(config);
    let reference = match client.synchronize(server).await {
        Ok(time) => {
            let offset = time.clock_offset().as_secs_f64() * 1000.0;
            return Ok(NtpSeen {
                answered: Some(true),
                synchronized: Some(true),
                stratum: Some(i64::from(time.stratum())),
                offset_ms: Some(offset.round() as i64),
                reference: Some(time.reference_identifier().to_string()),
            });
        }
        // Silent, refused by ICMP, or unreachable.
        Err(SynchronizationError::IOError(_)) => return Ok(silent),
        Err(SynchronizationError::ProtocolError(ProtocolError::KissODeath(code))) => {
            kiss_code(code)
        }
        Err(SynchronizationError::ProtocolError(ProtocolError::ServerNotSynchronized)) => None,
        Err(error @ SynchronizationError::ProtocolError(_)) => {
            return Err(error).context("cannot read the server's answer");
        }
    };
    Ok(NtpSeen {
        answered: Some(true),
        reference: reference.map(str::to_owned),
        ..silent
    })
}

/// The code of the protocol (RFC 5905, section 7.4). A server without a time sends none.
fn kiss_code(code: KissCode) -> Option<&'static str> {
    Some(match code {
        KissCode::Unknown => return None,
        KissCode::AssociationBelongsToAnycastServer => "ACST",
        KissCode::ServerAuthenticationFailed => "AUTH",
        KissCode::AutokeySequenceFailed => "AUTO",
        KissCode::AssociationBelongsToBroadcastServer => "BCST",
        KissCode::CryptographicAuthenticationFailed => "CRYP",
        KissCode::AccessDenied => "DENY",
        KissCode::LostPeer => "DROP",
        KissCode::AssociationNotYetSynchronized => "INIT",
        KissCode::AssociationBelongsToManycastServer => "MCST",
        KissCode::NoKeyFound => "NKEY",
        KissCode::RateExceeded => "RATE",
        KissCode::TinkeringWithAssociation => "RMOT",
        KissCode::StepChange => "STEP",
    })
}
