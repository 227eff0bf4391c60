//! A daemon on the fake runtime, served on a socket and a port of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use plateau_core::api::{
    ApiError, CreateLabRequest, LabEvent, LabEventKind, LabState, LabView, ScenarioFiles,
};
use plateau_exam::access::{Access, LoginLifetimes};
use plateau_gateway::connections::ConnectionLimits;
use plateau_gateway::proxy::BaseDomain;
use plateau_gateway::tls::Tls;
use plateau_labs::images::Recipes;
use plateau_labs::runtime::fake::Fake;
use plateau_labs::runtime::{Runtime, measured};
use plateau_labs::settings::Settings;
use plateau_labs::terminals::Terminals;
use plateaud::app::{App, AppConfig};
use plateaud::http::{Api, Listeners, Token};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Most that anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A served daemon.
pub(crate) struct House {
    pub(crate) fake: Arc<Fake>,
    pub(crate) access: Access,
    pub(crate) authority: Option<Arc<str>>,
    pub(crate) terminals: Terminals,
    pub(crate) socket: PathBuf,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    pub(crate) api: Api,
    pub(crate) state: tempfile::TempDir,
    local: Client,
}

/// A client in the making, once it is said who would encrypt.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
}

impl House {
    /// Serves a daemon that has no labs.
    pub(crate) async fn open() -> Self {
        Self::open_lasting(LoginLifetimes::default()).await
    }

    /// Serves a daemon that has no labs, whose log-ins last so long.
    pub(crate) async fn open_lasting(lasting: LoginLifetimes) -> Self {
        Self::open_with(lasting, |_| None).await
    }

    /// Serves a daemon that has no labs with the TLS that is made in its state folder.
    pub(crate) async fn open_secured(tls: impl FnOnce(&Path) -> Tls) -> Self {
        Self::open_with(LoginLifetimes::default(), |state| Some(tls(state))).await
    }

    /// Serves a daemon that has no labs, whose state is in a folder of the test's own.
    pub(crate) async fn open_in(state: &Path) -> Self {
        let inside = tempfile::Builder::new().prefix("house-").tempdir_in(state);
        let state = inside.unwrap();
        Self::open_at(state, LoginLifetimes::default(), |_| None, None, None).await
    }

    /// Serves a daemon that has no labs, with their web applications below a name.
    pub(crate) async fn open_web(base: &str, tls: impl FnOnce(&Path) -> Option<Tls>) -> Self {
        let state = tempfile::tempdir().unwrap();
        Self::open_at(state, LoginLifetimes::default(), tls, Some(base), None).await
    }

    async fn open_with(lasting: LoginLifetimes, tls: impl FnOnce(&Path) -> Option<Tls>) -> Self {
        let state = tempfile::tempdir().unwrap();
        Self::open_at(state, lasting, tls, None, None).await
    }

    /// Serves a daemon that has no labs, on so many connections.
    pub(crate) async fn open_limited(limits: ConnectionLimits) -> Self {
        let state = tempfile::tempdir().unwrap();
        let lasting = LoginLifetimes::default();
        Self::open_at(state, lasting, |_| None, None, Some(limits)).await
    }

    async fn open_at(
        state: tempfile::TempDir,
        lasting: LoginLifetimes,
        tls: impl FnOnce(&Path) -> Option<Tls>,
        web: Option<&str>,
        limits: Option<ConnectionLimits>,
    ) -> Self {
        let agent = state.path().join("plateau-agent");
        for program in ["plateau-agent", "plateau-grader"] {
            std::fs::write(state.path().join(program), program).unwrap();
        }
        let fake = Arc::new(Fake::new());
        let runtime: Arc<dyn Runtime> = measured(fake.clone());
        let settings = Settings {
            agent,
            ..Settings::in_folder(state.path())
        };
        let tls = tls(state.path());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let web = web.map(|base| {
            let base = BaseDomain::of(base).unwrap();
            let names = tls.as_ref().map(|tls| tls.names().all());
            base.check(names.as_deref()).unwrap();
            base
        });
        let config = AppConfig {
            lasting,
            tls: tls.clone(),
            web,
            ..AppConfig::new(settings, recipes())
        };
        let app = App::open(config, runtime).await.unwrap();
        let socket = state.path().join("run/plateaud.sock");
        let token = Token::open(state.path()).unwrap();
        let listeners = Listeners::bind_with(&socket, "127.0.0.1:0".parse().unwrap(), tls)
            .await
            .unwrap();
        let listeners = listeners.with_limits(limits.unwrap_or_default());
        let address = listeners.address().unwrap();
        let api = app.api(address);
        let url = format!("{scheme}://{address}");
        let serving = api.clone();
        let served = tokio::spawn(async move { listeners.serve(serving, token).await.unwrap() });
        Self {
            fake,
            access: app.access,
            authority: api.authority.clone(),
            url,
            terminals: app.terminals,
            token: std::fs::read_to_string(state.path().join("token"))
                .unwrap()
                .trim()
                .to_owned(),
            stop: api.stop.clone(),
            served,
            local: builder()
                .no_proxy()
                .unix_socket(socket.as_path())
                .build()
                .unwrap(),
            socket,
            api,
            state,
        }
    }

