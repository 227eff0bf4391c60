//! What programs in the fake's containers say.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use plateau_core::fault::FaultResponse;
use plateau_core::probe::{
    FRAME_LIMIT, Fact, ObserverAction, ObserverRequest, ObserverResponse, ProbeAnswer,
    ProbeQuestion, ProbeRequest, ProbeResponse,
};
use plateau_core::terminal::{Backlog, Frame};
use plateau_core::wire::{
    DisksRequest, DisksResponse, EngineFiles, FreeSpace, WireRequest, WireResponse,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::{RanScript, State, locked};
use crate::runtime::{ExecOutput, ExecSpec, Image, Labels, Result, RuntimeError};

impl State {
    pub(super) fn keep_image(&mut self, tag: &str, size: usize, labels: &Labels) {
        let image = Image {
            id: format!("sha256:{tag}"),
            size: size as u64,
            labels: labels.clone(),
            created: None,
        };
        self.missing.remove(tag);
        self.images.insert(tag.to_owned(), image);
    }

    pub(super) fn image(&self, tag: &str) -> Image {
        self.images.get(tag).cloned().unwrap_or_else(|| Image {
            id: format!("sha256:{tag}"),
            size: 0,
            labels: Labels::new(),
            created: None,
        })
    }
}

/// Runs a program, so to speak.
pub(super) fn answer(state: &mut State, container: &str, exec: &ExecSpec) -> Result<ExecOutput> {
    let labels = state.known(container)?.spec.labels.clone();
    let role = match exec.argv.first() {
        Some(program)
            if [crate::layout::AGENT, crate::layout::GRADER].contains(&program.as_str()) =>
        {
            exec.argv.get(1)
        }
        _ => None,
    };
    match role.map(String::as_str) {
        Some("fault") => said(&FaultResponse::Done { count: 1 }),
        Some("engine-files") => said(&EngineFiles::Read(vec![])),
        Some("probe") => said(&probe(state, &labels, &exec.stdin)?),
        Some(_) => Ok(ended(0, vec![])),
        None => Ok(script(state, labels, exec)),
    }
}

/// The wirer: a request a line, an answer a line, until whoever asks has gone.
pub(super) async fn wire_lines(
    state: &Mutex<State>,
    requests: impl AsyncRead + Unpin,
    mut answers: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(requests).lines();
    while let Some(line) = lines.next_line().await? {
        let mut answer = serde_json::to_vec(&wire(&mut locked(state), &line))?;
        answer.push(b'\n');
        answers.write_all(&answer).await?;
    }
    Ok(())
}

/// Says of each disk what [`super::Fake::write_to_disk`] was given, and that much is free.
pub(super) async fn measure_lines(
    state: &Mutex<State>,
    requests: impl AsyncRead + Unpin,
    mut answers: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(requests).lines();
    while let Some(line) = lines.next_line().await? {
        let request: DisksRequest = serde_json::from_str(&line)?;
        let response = measure(&locked(state), &request);
        let mut answer = serde_json::to_vec(&response)?;
        answer.push(b'\n');
        answers.write_all(&answer).await?;
    }
    Ok(())
}

fn measure(state: &State, request: &DisksRequest) -> DisksResponse {
    let written = |folder: &str| {
        let container = folder.rsplit('/').next().unwrap_or_default();
        state.written.get(container).cloned().unwrap_or_default()
    };
    let disks = request.disks.iter();
    DisksResponse {
        free: Some(FreeSpace {
            bytes: state.disk_free.unwrap_or(100 << 30),
            of: 200 << 30,
            files: None,
        }),
        disks: disks.map(|disk| Ok(written(&disk.folder))).collect(),
    }
}

/// The observer: a frame for each call, until whoever asks has gone. A watch is answered at once.
pub(super) async fn observe(
    state: &Mutex<State>,
    requests: impl AsyncRead + Unpin,
    answers: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let codec = LengthDelimitedCodec::builder()
        .max_frame_length(FRAME_LIMIT)
        .new_codec();
    let mut requests = FramedRead::new(requests, codec.clone());
    let mut answers = FramedWrite::new(answers, codec);
    while let Some(frame) = requests.next().await {
        let request = ObserverRequest::decode(&frame?).map_err(std::io::Error::other)?;
        let ObserverAction::Look {
            pid,
            container,
            batch,
        } = request.action
        else {
            continue;
        };
        let response = ObserverResponse {
            call: request.call,
            answer: look(&mut locked(state), pid, &container, &batch),
        };
        answers.send(Bytes::from(response.encode())).await?;
    }
    Ok(())
}

fn look(
    state: &mut State,
    pid: u32,
    container: &str,
    batch: &[u8],
) -> std::result::Result<Vec<u8>, String> {
    state.called("look").map_err(|error| error.to_string())?;
    let kept = state.containers.get(container);
    let kept = kept.filter(|kept| kept.pid == Some(pid));
    let labels = kept.map(|kept| kept.spec.labels.clone());
    let labels = labels.ok_or_else(|| format!("no process {pid} of `{container}`"))?;
    let said = probe(state, &labels, batch).map_err(|error| error.to_string())?;
    serde_json::to_vec(&said).map_err(|error| error.to_string())
}

/// A terminal, which shows what is typed in it and ends with 0 when that is `exit`.
pub(super) async fn shell(
    pid: u32,
    typed: impl AsyncRead + Unpin,
    shown: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut typed = FramedRead::new(typed, LengthDelimitedCodec::new());
    let mut shown = FramedWrite::new(shown, LengthDelimitedCodec::new());
    let past = Frame::Backlog(Backlog {
        terminal: u64::from(pid),
        place: 0,
        cols: 80,
        rows: 24,
        bytes: vec![],
    });
    shown.send(Bytes::from(past.encode())).await?;
    while let Some(frame) = typed.next().await {
        let answer = match Frame::decode(&frame?) {
            Ok(Frame::Data(bytes)) if bytes == b"exit\r" => Frame::Exit(0),
            Ok(Frame::Data(bytes)) => Frame::Data(bytes),
            Ok(Frame::Resize { .. }) => continue,
            Ok(Frame::Exit(_) | Frame::Backlog(_)) | Err(_) => break,
        };
        shown.send(Bytes::from(answer.encode())).await?;
        if matches!(answer, Frame::Exit(_)) {
            break;
        }
    }
    Ok(())
}

fn wire(state: &mut State, line: &str) -> WireResponse {
    let failed = |reason: String| WireResponse::Failed {
        doing: "wire".to_owned(),
        reason,
    };
    if let Err(error) = state.called("wire") {
        return failed(error.to_string());
    }
    let request: WireRequest = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return failed(error.to_string()),
    };
    // As the wirer does: the process has to be the container's.
    let running = |pid: u32| {
        let container = request.containers.get(&pid);
        let kept = container.and_then(|container| state.containers.get(container));
        kept.is_some_and(|kept| kept.pid == Some(pid))
    };
    let nodes = request.ports.iter().map(|port| port.node);
    let mut pids = nodes
        .chain(request.release.iter().copied())
        .chain(request.files.iter().map(|file| file.node));
    if !running(request.fabric) {
        return gone(request.fabric);
    }
    if let Some(pid) = pids.find(|pid| !running(*pid)) {
        return gone(pid);
    }
    for file in &request.files {
        let mut all = state.containers.values_mut();
        if let Some(kept) = all.find(|kept| kept.pid == Some(file.node)) {
            kept.files += file.content.len();
        }
    }
    state.wired.push(request);
    WireResponse::Done { took_us: 1 }
}

