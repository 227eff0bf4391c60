//! Asks an SNMP agent for objects.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use plateau_core::question::snmp::{SnmpAuth, SnmpPrivacy, SnmpQuestion, SnmpSeen, SnmpUser};
use snmp2::v3::{Auth, AuthErrorKind, AuthProtocol, Cipher, KeyExtension, Security};
use snmp2::{AsyncSession, Error, Oid, Pdu, Value};
use tokio::time::{Instant, timeout_at};

use super::bounded::cut;
use super::context::ProbeContext;
use super::names;

const MOST_OBJECTS: usize = 200;
const VALUE_LIMIT: usize = 4 << 10;
const BULK: u32 = 20;

/// Answers that only bring our clock up to the agent's.
const MOST_UPDATES: usize = 3;

/// RFC 3416: errors of a response that say that an object is not for us.
const NO_ACCESS: [u32; 2] = [6, 16];

/// How one exchange ended.
enum Answer {
    Objects(Vec<(Vec<u64>, Object)>),
    Refused,
    Silent,
}

/// An object's type and value; `None` where the agent says that there is none.
type Object = Option<(&'static str, String)>;

pub(super) async fn see(question: &SnmpQuestion, look: &ProbeContext) -> anyhow::Result<SnmpSeen> {
    let numbers: Result<Vec<u64>, _> = question.oid.split('.').map(str::parse).collect();
    let wanted = numbers.with_context(|| format!("`{}` is not numbers", question.oid))?;
    let mut seen = SnmpSeen {
        answered: Some(false),
        ..SnmpSeen::default()
    };
    let Some(address) = names::first(&question.host, look.network_limit()).await? else {
        return Ok(seen);
    };
    let until = Instant::now() + look.network_limit();
    let opening = open(SocketAddr::new(address, question.port), question);
    let Ok(opened) = timeout_at(until, opening).await else {
        return Ok(seen);
    };
    let mut session = match opened? {
        Ok(session) => session,
        Err(error) => match answer_of(Err(error))? {
            Answer::Refused => return Ok(refused()),
            Answer::Objects(_) | Answer::Silent => return Ok(seen),
        },
    };
    let objects = match ask(&mut session, &wanted, question.walk, until).await? {
        Answer::Silent => return Ok(seen),
        Answer::Refused => return Ok(refused()),
        Answer::Objects(objects) if question.walk => {
            let until = Instant::now() + look.patience();
            walk(&mut session, &wanted, objects, until).await?
        }
        Answer::Objects(objects) => objects.into_iter().filter_map(|(_, o)| o).collect(),
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

fn refused() -> SnmpSeen {
    SnmpSeen {
        answered: Some(true),
        authorized: Some(false),
        ..SnmpSeen::default()
    }
}

/// A session; that of SNMPv3 has asked the agent who it is.
async fn open(
    server: SocketAddr,
    question: &SnmpQuestion,
) -> anyhow::Result<Result<AsyncSession, Error>> {
    let id = i32::try_from(std::process::id() & 0xffff).unwrap_or_default();
    let opened = match &question.user {
        None => {
            let community = question.community.as_deref().unwrap_or("public");
            AsyncSession::new_v2c(server, community.as_bytes(), id).await
        }
        Some(user) => AsyncSession::new_v3(server, id, security(user)).await,
    };
    let mut session = opened.context("cannot open a socket")?;
    Ok(session.init().await.map(|()| session))
}

fn security(user: &SnmpUser) -> Security {
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

/// One request, again where the agent only told us its time.
async fn ask(
    session: &mut AsyncSession,
    wanted: &[u64],
    bulk: bool,
    until: Instant,
) -> anyhow::Result<Answer> {
    let oid = Oid::from(wanted).map_err(|_| anyhow::anyhow!("not an object identifier"))?;
    for _ in 0..MOST_UPDATES {
        let asked = async {
            let response = match bulk {
                true => session.getbulk(&[&oid], 0, BULK).await,
                false => session.get(&oid).await,
            };
            match response {
                Err(Error::AuthUpdated) => Ok(None),
                other => answer_of(other).map(Some),
            }
        };
        match timeout_at(until, asked).await {
            Err(_) => return Ok(Answer::Silent),
            Ok(answer) => {
                if let Some(answer) = answer? {
                    return Ok(answer);
                }
            }
        }
    }
    bail!("the agent's clock never comes to rest")
}

/// Tells silence and a refusal from an answer that cannot be read.
fn answer_of(response: Result<Pdu<'_>, Error>) -> anyhow::Result<Answer> {
    match response {
        Ok(response) if NO_ACCESS.contains(&response.error_status) => Ok(Answer::Refused),
        Ok(response) if response.error_status != 0 => Ok(Answer::Objects(Vec::new())),
        Ok(response) => {
            let objects = response.varbinds.take(MOST_OBJECTS);
            let objects = objects.filter_map(|(oid, value)| {
                let numbers: Vec<u64> = oid.iter()?.collect();
                Some((numbers, object(&value)))
            });
            Ok(Answer::Objects(objects.collect()))
        }
        // Refused by ICMP, or no way there.
        Err(Error::Send | Error::Receive) => Ok(Answer::Silent),
        Err(Error::AuthFailure(
            AuthErrorKind::NotAuthenticated
            | AuthErrorKind::SignatureMismatch
            | AuthErrorKind::UsernameMismatch
            | AuthErrorKind::ReplyNotEncrypted,
        )) => Ok(Answer::Refused),
        Err(error) => Err(error).context("cannot read the agent's answer"),
    }
}

/// Goes on from the first answer until what lies below the identifier ends.
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
            // An agent that does not go forward would be walked for ever.
            let goes_on = oid.starts_with(wanted) && oid > last;
            let (true, Some(object)) = (goes_on, object) else {
                return Ok(found);
            };
            found.push(object);
            if found.len() == MOST_OBJECTS {
                return Ok(found);
            }
            last = oid;
        }
        if last == before {
            return Ok(found);
        }
        part = match ask(session, &last, true, until).await? {
            Answer::Objects(objects) => objects,
            Answer::Refused | Answer::Silent => bail!("the agent fell silent on the way"),
        };
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "what stands in a response and is no object"
)]
fn object(value: &Value<'_>) -> Object {
    Some(match value {
        Value::Boolean(value) => ("boolean", value.to_string()),
        Value::Null => ("null", String::new()),
        Value::Integer(value) => ("integer", value.to_string()),
        Value::OctetString(bytes) => text(bytes),
        Value::ObjectIdentifier(oid) => ("oid", oid.to_id_string()),
        Value::IpAddress(bytes) => ("address", std::net::Ipv4Addr::from(*bytes).to_string()),
        Value::Counter32(value) => ("counter", value.to_string()),
        Value::Counter64(value) => ("counter", value.to_string()),
        Value::Unsigned32(value) => ("gauge", value.to_string()),
        Value::Timeticks(value) => ("ticks", value.to_string()),
        Value::Opaque(bytes) => ("bytes", hex(bytes)),
        _ => return None,
    })
}

/// A string where it can be read, else bytes.
fn text(bytes: &[u8]) -> (&'static str, String) {
    let is_control = |c: char| c.is_control() && !['\n', '\r', '\t'].contains(&c);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(is_control) => ("string", cut(text.to_owned(), VALUE_LIMIT)),
        Ok(_) | Err(_) => ("bytes", cut(hex(bytes), VALUE_LIMIT)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
