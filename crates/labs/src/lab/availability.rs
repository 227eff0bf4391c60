//! What is asked again and again while a phase is brought about.
//!
//! The agent that watches takes its observer's whole batch before the phase's first step, and asks
//! the rest of it when it is told: there is still one exec an observer a phase. Where the observer
//! does not live through the phase, only what was watched is lost, and the rest is asked anew.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use plateau_core::evidence::AgentCall;
use plateau_core::probe::{MESSAGE_LIMIT, ProbeRequest};
use plateau_core::question::Question;
use plateau_core::topology::Observer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::observers::{
    AnswersById, GRACE, NotAnswered, Observers, answered, could_not_look, now_ms, parse_answers,
};
use crate::runtime::Attached;

/// What each observer of a phase is asked.
pub(super) type Batches = BTreeMap<Observer, ProbeRequest>;

/// An agent that watches; or why nobody does.
type Watcher = Result<Attached, String>;

/// Who watches while one phase is brought about.
pub(super) struct Watch {
    watchers: BTreeMap<Observer, Watcher>,
    /// Containers that were made for it.
    examiners: Vec<String>,
}

impl Watch {
    /// Has everything watched that is to be watched in a phase.
    pub(super) async fn begin(observers: &Observers, batches: &Batches) -> Self {
        let mut watch = Watch {
            watchers: BTreeMap::new(),
            examiners: Vec::new(),
        };
        let all = batches.iter();
        let watched: Vec<_> = all.filter(|(_, batch)| has_watched(batch)).collect();
        let begun = watched
            .iter()
            .map(async |(observer, batch)| match observer {
                Observer::Node(node) => {
                    let container = observers.node_to_ask(node);
                    (None, observers.attach(container, batch).await)
                }
                Observer::Examiner { .. } => {
                    let (name, made) = observers.start_examiner(observer).await;
                    let container = made.map(|()| name.clone());
                    (Some(name), observers.attach(container, batch).await)
                }
            });
        for ((observer, _), (examiner, watcher)) in watched.iter().zip(join_all(begun).await) {
            watch.examiners.extend(examiner);
            watch.watchers.insert((*observer).clone(), watcher);
        }
        watch
    }

    /// Takes away what was made for a watch.
    pub(super) async fn end(self, observers: &Observers) {
        drop(self.watchers);
        join_all(
            self.examiners
                .iter()
                .map(|name| observers.remove_examiner(name)),
        )
        .await;
    }

    /// Who watches for an observer.
    pub(super) fn take(&mut self, observer: &Observer) -> Option<Watcher> {
        self.watchers.remove(observer)
    }
}

/// Asks an observer that watches, and one that does not as ever.
pub(super) async fn ask_watcher(
    observers: &Observers,
    observer: &Observer,
    batch: &ProbeRequest,
    watcher: Option<Watcher>,
) -> Result<AnswersById, NotAnswered> {
    let told = match watcher {
        None => return observers.ask_observer(observer, batch).await,
        Some(Err(reason)) => Err(NotAnswered::now(reason)),
        Some(Ok(attached)) => ask_rest(attached, batch).await,
    };
    let Err(not_answered) = told else {
        return told;
    };
    let (watched, rest) = split_watched(batch);
    let reason = format!("the watch broke off: {}", not_answered.reason);
    let mut said = could_not_look(&watched, &reason, &not_answered.call);
    if !rest.questions.is_empty() {
        let asked = observers.ask_observer(observer, &rest).await;
        said.extend(asked.unwrap_or_else(|not_answered| not_answered.of_all(&rest)));
    }
    Ok(said)
}

/// Tells an agent that the phase is there: it asks the rest of its batch, and then watches no more.
async fn ask_rest(attached: Attached, batch: &ProbeRequest) -> Result<AnswersById, NotAnswered> {
    let Attached { mut input, output } = attached;
    let longest = batch.questions.iter().map(|asked| asked.timeout_ms).max();
    // The rest first, and then the attempts that are under way.
    let limit = Duration::from_millis(longest.unwrap_or(0)) * 2 + GRACE;
    let asked_ms = now_ms();
    let silent = |reason: String| NotAnswered {
        reason,
        call: AgentCall::unanswered(asked_ms, now_ms()),
    };
    let talk = async {
        input.write_all(b"\n").await?;
        input.flush().await?;
        let mut answer = Vec::new();
        output
            .take(MESSAGE_LIMIT + 1)
            .read_to_end(&mut answer)
            .await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = match tokio::time::timeout(limit, talk).await {
        Ok(answer) => answer.map_err(|error| silent(error.to_string()))?,
        Err(_) => return Err(silent(format!("no answer within {limit:?}"))),
    };
    if answer.is_empty() {
        let reason = "the agent ended before it was asked".to_owned();
        return Err(silent(reason));
    }
    let call = answered(asked_ms, &answer);
    if answer.len() as u64 > MESSAGE_LIMIT {
        let reason = "the agent's answer is too long".to_owned();
        return Err(NotAnswered { reason, call });
    }
    parse_answers(batch, &answer, call)
}

fn is_watched(question: &Question) -> bool {
    matches!(question, Question::Availability(_))
}

fn has_watched(batch: &ProbeRequest) -> bool {
    batch
        .questions
        .iter()
        .any(|asked| is_watched(&asked.question))
}

/// What is watched, and what is not.
fn split_watched(batch: &ProbeRequest) -> (ProbeRequest, ProbeRequest) {
    let asked = batch.questions.iter().cloned();
    let (watched, rest) = asked.partition(|asked| is_watched(&asked.question));
    (
        ProbeRequest { questions: watched },
        ProbeRequest { questions: rest },
    )
}
