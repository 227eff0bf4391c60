//! Asks questions again and again until it is told to end, by a line on standard input or its end.
//!
//! Each attempt begins at its time, whether or not those before it have ended: a server that keeps
//! silent for its whole limit must not make the attempts rarer.

use std::io::BufRead;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use plateau_core::probe::{Asked, Fact};
use plateau_core::question::availability::{AvailabilityQuestion, AvailabilitySeen, Run};
use plateau_core::question::{Observation, Question};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::context::{AskClient, Shared};
use super::{GRACE, Outcome, ask, could_not, runtime};

/// Longest that anything is watched: whoever asked has long gone then.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Least time that a server has to answer an attempt, in milliseconds.
const LEAST_ANSWER_MS: u64 = 1500;

/// What an attempt may take beyond the time that a server has, in milliseconds: silence is an
/// observation, which needs a moment to be reported.
const MARGIN_MS: u64 = 500;

/// Most attempts of one question at the same time.
const IN_FLIGHT: usize = 64;

/// Most runs of equal facts that are kept of one question, and most bytes of them.
const RUNS_LIMIT: usize = 5000;
const BYTES_LIMIT: usize = 4 << 20;

/// The questions that are being watched.
pub(super) struct Watch {
    end: watch::Sender<bool>,
    facts: mpsc::Receiver<Outcome>,
    /// Most that the attempts may take that are under way at the end.
    patience: Duration,
}

/// Whether a question is one to be watched.
pub(super) fn is_watched(asked: &Asked) -> bool {
    matches!(asked.question, Question::Availability(_))
}

impl Watch {
    /// Begins; `None` where there is nothing to watch.
    pub(super) fn begin(questions: &[Asked], ask_client: Option<AskClient>) -> Option<Self> {
        let watched: Vec<(usize, Asked)> = questions
            .iter()
            .cloned()
            .enumerate()
            .filter(|(_, asked)| is_watched(asked))
            .collect();
        let longest = watched.iter().map(|(_, asked)| asked.timeout_ms).max()?;
        let (end, ends) = watch::channel(false);
        let (sender, facts) = mpsc::channel();
        super::thread(move || watch_all(watched, ask_client, &ends, &sender));
        Some(Self {
            end,
            facts,
            patience: Duration::from_millis(longest) + GRACE,
        })
    }

    /// Waits until it is time to end.
    pub(super) fn until_told(&self) {
        let (sender, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = Vec::new();
            // A line, its end and a broken pipe say the same: nobody waits any longer.
            let _ = std::io::stdin().lock().read_until(b'\n', &mut line);
            let _ = sender.send(());
        });
        let _ = told.recv_timeout(LONGEST);
    }

    /// Ends, and gives what was seen.
    pub(super) fn end(self) -> Vec<Outcome> {
        // An error says that the asking thread has died, and so does the lack of its facts.
        let _ = self.end.send(true);
        let deadline = Instant::now() + self.patience;
        let mut outcomes = Vec::new();
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(outcome) = self.facts.recv_timeout(left()) {
            outcomes.push(outcome);
        }
        outcomes
    }
}

fn watch_all(
    questions: Vec<(usize, Asked)>,
    ask_client: Option<AskClient>,
    ends: &watch::Receiver<bool>,
    facts: &mpsc::Sender<Outcome>,
) {
    let Ok(runtime) = runtime() else {
        return;
    };
    runtime.block_on(async {
        let shared = Arc::new(Shared::new(ask_client));
        let watching = questions.into_iter().map(async |(index, asked)| {
            let begun = Instant::now();
            let fact = watch_one(asked, &shared, ends.clone()).await;
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            // The receiver waits until it has all facts or time is over.
            let _ = facts.send((index, fact, took_ms));
        });
        futures_util::future::join_all(watching).await;
    });
}

async fn watch_one(asked: Asked, shared: &Arc<Shared>, mut ends: watch::Receiver<bool>) -> Fact {
    let Question::Availability(AvailabilityQuestion { of, wants, every }) = asked.question else {
        return could_not("this question is not to be watched");
    };
    let attempt = Asked {
        id: asked.id,
        question: *of,
        wants,
        // An attempt that waits until the server is back would hide that it was away.
        timeout_ms: (every.0.max(LEAST_ANSWER_MS) + MARGIN_MS).min(asked.timeout_ms),
    };
    let begun = Instant::now();
    let mut series = Series::default();
    let mut attempts = FuturesOrdered::new();
    let mut times = tokio::time::interval(Duration::from_millis(every.0.max(1)));
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // In this order, so that there is one attempt whatever happens.
            biased;
            _ = times.tick(), if attempts.len() < IN_FLIGHT => {
                let at = begun.elapsed();
                let (attempt, shared) = (attempt.clone(), Arc::clone(shared));
                attempts.push_back(async move { (at, ask(attempt, shared).await.0) });
            }
            Some((at, fact)) = attempts.next(), if !attempts.is_empty() => {
                series.push(at, only(fact, &attempt));
            }
            // An error says that nobody is left to end it.
            _ = ends.changed() => break,
        }
    }
    let lasted = begun.elapsed();
    while let Some((at, fact)) = attempts.next().await {
        series.push(at, only(fact, &attempt));
    }
    series.fact(lasted)
}

/// A fact with the wanted attributes alone: what is of no interest, such as a date, would make
/// every attempt differ from the one before it.
fn only(fact: Fact, asked: &Asked) -> Fact {
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
    // A kind that cannot be without the others is kept whole.
    serde_json::from_value(kinds).map_or(fact, Fact::Seen)
}

/// What the attempts saw so far.
#[derive(Default)]
struct Series {
    runs: Vec<Run>,
    bytes: usize,
}

impl Series {
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
        self.runs.push(Run {
            from_ms: at,
            to_ms: at,
            attempts: 1,
            fact,
        });
    }

    fn is_full(&self) -> bool {
        self.runs.len() >= RUNS_LIMIT || self.bytes >= BYTES_LIMIT
    }

    fn fact(self, lasted: Duration) -> Fact {
        if self.is_full() {
            return could_not("the attempts saw too many different things");
        }
        Fact::Seen(Observation::Availability(AvailabilitySeen {
            lasted_ms: milliseconds(lasted),
            runs: self.runs,
        }))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
