//! A client of the daemon's HTTP API, with a method for each operation.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use plateau_core::api::{
    ApiError, BuildEvent, BuildImagesRequest, CheckRequest, CreateLabRequest, Diagnosis,
    EvidenceKeyView, ExecRequest, ExecResult, ImageView, LabEvent, LabGradeView, LabView,
    OpenWebAppRequest, ProofEvent, ProofRequest, SolveRequest, SolveResult, WebAppAccess,
};
use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use crate::args::Global;
use crate::failure::Failure;

mod access;
mod judging;
mod sessions;
mod terminal;

pub(crate) use terminal::Terminal;

/// Longest line of an answer that comes line by line: a proof with all its facts.
const LONGEST_LINE: usize = 64 << 20;
/// Most that connecting may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Host in the URLs of requests over the socket; nobody looks it up.
const SOCKET_HOST: &str = "http://plateaud";

/// Where the daemon listens.
#[derive(Clone, Debug)]
enum Endpoint {
    Socket(PathBuf),
    Url(String),
}

/// A way to talk to the daemon.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    at: Endpoint,
    token: Option<String>,
}

impl Client {
    /// The daemon that the command line names. Nothing is said to it yet.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let builder = reqwest::Client::builder()
            .connect_timeout(PATIENCE)
            .no_proxy();
        let (builder, at) = match &global.url {
            None => (
                builder.unix_socket(global.socket.as_path()),
                Endpoint::Socket(global.socket.clone()),
            ),
            Some(url) => (builder, Endpoint::Url(url.trim_end_matches('/').to_owned())),
        };
        let token = match &global.token_file {
            None => None,
            Some(path) => Some(read_token(path)?),
        };
        let builder = match &global.authority {
            None => builder,
            Some(path) => {
                let pem = std::fs::read(path).map_err(|source| Failure::Read {
                    path: path.clone(),
                    source,
                })?;
                let authorities = Certificate::from_pem_bundle(&pem)
                    .map_err(|_| Failure::Authority(path.clone()))?;
                if authorities.is_empty() {
                    return Err(Failure::Authority(path.clone()));
                }
                builder.tls_certs_only(authorities)
            }
        };
        let http = builder
            .build()
            .map_err(|error| Failure::Address(error.to_string()))?;
        Ok(Self { http, at, token })
    }

    /// Lists the labs.
    pub(crate) async fn labs(&self) -> Result<Vec<LabView>, Failure> {
        self.get("/v1/labs").await
    }

    /// Shows a lab.
    pub(crate) async fn lab(&self, lab: &str) -> Result<LabView, Failure> {
        self.get(&format!("/v1/labs/{}", segment(lab))).await
    }

    /// Asks for a lab; it is being built when this returns.
    pub(crate) async fn up(&self, new: &CreateLabRequest) -> Result<LabView, Failure> {
        self.post("/v1/labs", new).await
    }

    /// Starts the candidate's clock; one that was started goes on.
    pub(crate) async fn start(&self, lab: &str) -> Result<LabView, Failure> {
        let path = format!("/v1/labs/{}/start", segment(lab));
        let request = self.request(Method::POST, &path)?;
        answer(self.send(request).await?).await
    }

    /// Takes a lab down, and returns when it is gone.
    pub(crate) async fn down(&self, lab: &str) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &format!("/v1/labs/{}", segment(lab)))?;
        self.send(request).await.map(drop)
    }

    /// Runs a command in a node.
    pub(crate) async fn exec(
        &self,
        lab: &str,
        node: &str,
        exec: &ExecRequest,
    ) -> Result<ExecResult, Failure> {
        self.post(&node_path(lab, node, "exec"), exec).await
    }

    /// Asks to be let into a web application of a node.
    pub(crate) async fn web(
        &self,
        (lab, node): (&str, &str),
        open: &OpenWebAppRequest,
    ) -> Result<WebAppAccess, Failure> {
        self.post(&node_path(lab, node, "web"), open).await
    }

    /// Restarts a node, and returns when it is plugged in and booted again.
    pub(crate) async fn reboot(&self, lab: &str, node: &str) -> Result<(), Failure> {
        let request = self.request(Method::POST, &node_path(lab, node, "reboot"))?;
        self.send(request).await.map(drop)
    }

    /// Applies solutions or a mistake.
    pub(crate) async fn solve(
        &self,
        lab: &str,
        solve: &SolveRequest,
    ) -> Result<SolveResult, Failure> {
        self.post(&format!("/v1/labs/{}/solve", segment(lab)), solve)
            .await
    }

    /// Grades a lab.
    pub(crate) async fn check(
        &self,
        lab: &str,
        check: &CheckRequest,
    ) -> Result<LabGradeView, Failure> {
        self.post(&format!("/v1/labs/{}/check", segment(lab)), check)
            .await
    }

    /// What happens to a lab, from its beginning on.
    pub(crate) async fn events(
        &self,
        lab: &str,
    ) -> Result<impl Stream<Item = Result<LabEvent, Failure>> + Unpin + use<>, Failure> {
        use eventsource_stream::Eventsource;
        let request = self
            .request(Method::GET, &format!("/v1/labs/{}/events", segment(lab)))?
            .header(header::ACCEPT, "text/event-stream");
        let stream = self.send(request).await?.bytes_stream().eventsource();
        Ok(Box::pin(stream.map(|event| {
            let event = event.map_err(|error| Failure::Broken(error.into()))?;
            decode(event.data.as_bytes())
        })))
    }

    /// Proves a scenario; dropping the stream ends the proof.
    pub(crate) async fn prove(
        &self,
        new: &ProofRequest,
    ) -> Result<impl Stream<Item = Result<ProofEvent, Failure>> + Unpin + use<>, Failure> {
        self.lines("/v1/proofs", new).await
    }

    /// Lists the images.
    pub(crate) async fn images(&self) -> Result<Vec<ImageView>, Failure> {
        self.get("/v1/images").await
    }

    /// Builds images.
    pub(crate) async fn build(
        &self,
        build: &BuildImagesRequest,
    ) -> Result<impl Stream<Item = Result<BuildEvent, Failure>> + Unpin + use<>, Failure> {
        self.lines("/v1/images/build", build).await
    }

    /// The evidence of an attempt, as a bundle.
    pub(crate) async fn evidence(&self, attempt: &str) -> Result<Vec<u8>, Failure> {
        let path = format!("/v1/attempts/{}/evidence.tar", segment(attempt));
        self.bytes(&path).await
    }

    /// The public key that bundles are verified with.
    pub(crate) async fn evidence_key(&self) -> Result<EvidenceKeyView, Failure> {
        self.get("/v1/evidence/key").await
    }

    /// What the host has and lacks.
    pub(crate) async fn doctor(&self) -> Result<Diagnosis, Failure> {
        self.get("/v1/doctor").await
    }

    /// A backup, as it comes.
    pub(crate) async fn backup(
        &self,
    ) -> Result<
        impl Stream<Item = Result<impl AsRef<[u8]> + use<>, Failure>> + Unpin + use<>,
        Failure,
    > {
        let request = self.request(Method::GET, "/v1/backup")?;
        let pieces = self.send(request).await?.bytes_stream();
        Ok(Box::pin(pieces.map(|piece| {
            piece.map_err(|error| Failure::Broken(error.into()))
        })))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let request = self.request(Method::GET, path)?;
        answer(self.send(request).await?).await
    }

    /// An answer that is a file.
    async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let request = self.request(Method::GET, path)?;
        let body = self.send(request).await?.bytes().await;
        let body = body.map_err(|error| Failure::Broken(error.into()))?;
        Ok(body.to_vec())
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.request(Method::POST, path)?.json(body);
        answer(self.send(request).await?).await
    }

    /// An answer that is a JSON text a line.
    async fn lines<T: DeserializeOwned + 'static, B: Serialize>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<impl Stream<Item = Result<T, Failure>> + Unpin + use<T, B>, Failure> {
        let request = self.request(Method::POST, path)?.json(body);
        let bytes = self.send(request).await?.bytes_stream();
        let reader = StreamReader::new(bytes.map_err(io::Error::other));
        let lines = FramedRead::new(reader, LinesCodec::new_with_max_length(LONGEST_LINE));
        Ok(Box::pin(lines.map(|line| {
            let line = line.map_err(|error| Failure::Broken(error.into()))?;
            decode(line.as_bytes())
        })))
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let base = match &self.at {
            Endpoint::Socket(_) => SOCKET_HOST,
            Endpoint::Url(url) => url,
        };
        let address = format!("{base}{path}");
        let url = reqwest::Url::parse(&address).map_err(|_| Failure::Address(base.to_owned()))?;
        let request = self.http.request(method, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unsent(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response
            .bytes()
            .await
            .map_err(|error| Failure::Broken(error.into()))?;
        Err(match serde_json::from_slice::<ApiError>(&body) {
            Ok(error) => Failure::Answered(error),
            Err(_) => unexpected_response(status, &body),
        })
    }

    fn unsent(&self, error: reqwest::Error) -> Failure {
        if error.is_builder() {
            return Failure::Address(error.to_string());
        }
        if !error.is_connect() {
            return Failure::Broken(error.into());
        }
        self.unreachable(&innermost_io(&error))
    }

    fn unreachable(&self, cause: &io::Error) -> Failure {
        let (at, hint) = match &self.at {
            // As a certificate is that nobody vouches for.
            Endpoint::Url(url) if cause.kind() == io::ErrorKind::InvalidData => (
                url.clone(),
                "fetch the daemon's /v1/authority.pem, compare it, and name it with --authority"
                    .to_owned(),
            ),
            Endpoint::Url(url) => (
                url.clone(),
                "start it with `plateaud`, or leave --url out to talk to its socket".to_owned(),
            ),
            Endpoint::Socket(path) => (path.display().to_string(), socket_hint(path, cause.kind())),
        };
        Failure::Unreachable {
            at,
            hint,
            source: io::Error::new(cause.kind(), cause.to_string()).into(),
        }
    }
}