fn gone(pid: u32) -> WireResponse {
    WireResponse::Failed {
        doing: format!("enter process {pid}"),
        reason: "No such process".to_owned(),
    }
}

fn probe(state: &State, labels: &Labels, stdin: &[u8]) -> Result<ProbeResponse> {
    let batch: ProbeRequest = serde_json::from_slice(stdin).map_err(unreadable)?;
    let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
    let (lab, node) = (label("plateau.lab"), label("plateau.node"));
    let ran: Vec<(String, String)> = state
        .scripts
        .iter()
        .filter(|ran| ran.lab == lab)
        .map(|ran| (ran.node.clone(), ran.text.clone()))
        .collect();
    let say = state.answering.clone();
    let fact = |asked: &ProbeQuestion| match &say {
        Some(say) => Arc::clone(say)(&node, &ran, asked),
        None => Fact::CouldNotLook {
            reason: "the fake runtime has nothing to look at".to_owned(),
        },
    };
    let answers = batch.questions.iter().map(|asked| ProbeAnswer {
        id: asked.id.clone(),
        fact: fact(asked),
        took_ms: 0,
    });
    Ok(ProbeResponse {
        agent: "fake".to_owned(),
        answers: answers.collect(),
    })
}

fn script(state: &mut State, labels: Labels, exec: &ExecSpec) -> ExecOutput {
    let text = String::from_utf8_lossy(&exec.stdin).into_owned();
    let failing = state.failing_script.clone();
    if let Some((_, exit)) = failing.filter(|(part, _)| text.contains(part)) {
        return ended(exit, b"told to fail".to_vec());
    }
    let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
    state.scripts.push(RanScript {
        lab: label("plateau.lab"),
        node: label("plateau.node"),
        text,
    });
    ended(0, vec![])
}

fn said(answer: &impl serde::Serialize) -> Result<ExecOutput> {
    Ok(ended(0, serde_json::to_vec(answer).map_err(unreadable)?))
}

fn ended(exit: i64, stdout: Vec<u8>) -> ExecOutput {
    ExecOutput {
        exit,
        stdout,
        stderr: vec![],
        truncated: false,
    }
}

fn unreadable(error: serde_json::Error) -> RuntimeError {
    RuntimeError::Transport(Box::new(error))
}
