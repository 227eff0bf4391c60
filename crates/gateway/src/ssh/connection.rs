//! A connection: its authentication, and the requests on its channels.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use plateau_exam::gate::{Admission, AuthRejection, AuthRequest, AuthStage, Credential};
use plateau_labs::terminals::{TerminalId, WindowSize};
use russh::keys::PublicKey;
use russh::server::VerifiedPublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session};
use russh::{Channel, ChannelId, MethodSet, Pty};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{ServerContext, command, screen};

/// Channels of one connection.
const CHANNELS: usize = 10;

/// Longest command in bytes.
const COMMAND: usize = 64 << 10;

/// The terminal that the browser shows first.
const TERMINAL: &str = "main";

/// One client.
pub(super) struct Connection {
    context: Arc<ServerContext>,
    peer: SocketAddr,
    entered: CancellationToken,
    user: String,
    /// Whether nothing more is looked at, since somebody guesses.
    shut: bool,
    /// The credential that the client logged in with.
    proof: Option<Credential>,
    channels: BTreeMap<ChannelId, SessionChannel>,
}

/// A channel of a session.
struct SessionChannel {
    /// Until something runs on it.
    channel: Option<Channel<Msg>>,
    /// Size of the client's window, if it has one.
    window: watch::Sender<Option<WindowSize>>,
}

/// What is asked for on a channel.
enum ChannelRequest {
    Shell,
    Command(String),
    Files,
}

impl Connection {
    /// A client that has not authenticated.
    pub(super) fn new(
        context: Arc<ServerContext>,
        peer: SocketAddr,
        entered: CancellationToken,
    ) -> Self {
        Self {
            context,
            peer,
            entered,
            user: String::new(),
            shut: false,
            proof: None,
            channels: BTreeMap::new(),
        }
    }

    async fn ask(&mut self, user: &str, proof: Credential, stage: AuthStage) -> Option<Admission> {
        if self.shut {
            return None;
        }
        let knock = AuthRequest {
            user: user.to_owned(),
            proof,
            peer: self.peer,
            stage,
        };
        match self.context.gate.ask(knock).await {
            Ok(admission) => Some(admission),
            Err(AuthRejection::Wrong(why)) => {
                tracing::debug!(peer = %self.peer, why, "refused over SSH");
                None
            }
            Err(AuthRejection::TooMany(why)) => {
                tracing::debug!(peer = %self.peer, why, "refused over SSH");
                self.shut = true;
                None
            }
        }
    }

    async fn enter(&mut self, user: &str, proof: Credential) -> Auth {
        let Some(admission) = self.ask(user, proof.clone(), AuthStage::Entering).await else {
            return self.reject();
        };
        tracing::info!(peer = %self.peer, seat = admission.seat, lab = admission.lab, "entered over SSH");
        user.clone_into(&mut self.user);
        self.proof = Some(proof);
        self.entered.cancel();
        Auth::Accept
    }

    /// Refuses, and says that no other way is left where nothing more is looked at.
    fn reject(&self) -> Auth {
        match self.shut {
            false => Auth::reject(),
            true => Auth::Reject {
                proceed_with_methods: Some(MethodSet::empty()),
                partial_success: false,
            },
        }
    }

    /// Begins what is asked for, if the credential still holds; a channel does one thing only.
    async fn begin(
        &mut self,
        id: ChannelId,
        asked: ChannelRequest,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let user = self.user.clone();
        let admission = match self.proof.clone() {
            Some(proof) => self.ask(&user, proof, AuthStage::Inside).await,
            None => None,
        };
        let line = self.channels.get_mut(&id);
        let Some((line, channel)) = line.and_then(|line| {
            let channel = line.channel.take()?;
            Some((line, channel))
        }) else {
            return session.channel_failure(id);
        };
        let Some(admission) = admission else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let node = match admission.node(&user) {
            Ok(node) => node.to_owned(),
            Err(reason) => {
                tokio::spawn(command::refuse(channel, reason));
                return Ok(());
            }
        };
        let place = TerminalId {
            lab: admission.lab.clone(),
            node,
            name: TERMINAL.to_owned(),
            user: "root".to_owned(),
        };
        let (context, window) = (Arc::clone(&self.context), line.window.subscribe());
        let has_window = window.borrow().is_some();
        match asked {
            ChannelRequest::Shell if has_window => {
                tokio::spawn(screen::serve(channel, context, place, window));
            }
            ChannelRequest::Shell => {
                tokio::spawn(command::serve(channel, context, place, command::login()));
            }
            ChannelRequest::Command(text) => {
                tokio::spawn(command::serve(channel, context, place, command::line(text)));
            }
            ChannelRequest::Files => {
                tokio::spawn(command::serve(channel, context, place, command::files()));
            }
        }
        Ok(())
    }
}

fn size(cols: u32, rows: u32) -> WindowSize {
    let short = |size: u32| u16::try_from(size).unwrap_or(u16::MAX);
    // Some clients do not know their size, and say 0.
    let or = |size: u16, usual: u16| if size == 0 { usual } else { size };
    WindowSize {
        cols: or(short(cols), WindowSize::USUAL.cols),
        rows: or(short(rows), WindowSize::USUAL.rows),
    }
}

/// Whatever is not here is refused: forwarded ports and sockets of both directions, X11, agents.
impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        let proof = Credential::Password(password.to_owned());
        Ok(self.enter(user, proof).await)
    }

    /// A client offers all keys that it has: those that open nothing do not count as an attempt.
    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        let proof = Credential::Key(PublicKey::clone(offer.public_key));
        Ok(match self.ask(user, proof, AuthStage::Offering).await {
            Some(_) => Auth::Accept,
            None => self.reject(),
        })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        let proof = Credential::Key(PublicKey::clone(key.public_key));
        Ok(self.enter(user, proof).await)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        // Dropped, the reply refuses.
        if self.channels.len() < CHANNELS {
            let line = SessionChannel {
                window: watch::Sender::new(None),
                channel: None,
            };
            let id = channel.id();
            let line = self.channels.entry(id).or_insert(line);
            line.channel = Some(channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        cols: u32,
        rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.channels.get(&channel) {
            Some(line) => {
                line.window.send_replace(Some(size(cols, rows)));
                session.channel_success(channel)
            }
            None => session.channel_failure(channel),
        }
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        cols: u32,
        rows: u32,
        _width: u32,
        _height: u32,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if let Some(line) = self.channels.get(&channel) {
            line.window.send_replace(Some(size(cols, rows)));
        }
        Ok(())
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.begin(channel, ChannelRequest::Shell, session).await
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match std::str::from_utf8(data) {
            Ok(text) if text.len() <= COMMAND => {
                self.begin(channel, ChannelRequest::Command(text.to_owned()), session)
                    .await
            }
            Ok(_) | Err(_) => session.channel_failure(channel),
        }
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match name {
            "sftp" => self.begin(channel, ChannelRequest::Files, session).await,
            _ => session.channel_failure(channel),
        }
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }
}
