//! Asks an SNMP agent for objects.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use plateau_core::question::snmp::{SnmpAuth, SnmpPrivacy, SnmpQuestion, SnmpSeen, SnmpUser};
use snmp2::v3::{Auth, AuthErrorKind, AuthProtocol, Cipher, KeyExtension, Security};
use snmp2::{AsyncSession, Error, Oid, Pdu, Value};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::lookup;
use crate::bounded::truncated;

const MAX_OBJECTS: usize = 200;
const VALUE_LIMIT: usize = 4 << 10;
const BULK: u32 = 20;

/// Most responses that only update the agent's time.
const MAX_TIME_UPDATES: usize = 3;

/// RFC 3416: error codes for a missing permission.
const NO_ACCESS: [u32; 2] = [6, 16];

/// How one exchange ended.
enum SnmpResponse {
    Objects(Vec<(Vec<u64>, Object)>),
    Refused,
    Silent,
}

/// An object's type and value; `None` if the agent reports that it does not exist.
type Object = Option<(&'static str, String)>;

pub(super) async fn observe(
    question: &SnmpQuestion,
    context: &ProbeContext,
) -> anyhow::Result<SnmpSeen> {
    let numbers: Result<Vec<u64>, _> = question.oid.split('.').map(str::parse).collect();
    let wanted =
        numbers.with_context(|| format!("`{}` is not a valid object identifier", question.oid))?;
    let mut seen = SnmpSeen {
        answered: Some(false),
        ..SnmpSeen::default()
    };
    let Some(address) = lookup::first_address(&question.host, context.network_limit()).await?
    else {
        return Ok(seen);
    };
    let until = Instant::now() + context.network_limit();
    let opening = open_session(SocketAddr::new(address, question.port), question);
    let Ok(opened) = timeout_at(until, opening).await else {
        return Ok(seen);
    };
    let mut session = match opened? {
        Ok(session) => session,
        Err(error) => match classify_response(Err(error))? {
            SnmpResponse::Refused => return Ok(unauthorized()),
            SnmpResponse::Objects(_) | SnmpResponse::Silent => return Ok(seen),
        },
    };
    let objects = match request(&mut session, &wanted, question.walk, until).await? {
        SnmpResponse::Silent => return Ok(seen),
        SnmpResponse::Refused => return Ok(unauthorized()),
        SnmpResponse::Objects(objects) if question.walk => {
            let until = Instant::now() + context.time_limit();
            walk(&mut session, &wanted, objects, until).await?
        }
        SnmpResponse::Objects(objects) => objects.into_iter().filter_map(|(_, o)| o).collect(),
    };
    seen.answered = Some(true);
    seen.authorized = Some(true);
    seen.exists = Some(!objects.is_empty());
    if let Some((kind, value)) = objects.first() {
        seen.kind = Some((*kind).to_owned());
        seen.value = Some(value.clone());
    }
    seen.values = Some(objects.into_iter().map(|(_, value)| value).collect());
    Ok(seen)
}

fn unauthorized() -> SnmpSeen {
    SnmpSeen {
        answered: Some(true),
        authorized: Some(false),
        ..SnmpSeen::default()
    }
}

/// Opens a session; for SNMPv3, discovers the engine of the agent.
async fn open_session(
    server: SocketAddr,
    question: &SnmpQuestion,
) -> anyhow::Result<Result<AsyncSession, Error>> {
    let id = i32::try_from(std::process::id() & 0xffff).unwrap_or_default();
    let opened = match &question.user {
        None => {
            let community = question.community.as_deref().unwrap_or("public");
            AsyncSession::new_v2c(server, community.as_bytes(), id).await
        }
        Some(user) => AsyncSession::new_v3(server, id, security_settings(user)).await,
    };
    let mut session = opened.context("cannot open a socket")?;
    Ok(session.init().await.map(|()| session))
}

fn security_settings(user: &SnmpUser) -> Security {
    let password = user.auth_password.as_deref().unwrap_or_default();
    let protocol = match user.auth {
        SnmpAuth::Md5 => AuthProtocol::Md5,
        SnmpAuth::Sha => AuthProtocol::Sha1,
        SnmpAuth::Sha224 => AuthProtocol::Sha224,
        SnmpAuth::Sha256 => AuthProtocol::Sha256,
        SnmpAuth::Sha384 => AuthProtocol::Sha384,
        SnmpAuth::Sha512 => AuthProtocol::Sha512,
    };
    let cipher = match user.privacy {
        SnmpPrivacy::Des => Cipher::Des,
        SnmpPrivacy::Aes => Cipher::Aes128,
        SnmpPrivacy::Aes192 => Cipher::Aes192,
        SnmpPrivacy::Aes256 => Cipher::Aes256,
    };
    let auth = match (&user.auth_password, &user.privacy_password) {
        (None, _) => Auth::NoAuthNoPriv,
        (Some(_), None) => Auth::AuthNoPriv,
        (Some(_), Some(password)) => Auth::AuthPriv {
            cipher,
            privacy_password: password.as_bytes().to_vec(),
        },
    };
    Security::new(user.name.as_bytes(), password.as_bytes())
        .with_auth_protocol(protocol)
        .with_auth(auth)
        .with_key_extension_method(KeyExtension::Blumenthal)
}

/// Sends a request, and sends it again if the agent only reported its time.
async fn request(
    session: &mut AsyncSession,
    wanted: &[u64],
    bulk: bool,
    until: Instant,
) -> anyhow::Result<SnmpResponse> {
    let oid =
        Oid::from(wanted).map_err(|_| anyhow::anyhow!("the object identifier is not valid"))?;
    for _ in 0..MAX_TIME_UPDATES {
        let asked = async {
            let response = match bulk {
                true => session.getbulk(&[&oid], 0, BULK).await,
                false => session.get(&oid).await,
            };
            match response {
                Err(Error::AuthUpdated) => Ok(None),
                other => classify_response(other).map(Some),
            }
        };
        match timeout_at(until, asked).await {
            Err(_) => return Ok(SnmpResponse::Silent),
            Ok(answer) => {
                if let Some(answer) = answer? {
                    return Ok(answer);
                }
            }
        }
    }
    bail!("the agent's time does not become stable")
}

/// Distinguishes silence and refusals from a response that cannot be read.
fn classify_response(response: Result<Pdu<'_>, Error>) -> anyhow::Result<SnmpResponse> {
    match response {
        Ok(response) if NO_ACCESS.contains(&response.error_status) => Ok(SnmpResponse::Refused),
        Ok(response) if response.error_status != 0 => Ok(SnmpResponse::Objects(Vec::new())),
        Ok(response) => {
            let objects = response.varbinds.take(MAX_OBJECTS);
            let objects = objects.filter_map(|(oid, value)| {
                let numbers: Vec<u64> = oid.iter()?.collect();
                Some((numbers, object_value(&value)))
            });
            Ok(SnmpResponse::Objects(objects.collect()))
        }
        // Refused by ICMP, or unreachable.
        Err(Error::Send | Error::Receive) => Ok(SnmpResponse::Silent),
        Err(Error::AuthFailure(
            AuthErrorKind::NotAuthenticated
            | AuthErrorKind::SignatureMismatch
            | AuthErrorKind::UsernameMismatch
            | AuthErrorKind::ReplyNotEncrypted,
        )) => Ok(SnmpResponse::Refused),
        Err(error) => Err(error).context("cannot read the agent's answer"),
    }
}

/// Continues from the first response to the end of the subtree.
async fn walk(
    session: &mut AsyncSession,
    wanted: &[u64],
    first: Vec<(Vec<u64>, Object)>,
    until: Instant,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    let mut last = wanted.to_vec();
    let mut part = first;
    loop {
        let before = last.clone();
        for (oid, object) in part {
            // An agent that does not advance would be walked for ever.
            let goes_on = oid.starts_with(wanted) && oid > last;
            let (true, Some(object)) = (goes_on, object) else {
                return Ok(found);
            };
            found.push(object);
            if found.len() == MAX_OBJECTS {
                return Ok(found);
            }
            last = oid;
        }
        if last == before {
            return Ok(found);
        }
        part = match request(session, &last, true, until).await? {
            SnmpResponse::Objects(objects) => objects,
            SnmpResponse::Refused | SnmpResponse::Silent => {
                bail!("the agent became silent during the walk")
            }
        };
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other values are not objects"
)]
fn object_value(value: &Value<'_>) -> Object {
    Some(match value {
        Value::Boolean(value) => ("boolean", value.to_string()),
        Value::Null => ("null", String::new()),
        Value::Integer(value) => ("integer", value.to_string()),
        Value::OctetString(bytes) => string_or_bytes(bytes),
        Value::ObjectIdentifier(oid) => ("oid", oid.to_id_string()),
        Value::IpAddress(bytes) => ("address", std::net::Ipv4Addr::from(*bytes).to_string()),
        Value::Counter32(value) => ("counter", value.to_string()),
        Value::Counter64(value) => ("counter", value.to_string()),
        Value::Unsigned32(value) => ("gauge", value.to_string()),
        Value::Timeticks(value) => ("ticks", value.to_string()),
        Value::Opaque(bytes) => ("bytes", hex::encode(bytes)),
        _ => return None,
    })
}

/// A string if it is readable, else bytes.
fn string_or_bytes(bytes: &[u8]) -> (&'static str, String) {
    let is_control = |c: char| c.is_control() && !['\n', '\r', '\t'].contains(&c);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(is_control) => {
            ("string", truncated(text.to_owned(), VALUE_LIMIT))
        }
        Ok(_) | Err(_) => ("bytes", truncated(hex::encode(bytes), VALUE_LIMIT)),
    }
}