fn socket_hint(path: &Path, kind: io::ErrorKind) -> String {
    if kind == io::ErrorKind::PermissionDenied {
        return format!(
            "you may not open the socket: be root, or join the group that `{}` belongs to",
            path.display()
        );
    }
    "start it with `plateaud`, or name its socket with --socket or PLATEAU_SOCKET".to_owned()
}

/// The system's own words, without those of the libraries in between.
fn innermost_io(error: &reqwest::Error) -> io::Error {
    let mut cause = std::error::Error::source(error);
    let mut found = None;
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            found = Some(io::Error::new(io.kind(), io.to_string()));
        }
        cause = error.source();
    }
    found.unwrap_or_else(|| io::Error::other(error.to_string()))
}

async fn answer<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let body = response
        .bytes()
        .await
        .map_err(|error| Failure::Broken(error.into()))?;
    decode(&body)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| unexpected_response(StatusCode::OK, body))
}

fn unexpected_response(status: StatusCode, body: &[u8]) -> Failure {
    let body: String = String::from_utf8_lossy(body).chars().take(200).collect();
    Failure::Strange {
        status: status.as_u16(),
        body,
    }
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let token = std::fs::read_to_string(path).map_err(|source| Failure::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(token.trim().to_owned())
}

fn node_path(lab: &str, node: &str, what: &str) -> String {
    format!("/v1/labs/{}/nodes/{}/{what}", segment(lab), segment(node))
}

/// What is written as it is in a segment of a path. `.` is not: `..` would lead to another route.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// A name as one segment of a path: what a person typed must not reach another route.
fn segment(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, SEGMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment_of_the_path() {
        assert_eq!(segment("intranet-1").to_string(), "intranet-1");
        assert_eq!(segment("../x?y").to_string(), "%2E%2E%2Fx%3Fy");
    }
}