    /// Asks over the socket.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.local.request(method, format!("http://plateaud{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        tokio::time::timeout(PATIENCE, request.send())
            .await
            .unwrap()
            .unwrap()
    }

    /// Posts over the socket with a body as it is.
    pub(crate) async fn send(
        &self,
        path: &str,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        self.ask_raw(Method::POST, path, kind, body).await
    }

    /// Asks over the socket with a body as it is.
    pub(crate) async fn ask_raw(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let request = self
            .local
            .request(method, format!("http://plateaud{path}"))
            .header("content-type", kind)
            .body(body);
        tokio::time::timeout(PATIENCE, request.send())
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Asks for a lab of the small scenario.
    pub(crate) async fn create(&self, name: &str) -> LabView {
        let lab = CreateLabRequest {
            files: scenario(),
            seed: "1".to_owned(),
            name: Some(name.to_owned()),
        };
        let response = self
            .post("/v1/labs", serde_json::to_value(lab).unwrap())
            .await;
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }

    /// A lab's events until one that is wanted.
    pub(crate) async fn events_until(&self, lab: &str, wanted: &LabEventKind) -> Vec<LabEvent> {
        let events = events(self.get(&format!("/v1/labs/{lab}/events")).await, wanted);
        tokio::time::timeout(PATIENCE, events).await.unwrap()
    }

    /// Waits until a lab runs.
    pub(crate) async fn ready(&self, lab: &str) -> Vec<LabEvent> {
        self.events_until(lab, &state(LabState::Ready)).await
    }
}

/// Events until one that is wanted, or until the stream ends.
pub(crate) async fn events(response: Response, wanted: &LabEventKind) -> Vec<LabEvent> {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    let mut events: Vec<LabEvent> = Vec::new();
    while let Some(chunk) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let event: Option<LabEvent> = block
                .strip_prefix("data: ")
                .map(|data| serde_json::from_str(data).unwrap());
            text = rest.to_owned();
            events.extend(event);
            if events.last().is_some_and(|event| event.what == *wanted) {
                return events;
            }
        }
    }
    events
}

pub(crate) fn state(state: LabState) -> LabEventKind {
    LabEventKind::State { state }
}

/// An answer that is an error.
pub(crate) async fn error(response: Response, status: StatusCode, code: &str) -> ApiError {
    assert_eq!(response.headers()["content-type"], "application/json");
    let got = response.status();
    let error: ApiError = response.json().await.unwrap();
    assert_eq!((got, error.code.as_str()), (status, code), "{error:?}");
    error
}

/// A small scenario's folder, ready to be sent.
pub(crate) fn scenario() -> ScenarioFiles {
    let text = "\
plateau: 1
id: pair
title: { en: Two }
duration: 10m
brief: { en: brief.md }
networks:
  lan: {}
nodes:
  srv1:
    image: debian-server
    interfaces: { eth0: { network: lan } }
    access: [terminal]
tasks:
  - id: look
    skill: tsgeri/1.2
    title: { en: Look }
    solution: [ { on: srv1, run: look.sh } ]
    checks:
      - { id: up, on: srv1, that: { file: { path: /etc/looked, exists: true } }, points: 1 }
";
    [
        ("scenario.yaml", text),
        ("brief.md", "Look."),
        ("look.sh", "touch /etc/looked\n"),
    ]
    .map(|(path, content)| (path.to_owned(), STANDARD.encode(content)))
    .into()
}

/// Two images, one on the other.
pub(crate) fn recipes() -> Recipes {
    let yaml = "\
base: { suite: bookworm, variant: minbase, include: [ca-certificates] }
images:
  debian-base: { from: [base], internal: true, summary: the ground }
  debian-server: { from: [debian-base], summary: a server }
";
    let files: BTreeMap<String, Vec<u8>> = [
        ("recipes.yaml", yaml),
        ("debian-base/Dockerfile", "ARG BASE\nFROM ${BASE}\n"),
        (
            "debian-server/Dockerfile",
            "ARG DEBIAN_BASE\nFROM ${DEBIAN_BASE}\n",
        ),
    ]
    .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))
    .into();
    Recipes::check(files, Some("debian:bookworm".to_owned())).unwrap()
}
