//! Asks questions repeatedly until a line on standard input, or its end, stops that.
//!
//! Each attempt starts at its time, whether or not the previous ones have ended: a server that is
//! silent for its whole time limit must not make the attempts less frequent.

use std::io::BufRead;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use plateau_core::probe::{Fact, ProbeQuestion};
use plateau_core::question::availability::{AttemptRun, AvailabilityQuestion, AvailabilitySeen};
use plateau_core::question::{Observation, Question};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::context::{BatchState, Observe};
use super::runner::{GRACE, Outcome, ask, could_not_look, runtime, spawn_thread};

/// Longest watch: after that time, the asking side has certainly gone.
const MAX_DURATION: Duration = Duration::from_secs(60 * 60);

/// Shortest time for a server to answer an attempt, in milliseconds.
const MIN_ANSWER_MS: u64 = 1500;

/// Extra time for an attempt, in milliseconds: silence is an observation and has to be reported.
const MARGIN_MS: u64 = 500;

/// Most attempts of one question at the same time.
const MAX_IN_FLIGHT: usize = 64;

/// Most runs of equal facts of one question, and most bytes of them.
const RUNS_LIMIT: usize = 5000;
const BYTES_LIMIT: usize = 4 << 20;

/// The questions that are being watched.
pub(super) struct Watch {
    end: watch::Sender<bool>,
    facts: mpsc::Receiver<Outcome>,
    /// Longest that the attempts in flight may take after the end.
    time_limit: Duration,
}

/// Whether a question is one to be watched.
pub(super) fn is_watched(asked: &ProbeQuestion) -> bool {
    matches!(asked.question, Question::Availability(_))
}

impl Watch {
    /// Starts; `None` if there is nothing to watch.
    pub(super) fn start(questions: &[ProbeQuestion], observe: Observe) -> Option<Self> {
        let watched: Vec<(usize, ProbeQuestion)> = questions
            .iter()
            .cloned()
            .enumerate()
            .filter(|(_, asked)| is_watched(asked))
            .collect();
        let longest = watched.iter().map(|(_, asked)| asked.timeout_ms).max()?;
        let (end, ends) = watch::channel(false);
        let (sender, facts) = mpsc::channel();
        spawn_thread(move || watch_all(watched, observe, &ends, &sender));
        Some(Self {
            end,
            facts,
            time_limit: Duration::from_millis(longest) + GRACE,
        })
    }

    /// Waits until the watch has to end.
    pub(super) fn wait_for_end(&self) {
        let (sender, line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A line, the end of the input and a broken pipe mean the same: the watch is over.
            let _ = std::io::stdin().lock().read_until(b'\n', &mut bytes);
            let _ = sender.send(());
        });
        let _ = line.recv_timeout(MAX_DURATION);
    }

    /// Stops, and returns what was observed.
    pub(super) fn finish(self) -> Vec<Outcome> {
        // An error means that the asking thread has died; its facts are then missing as well.
        let _ = self.end.send(true);
        let deadline = Instant::now() + self.time_limit;
        let mut outcomes = Vec::new();
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(outcome) = self.facts.recv_timeout(left()) {
            outcomes.push(outcome);
        }
        outcomes
    }
}

fn watch_all(
    questions: Vec<(usize, ProbeQuestion)>,
    observe: Observe,
    ends: &watch::Receiver<bool>,
    facts: &mpsc::Sender<Outcome>,
) {
    let Ok(runtime) = runtime() else {
        return;
    };
    runtime.block_on(async {
        let state = Arc::new(BatchState::new(observe));
        let watching = questions.into_iter().map(async |(index, asked)| {
            let started = Instant::now();
            let fact = watch_one(asked, &state, ends.clone()).await;
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            // The receiver waits until it has all facts or time is over.
            let _ = facts.send((index, fact, took_ms));
        });
        futures_util::future::join_all(watching).await;
    });
}

async fn watch_one(
    asked: ProbeQuestion,
    state: &Arc<BatchState>,
    mut ends: watch::Receiver<bool>,
) -> Fact {
    let Question::Availability(AvailabilityQuestion { of, wants, every }) = asked.question else {
        return could_not_look("this question cannot be watched");
    };
    let attempt = ProbeQuestion {
        id: asked.id,
        question: *of,
        wants,
        // An attempt that waits until the server is back would hide the outage.
        timeout_ms: (every.0.max(MIN_ANSWER_MS) + MARGIN_MS).min(asked.timeout_ms),
    };
    let started = Instant::now();
    let mut runs = AttemptRuns::default();
    let mut attempts = FuturesOrdered::new();
    let mut times = tokio::time::interval(Duration::from_millis(every.0.max(1)));
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // In this order, so that at least one attempt is made.
            biased;
            _ = times.tick(), if attempts.len() < MAX_IN_FLIGHT => {
                let at = started.elapsed();
                let (attempt, state) = (attempt.clone(), Arc::clone(state));
                attempts.push_back(async move { (at, ask(attempt, state).await.0) });
            }
            Some((at, fact)) = attempts.next(), if !attempts.is_empty() => {
                runs.push(at, retain_wanted(fact, &attempt));
            }
            // An error means that the other side has gone.
            _ = ends.changed() => break,
        }
    }
    let duration = started.elapsed();
    while let Some((at, fact)) = attempts.next().await {
        runs.push(at, retain_wanted(fact, &attempt));
    }
    runs.into_fact(duration)
}

/// Removes the attributes that are not wanted: a date, for example, would make every attempt differ
/// from the previous one.
fn retain_wanted(fact: Fact, asked: &ProbeQuestion) -> Fact {
    let Fact::Seen(observation) = &fact else {
        return fact;
    };
    let mut kinds = serde_json::to_value(observation).unwrap_or_default();
    let seen = kinds
        .get_mut(asked.question.kind())
        .and_then(|seen| seen.as_object_mut());
    if let Some(seen) = seen {
        seen.retain(|attribute, _| asked.wants.contains(attribute));
    }
    // A kind with required attributes is kept as it is.
    serde_json::from_value(kinds).map_or(fact, Fact::Seen)
}

/// What the attempts have observed so far: runs of equal facts.
#[derive(Default)]
struct AttemptRuns {
    runs: Vec<AttemptRun>,
    bytes: usize,
}

impl AttemptRuns {
    fn push(&mut self, at: Duration, fact: Fact) {
        let at = milliseconds(at);
        if let Some(last) = self.runs.last_mut().filter(|last| last.fact == fact) {
            last.to_ms = at;
            last.attempts += 1;
            return;
        }
        if self.is_full() {
            return;
        }
        self.bytes += serde_json::to_vec(&fact).map_or(BYTES_LIMIT, |text| text.len());
        self.runs.push(AttemptRun {
            from_ms: at,
            to_ms: at,
            attempts: 1,
            fact,
        });
    }

    fn is_full(&self) -> bool {
        self.runs.len() >= RUNS_LIMIT || self.bytes >= BYTES_LIMIT
    }

    fn into_fact(self, duration: Duration) -> Fact {
        if self.is_full() {
            return could_not_look("the attempts saw too many different things");
        }
        Fact::Seen(Observation::Availability(AvailabilitySeen {
            lasted_ms: milliseconds(duration),
            runs: self.runs,
        }))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
