//! Answers a batch of questions about this node, or about what can be seen from it.
//!
//! Facts come from `/proc`, netlink, files and systemd's own socket, never from the node's
//! programs, which its candidate may have replaced (`command` alone runs one, because that is what
//! it is for). What cannot be looked at is [`Fact::CouldNotLook`], never "not there".
//!
//! The questions are asked on a thread of their own, and the process ends when all answers are
//! there or the longest time is over: a file system that hangs in the kernel holds up nobody.

use std::io::{BufRead, Read, Write};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context;
use plateau_core::probe::{Answer, Answers, Asked, Batch, Fact, MESSAGE_LIMIT};

mod accounts;
mod address;
mod bounded;
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
mod links;
mod mail;
mod marker;
mod mount;
mod names;
mod nfs;
mod ntp;
mod package;
mod ping;
mod port;
pub(crate) mod process;
mod resolver;
mod route;
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
mod watch;

/// Threads for what may block; a hung file system keeps one of them for ever.
const BLOCKING_THREADS: usize = 64;

/// Room on a thread that asks, in bytes; the kernel gives as much of it as is used.
const STACK: usize = 32 << 20;

/// Grace after the longest time, for answers that are already on their way.
const GRACE: Duration = Duration::from_millis(500);

pub(crate) use clients::ask as ask_client;
pub(crate) use context::AskClient;
use context::Shared;

/// Reads a batch, one line of standard input, and writes the answers to standard output. Where
/// something is to be watched, that begins at once, and the rest is asked after another line.
pub(crate) fn run(ask_client: Option<AskClient>) -> anyhow::Result<()> {
    let answers = answer(read_batch()?, ask_client);
    let written = write_answers(&answers);
    // Threads may hang in the kernel for ever; nothing is left to wait for.
    match written {
        Ok(()) => std::process::exit(0),
        Err(error) => Err(error),
    }
}

fn read_batch() -> anyhow::Result<Batch> {
    let mut text = Vec::new();
    std::io::stdin()
        .lock()
        .take(MESSAGE_LIMIT + 1)
        .read_until(b'\n', &mut text)
        .context("cannot read the batch")?;
    anyhow::ensure!(
        text.len() as u64 <= MESSAGE_LIMIT,
        "the batch is larger than {MESSAGE_LIMIT} bytes"
    );
    serde_json::from_slice(&text).context("not a batch of questions")
}

fn write_answers(answers: &Answers) -> anyhow::Result<()> {
    let text = serde_json::to_vec(answers).context("cannot write the answers as JSON")?;
    let mut out = std::io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        // Whoever asked has gone, and needs no message about it.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the answers"),
    }
}

/// Asks all questions, those to be watched from now on and the others when it is time.
fn answer(batch: Batch, ask_client: Option<AskClient>) -> Answers {
    let ids: Vec<String> = batch.questions.iter().map(|q| q.id.clone()).collect();
    let watch = watch::Watch::begin(&batch.questions, ask_client);
    if let Some(watch) = &watch {
        watch.until_told();
    }
    let mut facts = ask_rest(batch.questions, ask_client);
    for (index, fact, took_ms) in watch.map(watch::Watch::end).unwrap_or_default() {
        if let Some(slot) = facts.get_mut(index) {
            *slot = Some((fact, took_ms));
        }
    }
    Answers {
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        answers: within_limit(ids, facts),
    }
}

/// Asks what is not watched at the same time and waits for it, at most as long as the longest may
/// take.
fn ask_rest(questions: Vec<Asked>, ask_client: Option<AskClient>) -> Vec<Option<(Fact, u64)>> {
    let mut facts: Vec<Option<(Fact, u64)>> = vec![None; questions.len()];
    let rest = questions.into_iter().enumerate();
    let rest: Vec<(usize, Asked)> = rest
        .filter(|(_, asked)| !watch::is_watched(asked))
        .collect();
    let longest = rest.iter().map(|(_, asked)| asked.timeout_ms).max();
    let deadline = Instant::now() + Duration::from_millis(longest.unwrap_or(0)) + GRACE;
    let mut missing = rest.len();
    let (sender, receiver) = mpsc::channel();
    thread(move || ask_all(rest, ask_client, &sender));
    while missing > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        // An error says that time is over, or that the asking thread has died.
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

/// Begins a thread with room for the clients' states, some of which are large.
fn thread(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK);
    // Without a thread there are no answers, and whoever waits for them says so.
    let _ = thread.spawn(work);
}

/// Puts the answers together, leaving out facts that would make the message larger than allowed.
fn within_limit(ids: Vec<String>, facts: Vec<Option<(Fact, u64)>>) -> Vec<Answer> {
    // Room for the envelope and for the reasons that replace what is left out.
    let mut room = (MESSAGE_LIMIT as usize).saturating_sub((1 << 20) + 512 * ids.len());
    let mut answers = Vec::new();
    for (id, fact) in ids.into_iter().zip(facts) {
        let (mut fact, took_ms) = fact.unwrap_or_else(|| (could_not("no answer in time"), 0));
        let length = serde_json::to_vec(&fact).map_or(usize::MAX, |text| text.len());
        match room.checked_sub(length + id.len()) {
            Some(rest) => room = rest,
            None => fact = could_not("the answers of this batch are too large together"),
        }
        answers.push(Answer { id, fact, took_ms });
    }
    answers
}

fn could_not(reason: impl Into<String>) -> Fact {
    Fact::CouldNotLook {
        reason: reason.into(),
    }
}

type Outcome = (usize, Fact, u64);

/// What runs questions on the thread that it is made on.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
}

fn ask_all(
    questions: Vec<(usize, Asked)>,
    ask_client: Option<AskClient>,
    answers: &mpsc::Sender<Outcome>,
) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            for (index, _) in questions {
                let fact = could_not(format!("cannot start: {error}"));
                // The receiver waits until it has all answers or time is over.
                let _ = answers.send((index, fact, 0));
            }
            return;
        }
    };
    runtime.block_on(async {
        let shared = Arc::new(Shared::new(ask_client));
        let mut tasks = Vec::new();
        for (index, question) in questions {
            let shared = Arc::clone(&shared);
            let answers = answers.clone();
            tasks.push(tokio::spawn(async move {
                let (fact, took_ms) = ask(question, shared).await;
                let _ = answers.send((index, fact, took_ms));
            }));
        }
        for task in tasks {
            let _ = task.await;
        }
    });
}

/// Asks one question, in a task of its own so that its panic is an answer like any other.
async fn ask(asked: Asked, shared: Arc<Shared>) -> (Fact, u64) {
    let started = Instant::now();
    let limit = Duration::from_millis(asked.timeout_ms);
    let kind = asked.question.kind();
    let look = context::ProbeContext::new(asked.wants, limit, shared);
    let mut task = tokio::spawn(dispatch::see(asked.question, look));
    let fact = match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(Ok(observation))) => Fact::Seen(observation),
        Ok(Ok(Err(error))) => could_not(format!("{error:#}")),
        Ok(Err(_)) => could_not(format!("the question `{kind}` broke down")),
        Err(_) => {
            // Dropping it ends what it started, such as the processes of a command.
            task.abort();
            let _ = tokio::time::timeout(Duration::from_millis(100), task).await;
            could_not(format!("no answer within {} ms", asked.timeout_ms))
        }
    };
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    (fact, took_ms)
}
