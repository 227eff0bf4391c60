//! Log-ins over SSH to a server in the test.

use std::sync::Arc;

use rand_core::SeedableRng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use serde_json::{Value, json};

use crate::across::{closed, serve};
use crate::ask::{ask, reason, see};

/// Lets `alice` in with her password or her key, and says back what it is told to run.
struct Host {
    alice: PublicKey,
}

impl Handler for Host {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(match (user, password) {
            ("alice", "secret") => Auth::Accept,
            _ => Auth::reject(),
        })
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(
            if user == "alice" && offer.public_key.key_data() == self.alice.key_data() {
                Auth::Accept
            } else {
                Auth::reject()
            },
        )
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        let mut said = command.to_vec();
        said.push(b'\n');
        session.data(channel, said)?;
        session.exit_status_request(channel, 7)?;
        session.eof(channel)?;
        session.close(channel)
    }
}

/// One key a number: nothing here has to be secret.
fn key(number: u8) -> PrivateKey {
    let mut random = rand_chacha::ChaCha20Rng::from_seed([number; 32]);
    PrivateKey::random(&mut random, Algorithm::Ed25519).unwrap()
}

/// A server for alice's key, its port, and its own key's fingerprint.
fn host(alice: &PrivateKey) -> (u16, String) {
    let own = key(1);
    let fingerprint = own.public_key().fingerprint(HashAlg::Sha256).to_string();
    let config = Arc::new(Config {
        keys: vec![own],
        methods: MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..]),
        auth_rejection_time: std::time::Duration::from_millis(10),
        auth_rejection_time_initial: Some(std::time::Duration::ZERO),
        ..Config::default()
    });
    let alice = alice.public_key().clone();
    let port = serve(move |stream| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (config, alice) = (Arc::clone(&config), alice.clone());
        runtime.block_on(async move {
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            if let Ok(session) = russh::server::run_stream(config, stream, Host { alice }).await {
                let _ = session.await;
            }
        });
    });
    (port, fingerprint)
}

fn ssh(port: u16, mut question: Value) -> Value {
    question["host"] = json!("127.0.0.1");
    question["port"] = json!(port);
    see(json!({ "ssh": question }), &[])
}

#[test]
fn a_log_in_is_accepted_or_refused_and_runs_a_command() {
    let alice = key(2);
    let (port, fingerprint) = host(&alice);
    let question = json!({ "user": "alice", "password": "secret", "run": "uname -n" });
    assert_eq!(
        ssh(port, question),
        json!({
            "logged_in": true,
            "methods": ["password", "publickey"],
            "exit": 7,
            "stdout": "uname -n",
            "host_key": fingerprint,
        })
    );
    let seen = ssh(
        port,
        json!({ "user": "alice", "password": "wrong", "run": "id" }),
    );
    assert_eq!(
        (&seen["logged_in"], &seen["exit"]),
        (&json!(false), &Value::Null)
    );

    let own = alice.to_openssh(LineEnding::LF).unwrap();
    let seen = ssh(port, json!({ "user": "alice", "key": own.as_str() }));
    assert_eq!(seen["logged_in"], true);
    let foreign = key(3).to_openssh(LineEnding::LF).unwrap();
    let seen = ssh(port, json!({ "user": "alice", "key": foreign.as_str() }));
    assert_eq!(seen["logged_in"], false);
}

#[test]
fn where_nobody_answers_nobody_logs_in() {
    let seen = ssh(closed(), json!({ "user": "alice", "password": "secret" }));
    assert_eq!(seen, json!({ "logged_in": false }));
    let bomb = serve(
        |mut stream| {
            while std::io::Write::write_all(&mut stream, &[b'x'; 4096]).is_ok() {}
        },
    );
    let seen = ssh(bomb, json!({ "user": "alice", "password": "secret" }));
    assert_eq!(seen, json!({ "logged_in": false }));
}

#[test]
fn a_key_that_is_none_cannot_be_tried() {
    let question = json!({ "ssh": { "host": "127.0.0.1", "user": "alice", "key": "nonsense" } });
    assert!(reason(ask(question, &[])).contains("the private key is not valid"));
}
