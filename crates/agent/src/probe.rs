//! Answers a batch of questions about this node, or about what is visible from it.
//!
//! Facts come from `/proc`, netlink, files and systemd's own socket, never from the node's programs,
//! which the candidate may have replaced. Only `command` runs one, because that is its purpose: the
//! agent answers it inside the node. All else is observed from outside, by a worker of the observer
//! that nobody in the node can see. What cannot be observed is [`Fact::CouldNotLook`], never "does
//! not exist".
//!
//! The questions are answered on a separate thread. The process ends when all answers are there or
//! the longest time limit is over, so that a file system that hangs in the kernel blocks nobody.

use std::io::Write;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use plateau_core::probe::{
    Fact, MESSAGE_LIMIT, ProbeAnswer, ProbeQuestion, ProbeRequest, ProbeResponse,
};

use crate::message;
pub(crate) use command::observe_commands;
pub(crate) use context::Observe;
pub(crate) use dispatch::observe_all;
use runner::{GRACE, could_not_look, spawn_thread};
use watch::Watch;

mod address;
mod certificate;
mod clients;
mod command;
mod context;
mod crontab;
mod dhcp;
mod dispatch;
mod dns;
mod file;
mod firewall;
mod ftp;
mod group;
mod http;
mod interface;
mod journal;
mod ldap;
mod lookup;
mod mail;
mod mount;
mod netlink;
mod nfs;
mod ntp;
mod package;
mod ping;
mod port;
pub(crate) mod process;
mod random;
mod resolver;
mod route;
mod runner;
mod schedule;
mod service;
mod sip;
mod smb;
mod snmp;
mod sql;
mod ssh;
mod stream;
mod sysctl;
mod syslog;
pub(crate) mod systemd;
mod tcp;
mod tftp;
mod tls;
mod user;
mod verifier;
mod watch;

/// Reads a batch, one line of standard input, and writes the answers to standard output. Questions
/// that watch something start at once; the others are asked after a second line.
pub(crate) fn run(observe: Observe) -> anyhow::Result<()> {
    let answers = answer(read_batch()?, observe);
    let written = write_answers(&answers);
    // Threads may hang in the kernel for ever, so that none is waited for.
    match written {
        Ok(()) => std::process::exit(0),
        Err(error) => Err(error),
    }
}

fn read_batch() -> anyhow::Result<ProbeRequest> {
    let line = message::read_line(&mut std::io::stdin().lock(), "batch")?;
    serde_json::from_slice(&line).context("not a batch of questions")
}

fn write_answers(answers: &ProbeResponse) -> anyhow::Result<()> {
    let text = serde_json::to_vec(answers).context("cannot write the answers as JSON")?;
    let mut output = std::io::stdout().lock();
    match output.write_all(&text).and_then(|()| output.flush()) {
        // The reader has gone and needs no message about it.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the answers"),
    }
}

/// Answers all questions: starts to watch, waits for the second line, and asks the others.
fn answer(batch: ProbeRequest, observe: Observe) -> ProbeResponse {
    let ids: Vec<String> = batch.questions.iter().map(|q| q.id.clone()).collect();
    let watch = Watch::start(&batch.questions, observe);
    if let Some(watch) = &watch {
        watch.wait_for_end();
    }
    let mut facts = ask_once(batch.questions, observe);
    for (index, fact, took_ms) in watch.map(Watch::finish).unwrap_or_default() {
        if let Some(slot) = facts.get_mut(index) {
            *slot = Some((fact, took_ms));
        }
    }
    ProbeResponse {
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        answers: within_limit(ids, facts),
    }
}

/// Asks all questions that are not watched at the same time, and waits at most for the longest time
/// limit.
fn ask_once(questions: Vec<ProbeQuestion>, observe: Observe) -> Vec<Option<(Fact, u64)>> {
    let mut facts: Vec<Option<(Fact, u64)>> = vec![None; questions.len()];
    let once = questions.into_iter().enumerate();
    let once: Vec<(usize, ProbeQuestion)> = once
        .filter(|(_, asked)| !watch::is_watched(asked))
        .collect();
    let longest = once.iter().map(|(_, asked)| asked.timeout_ms).max();
    let deadline = Instant::now() + Duration::from_millis(longest.unwrap_or(0)) + GRACE;
    let mut missing = once.len();
    let (sender, receiver) = mpsc::channel();
    spawn_thread(move || runner::ask_all(once, observe, &sender));
    while missing > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        // An error means that time is over, or that the asking thread has died.
        let Ok((index, fact, took_ms)) = receiver.recv_timeout(left) else {
            break;
        };
        if let Some(slot) = facts.get_mut(index) {
            *slot = Some((fact, took_ms));
            missing -= 1;
        }
    }
    facts
}

/// Builds the answers, without the facts that would make the message larger than allowed.
fn within_limit(ids: Vec<String>, facts: Vec<Option<(Fact, u64)>>) -> Vec<ProbeAnswer> {
    // Room for the envelope, and for the reasons that replace omitted facts.
    let mut room = (MESSAGE_LIMIT as usize).saturating_sub((1 << 20) + 512 * ids.len());
    let mut answers = Vec::new();
    for (id, fact) in ids.into_iter().zip(facts) {
        let (mut fact, took_ms) = fact.unwrap_or_else(|| (could_not_look("no answer in time"), 0));
        let length = serde_json::to_vec(&fact).map_or(usize::MAX, |text| text.len());
        match room.checked_sub(length + id.len()) {
            Some(rest) => room = rest,
            None => fact = could_not_look("the answers of this batch are too large together"),
        }
        answers.push(ProbeAnswer { id, fact, took_ms });
    }
    answers
}
