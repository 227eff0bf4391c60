//! Logs in over SSH, and runs a command there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use plateau_core::question::ssh::{SshQuestion, SshSeen};
use russh::ChannelMsg;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::tcp::{ConnectOutcome, connect};
use crate::bounded::output_text;

const OUTPUT_LIMIT: usize = 64 << 10;

/// Most rounds of questions from a server.
const MAX_ROUNDS: usize = 5;

/// What has been observed so far, which counts even if the server becomes silent later.
type SharedObservation = Arc<Mutex<SshSeen>>;

fn update(seen: &SharedObservation, change: impl FnOnce(&mut SshSeen)) {
    change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
}

pub(super) async fn observe(
    question: &SshQuestion,
    context: &ProbeContext,
) -> anyhow::Result<SshSeen> {
    let key = match &question.key {
        Some(text) => Some(
            russh::keys::decode_secret_key(text, None).context("the private key is not valid")?,
        ),
        None => None,
    };
    let seen = Arc::new(Mutex::new(SshSeen {
        logged_in: Some(false),
        ..SshSeen::default()
    }));
    let until = Instant::now() + context.time_limit();
    let attempt = connect(&question.host, question.port, context.network_limit()).await?;
    if let ConnectOutcome::Open(stream) = attempt {
        let config = Arc::new(client::Config {
            inactivity_timeout: Some(context.time_limit() + Duration::from_secs(1)),
            ..client::Config::default()
        });
        let outcome = timeout_at(until, async {
            let handler = HostKeyRecorder(Arc::clone(&seen));
            let mut session = client::connect_stream(config, stream, handler).await?;
            if log_in(&mut session, question, key, &seen).await? {
                update(&seen, |seen| seen.logged_in = Some(true));
                if let Some(command) = &question.run {
                    run_command(&session, command, &seen).await?;
                }
            }
            Ok::<_, russh::Error>(())
        })
        .await;
        // What was observed before silence or a broken connection still counts.
        if let Ok(Err(error)) = outcome
            && is_local_error(&error)
        {
            return Err(error).context("cannot communicate with the server");
        }
    }
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(seen.clone())
}

/// Whether the cause of an error is here, such as a missing algorithm, and not the server's answer.
fn is_local_error(error: &russh::Error) -> bool {
    matches!(
        error,
        russh::Error::NoCommonAlgo { .. }
            | russh::Error::UnknownAlgo
            | russh::Error::Keys(_)
            | russh::Error::SshKey(_)
    )
}

/// Accepts every host key and records it.
struct HostKeyRecorder(SharedObservation);

impl client::Handler for HostKeyRecorder {
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
        update(&self.0, |seen| {
            seen.host_key = Some(fingerprint.to_string())
        });
        Ok(true)
    }
}

/// Asks for the server's methods, then tries the key and the password.
async fn log_in(
    session: &mut Handle<HostKeyRecorder>,
    question: &SshQuestion,
    key: Option<PrivateKey>,
    seen: &SharedObservation,
) -> Result<bool, russh::Error> {
    let user = question.user.as_str();
    let mut interactive = false;
    match session.authenticate_none(user).await? {
        AuthResult::Success => {
            update(seen, |seen| seen.methods = Some(vec!["none".to_owned()]));
            return Ok(true);
        }
        AuthResult::Failure {
            remaining_methods, ..
        } => {
            let mut methods: Vec<String> = remaining_methods.iter().map(String::from).collect();
            methods.sort();
            let offers = |method: &str| methods.iter().any(|offered| offered == method);
            interactive |= offers("keyboard-interactive") && !offers("password");
            update(seen, |seen| seen.methods = Some(methods));
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
        Some(password) if interactive => authenticate_interactively(session, user, password).await,
        Some(password) => Ok(session
            .authenticate_password(user, password)
            .await?
            .success()),
        None => Ok(false),
    }
}

/// Answers every question of a server that accepts passwords only interactively.
async fn authenticate_interactively(
    session: &mut Handle<HostKeyRecorder>,
    user: &str,
    password: &str,
) -> Result<bool, russh::Error> {
    let start = session.authenticate_keyboard_interactive_start(user, None);
    let mut response = start.await?;
    for _ in 0..MAX_ROUNDS {
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

async fn run_command(
    session: &Handle<HostKeyRecorder>,
    command: &str,
    seen: &SharedObservation,
) -> Result<(), russh::Error> {
    let mut channel = session.channel_open_session().await?;
    channel.exec(true, command).await?;
    let mut stdout = Vec::new();
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            let room = OUTPUT_LIMIT.saturating_sub(stdout.len());
            stdout.extend(&data[..data.len().min(room)]);
        } else if let ChannelMsg::ExitStatus { exit_status } = message {
            update(seen, |seen| seen.exit = Some(i64::from(exit_status)));
        }
    }
    update(seen, |seen| seen.stdout = Some(output_text(&stdout)));
    Ok(())
}
