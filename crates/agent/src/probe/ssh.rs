//! Logs in over SSH, and runs a command there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use plateau_core::question::ssh::{SshQuestion, SshSeen};
use russh::ChannelMsg;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use tokio::time::{Instant, timeout_at};

use super::bounded::output;
use super::context::ProbeContext;
use super::tcp::{Attempt, connect};

const OUTPUT_LIMIT: usize = 64 << 10;

/// Rounds of questions that a server may ask before we give up.
const MOST_ROUNDS: usize = 5;

/// What was seen so far: a server that falls silent later on was still seen until then.
type Seen = Arc<Mutex<SshSeen>>;

fn note(seen: &Seen, change: impl FnOnce(&mut SshSeen)) {
    change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
}

pub(super) async fn see(question: &SshQuestion, look: &ProbeContext) -> anyhow::Result<SshSeen> {
    let key = match &question.key {
        Some(text) => Some(russh::keys::decode_secret_key(text, None).context("bad private key")?),
        None => None,
    };
    let seen = Arc::new(Mutex::new(SshSeen {
        logged_in: Some(false),
        ..SshSeen::default()
    }));
    let until = Instant::now() + look.patience();
    let attempt = connect(&question.host, question.port, look.network_limit()).await?;
    if let Attempt::Open(stream) = attempt {
        let config = Arc::new(client::Config {
            inactivity_timeout: Some(look.patience() + Duration::from_secs(1)),
            ..client::Config::default()
        });
        let outcome = timeout_at(until, async {
            let guest = Guest(Arc::clone(&seen));
            let mut session = client::connect_stream(config, stream, guest).await?;
            if log_in(&mut session, question, key, &seen).await? {
                note(&seen, |seen| seen.logged_in = Some(true));
                if let Some(command) = &question.run {
                    run(&session, command, &seen).await?;
                }
            }
            Ok::<_, russh::Error>(())
        })
        .await;
        // Neither silence nor a broken connection takes back what was seen before.
        if let Ok(Err(error)) = outcome
            && is_ours(&error)
        {
            return Err(error).context("cannot speak to the server");
        }
    }
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(seen.clone())
}

/// Whether an error says that we lack an algorithm, and nothing about the server's answer.
fn is_ours(error: &russh::Error) -> bool {
    matches!(
        error,
        russh::Error::NoCommonAlgo { .. }
            | russh::Error::UnknownAlgo
            | russh::Error::Keys(_)
            | russh::Error::SshKey(_)
    )
}

/// Accepts every server and notes its key.
struct Guest(Seen);

impl client::Handler for Guest {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let fingerprint = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.fingerprint(HashAlg::Sha256),
            PublicKeyOrCertificate::Certificate(certificate) => {
                certificate.public_key().fingerprint(HashAlg::Sha256)
            }
        };
        note(&self.0, |seen| {
            seen.host_key = Some(fingerprint.to_string())
        });
        Ok(true)
    }
}

/// Asks what the server offers, then tries the key and the password.
async fn log_in(
    session: &mut Handle<Guest>,
    question: &SshQuestion,
    key: Option<PrivateKey>,
    seen: &Seen,
) -> Result<bool, russh::Error> {
    let user = question.user.as_str();
    let mut interactive = false;
    match session.authenticate_none(user).await? {
        AuthResult::Success => {
            note(seen, |seen| seen.methods = Some(vec!["none".to_owned()]));
            return Ok(true);
        }
        AuthResult::Failure {
            remaining_methods, ..
        } => {
            let mut methods: Vec<String> = remaining_methods.iter().map(String::from).collect();
            methods.sort();
            let offers = |method: &str| methods.iter().any(|offered| offered == method);
            interactive |= offers("keyboard-interactive") && !offers("password");
            note(seen, |seen| seen.methods = Some(methods));
        }
    }
    if let Some(key) = key {
        // Only RSA keys can be used with more than one digest.
        let digest = match key.algorithm().is_rsa() {
            true => session.best_supported_rsa_hash().await?.flatten(),
            false => None,
        };
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), digest);
        if session.authenticate_publickey(user, key).await?.success() {
            return Ok(true);
        }
    }
    match &question.password {
        Some(password) if interactive => answer(session, user, password).await,
        Some(password) => Ok(session
            .authenticate_password(user, password)
            .await?
            .success()),
        None => Ok(false),
    }
}

/// Answers every question of a server that takes passwords in no other way.
async fn answer(
    session: &mut Handle<Guest>,
    user: &str,
    password: &str,
) -> Result<bool, russh::Error> {
    let start = session.authenticate_keyboard_interactive_start(user, None);
    let mut response = start.await?;
    for _ in 0..MOST_ROUNDS {
        let prompts = match response {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        let answers = prompts.iter().map(|_| password.to_owned()).collect();
        let respond = session.authenticate_keyboard_interactive_respond(answers);
        response = respond.await?;
    }
    Ok(false)
}

async fn run(session: &Handle<Guest>, command: &str, seen: &Seen) -> Result<(), russh::Error> {
    let mut channel = session.channel_open_session().await?;
    channel.exec(true, command).await?;
    let mut stdout = Vec::new();
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            let room = OUTPUT_LIMIT.saturating_sub(stdout.len());
            stdout.extend(&data[..data.len().min(room)]);
        } else if let ChannelMsg::ExitStatus { exit_status } = message {
            note(seen, |seen| seen.exit = Some(i64::from(exit_status)));
        }
    }
    note(seen, |seen| seen.stdout = Some(output(&stdout)));
    Ok(())
}
