//! What is asked again and again while a phase is brought about.
//!
//! A watch begins before the phase's first step, and ends when the rest of the batch has been asked.
//! Where the observer does not live through the phase, only what was watched is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use plateau_core::evidence::AgentCall;
use plateau_core::probe::{MESSAGE_LIMIT, ProbeRequest};
use plateau_core::question::Question;
use plateau_core::topology::Observer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::observers::{
    AnswersById, GRACE, NotAnswered, Observers, answered_call, could_not_look, longest, now_ms,
    parse_answers, split,
};
use crate::agent::ObserverCall;
use crate::error::chain;
use crate::runtime::Attached;

/// What each observer of a phase is asked.
pub(super) type Batches = BTreeMap<Observer, ProbeRequest>;

/// Who watches a part of an observer's batch.
enum Watcher {
    /// A worker of the engine's observer, from outside.
    Outside(ObserverCall),
    /// The agent inside, where the node's own programs are run.
    Inside(Attached),
}

/// A part of a batch that is watched, and who watches it, or why nobody does.
type Part = (ProbeRequest, Result<Watcher, String>);

/// What is watched for an observer.
pub(super) struct ObserverWatch {
    parts: Vec<Part>,
    /// The container that was made for it.
    examiner: Option<String>,
}

/// Who watches while one phase is brought about.
pub(super) struct Watch {
    watchers: BTreeMap<Observer, ObserverWatch>,
    /// Containers that were made for it.
    examiners: Vec<String>,
}

impl Watch {
    /// Has everything watched that is to be watched in a phase.
    pub(super) async fn begin(observers: &Observers, batches: &Batches) -> Self {
        let watched = batches
            .iter()
            .map(|(observer, batch)| (observer, split(batch, is_watched).0))
            .filter(|(_, watched)| !watched.questions.is_empty());
        let begun = watched.map(async |(observer, watched)| {
            let (examiner, container) = match observer {
                Observer::Node(node) => (None, observers.node_to_ask(node)),
                Observer::Examiner { .. } => {
                    let (name, made) = observers.start_examiner(observer).await;
                    (Some(name.clone()), made.map(|()| name))
                }
            };
            let parts = begin_parts(observers, container, &watched).await;
            (observer.clone(), ObserverWatch { parts, examiner })
        });
        let watchers: BTreeMap<_, _> = join_all(begun).await.into_iter().collect();
        let examiners = watchers
            .values()
            .filter_map(|watch| watch.examiner.clone())
            .collect();
        Self {
            watchers,
            examiners,
        }
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
    pub(super) fn take(&mut self, observer: &Observer) -> Option<ObserverWatch> {
        self.watchers.remove(observer)
    }
}

/// Begins to watch a batch in a container, in at most two parts.
async fn begin_parts(
    observers: &Observers,
    container: Result<String, String>,
    watched: &ProbeRequest,
) -> Vec<Part> {
    let (inside, outside) = split(watched, |question| question.runs_programs());
    let mut parts = Vec::new();
    if !inside.questions.is_empty() {
        let watcher = match &container {
            Ok(container) => observers.attach(container, &inside).await,
            Err(reason) => Err(reason.clone()),
        };
        parts.push((inside, watcher.map(Watcher::Inside)));
    }
    if !outside.questions.is_empty() {
        let watcher = match &container {
            Ok(container) => observers
                .begin_look(container, &outside)
                .await
                .map_err(|error| chain(&error)),
            Err(reason) => Err(reason.clone()),
        };
        parts.push((outside, watcher.map(Watcher::Outside)));
    }
    parts
}

/// Asks an observer that watches, and one that does not as ever.
pub(super) async fn ask_watcher(
    observers: &Observers,
    observer: &Observer,
    batch: &ProbeRequest,
    watch: Option<ObserverWatch>,
) -> Result<AnswersById, NotAnswered> {
    let Some(ObserverWatch { parts, examiner }) = watch else {
        return observers.ask_observer(observer, batch).await;
    };
    let rest = split(batch, is_watched).1;
    let ask_rest = async {
        if rest.questions.is_empty() {
            return AnswersById::new();
        }
        let asked = match &examiner {
            Some(container) => observers.ask(container, &rest).await,
            None => observers.ask_observer(observer, &rest).await,
        };
        asked.unwrap_or_else(|not_answered| not_answered.of_all(&rest))
    };
    // The rest first: a watch goes on until the phase has been looked at.
    let mut said = ask_rest.await;
    let ended = parts.into_iter().map(async |(part, watcher)| {
        let told = match watcher {
            Err(reason) => Err(NotAnswered::now(reason)),
            Ok(watcher) => end_watch(watcher, &part).await,
        };
        told.unwrap_or_else(|not_answered| {
            let reason = format!("the watch broke off: {}", not_answered.reason);
            could_not_look(&part, &reason, &not_answered.call)
        })
    });
    said.extend(join_all(ended).await.into_iter().flatten());
    Ok(said)
}

/// Ends a watch, and takes what was seen.
async fn end_watch(watcher: Watcher, part: &ProbeRequest) -> Result<AnswersById, NotAnswered> {
    // The attempts that are under way end first.
    let limit = longest(part) * 2 + GRACE;
    let asked_ms = now_ms();
    let answer = match watcher {
        Watcher::Outside(call) => finish_outside(call, limit).await,
        Watcher::Inside(attached) => finish_inside(attached, limit).await,
    };
    match answer {
        Ok(answer) => parse_answers(part, &answer, answered_call(asked_ms, &answer)),
        Err(reason) => Err(NotAnswered {
            reason,
            call: AgentCall::unanswered(asked_ms, now_ms()),
        }),
    }
}

async fn finish_outside(call: ObserverCall, limit: Duration) -> Result<Vec<u8>, String> {
    let finished = async {
        call.finish()?;
        call.answer(limit).await
    };
    finished.await.map_err(|error| chain(&error))
}

async fn finish_inside(attached: Attached, limit: Duration) -> Result<Vec<u8>, String> {
    let Attached { mut input, output } = attached;
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
    let answer = tokio::time::timeout(limit, talk)
        .await
        .map_err(|_| format!("no answer within {limit:?}"))?
        .map_err(|error| error.to_string())?;
    if answer.is_empty() {
        return Err("the agent ended before it was asked".to_owned());
    }
    if answer.len() as u64 > MESSAGE_LIMIT {
        return Err("the agent's answer is too long".to_owned());
    }
    Ok(answer)
}

fn is_watched(question: &Question) -> bool {
    matches!(question, Question::Availability(_))
}
