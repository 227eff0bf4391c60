//! Observers: nodes, and examiners that are brought in. Each is looked at from outside, by a worker of
//! the engine's observer; only what runs a node's own programs is asked inside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use plateau_core::api::NodeState;
use plateau_core::evidence::{AgentCall, AnsweredQuestion};
use plateau_core::plan::examiner_wiring;
use plateau_core::probe::{Fact, MESSAGE_LIMIT, ProbeQuestion, ProbeRequest, ProbeResponse};
use plateau_core::question::{Expectation, Question};
use plateau_core::topology::Observer;
use tokio::io::AsyncWriteExt;

use super::LabError;
use super::containers::Containers;
use super::core::LabCore;
use super::wirer::Wirer;
use crate::agent::{ObserverCall, ObserverError};
use crate::error::chain;
use crate::layout;
use crate::runtime::{Attached, ExecSpec, OutputEnd, RuntimeError};

/// What an answer may take beyond the longest of its questions.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What a single question goes by.
const CONDITION: &str = "condition";

/// What was answered, by the questions' identifiers.
pub(super) type AnswersById = BTreeMap<String, AnsweredQuestion>;

/// Why nothing was answered.
#[derive(Debug)]
pub(super) struct NotAnswered {
    /// Why, in words.
    pub(super) reason: String,
    /// The call, which may not have been made at all.
    pub(super) call: AgentCall,
}

impl NotAnswered {
    /// Nobody was asked, from now on.
    pub(super) fn now(reason: String) -> Self {
        let now = now_ms();
        Self {
            reason,
            call: AgentCall::unanswered(now, now),
        }
    }

    /// That it is what became of every question of a batch.
    pub(super) fn of_all(self, batch: &ProbeRequest) -> AnswersById {
        could_not_look(batch, &self.reason, &self.call)
    }
}

/// Asks nodes, and examiners that are brought in for it.
#[derive(Debug)]
pub(super) struct Observers {
    core: Arc<LabCore>,
    containers: Arc<Containers>,
    wirer: Arc<Wirer>,
    /// Examiners that there have been.
    examiners: AtomicUsize,
}

impl Observers {
    pub(super) fn new(core: Arc<LabCore>, containers: Arc<Containers>, wirer: Arc<Wirer>) -> Self {
        Self {
            examiners: AtomicUsize::default(),
            core,
            containers,
            wirer,
        }
    }

    /// Asks an observer all of a batch; an examiner is brought in for it.
    pub(super) async fn ask_observer(
        &self,
        observer: &Observer,
        batch: &ProbeRequest,
    ) -> Result<AnswersById, NotAnswered> {
        match observer {
            Observer::Node(node) => {
                let container = self.node_to_ask(node).map_err(NotAnswered::now)?;
                self.ask(&container, batch).await
            }
            Observer::Examiner { .. } => {
                let (name, made) = self.start_examiner(observer).await;
                let asked = async {
                    made.map_err(NotAnswered::now)?;
                    self.ask(&name, batch).await
                };
                let answered = asked.await;
                self.remove_examiner(&name).await;
                answered
            }
        }
    }

    /// Asks all of a batch: what runs programs of the container inside it, all else from outside.
    pub(super) async fn ask(
        &self,
        container: &str,
        batch: &ProbeRequest,
    ) -> Result<AnswersById, NotAnswered> {
        let (inside, outside) = split(batch, |question| question.runs_programs());
        match (inside.questions.is_empty(), outside.questions.is_empty()) {
            (true, _) => self.look(container, &outside).await,
            (false, true) => self.ask_inside(container, &inside).await,
            (false, false) => {
                let (ran, seen) = futures_util::join!(
                    self.ask_inside(container, &inside),
                    self.look(container, &outside)
                );
                // One of them may be there without the other.
                let mut all = ran.unwrap_or_else(|not_answered| not_answered.of_all(&inside));
                all.extend(seen.unwrap_or_else(|not_answered| not_answered.of_all(&outside)));
                Ok(all)
            }
        }
    }

    /// Looks from outside. An observer that ended meanwhile is asked once more: nothing that is
    /// looked at changes by that.
    async fn look(
        &self,
        container: &str,
        batch: &ProbeRequest,
    ) -> Result<AnswersById, NotAnswered> {
        let asked_ms = now_ms();
        let mut answered = self.look_once(container, batch).await;
        if let Err(ObserverError::Ended) = answered {
            tracing::warn!(lab = %self.core.marker.name, "the observer ended, and is asked again");
            answered = self.look_once(container, batch).await;
        }
        match answered {
            Ok(answer) => {
                // Only a worker that ended well has answered.
                let call = AgentCall {
                    exit: Some(0),
                    ..answered_call(asked_ms, &answer)
                };
                parse_answers(batch, &answer, call)
            }
            Err(error) => Err(NotAnswered {
                reason: chain(&error),
                call: AgentCall::unanswered(asked_ms, now_ms()),
            }),
        }
    }

    async fn look_once(
        &self,
        container: &str,
        batch: &ProbeRequest,
    ) -> Result<Vec<u8>, ObserverError> {
        let limit = longest(batch) + GRACE;
        let call = self.begin_look(container, batch).await?;
        call.answer(limit).await
    }

    /// Has a worker of the observer enter a container with a batch.
    pub(super) async fn begin_look(
        &self,
        container: &str,
        batch: &ProbeRequest,
    ) -> Result<ObserverCall, ObserverError> {
        let failed = |reason: String| ObserverError::Failed { reason };
        let (pid, container) = match self.containers.process(container).await {
            Ok(process) => process,
            Err(LabError::NodeStopped { .. }) => {
                return Err(failed("the node is stopped".to_owned()));
            }
            Err(error) => return Err(failed(chain(&error))),
        };
        let batch = serde_json::to_vec(batch).map_err(|error| failed(error.to_string()))?;
        self.core.context.agent.look(pid, container, batch).await
    }

    /// Has one question asked.
    pub(super) async fn see(
        &self,
        observer: &Observer,
        expectation: &Expectation,
        limit: Duration,
    ) -> Fact {
        let batch = ProbeRequest {
            questions: vec![ProbeQuestion {
                id: CONDITION.to_owned(),
                question: expectation.question(),
                wants: expectation.wants(),
                timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            }],
        };
        let could_not = |reason: String| Fact::CouldNotLook { reason };
        match self.ask_observer(observer, &batch).await {
            Ok(mut said) => match said.remove(CONDITION) {
                Some(answered) => answered.fact,
                None => could_not("the agent gave no answer".to_owned()),
            },
            Err(not_answered) => could_not(not_answered.reason),
        }
    }

    /// The container of a node that can be asked, or why it cannot.
    pub(super) fn node_to_ask(&self, node: &str) -> Result<String, String> {
        match self.core.node_state(node) {
            NodeState::Running => Ok(self.containers.current(node)),
            NodeState::Stopped => Err(format!("node `{node}` is stopped")),
            NodeState::Rebooting => Err(format!("node `{node}` is between two boots")),
            NodeState::Absent => Err(format!("node `{node}` is not there")),
        }
    }

    /// Plugs an examiner in: its name, and why it cannot be asked where it cannot.
    pub(super) async fn start_examiner(&self, observer: &Observer) -> (String, Result<(), String>) {
        let number = self.examiners.fetch_add(1, Ordering::Relaxed);
        let name = self.containers.examiner(number);
        let core = Arc::clone(&self.core);
        let spec = self.containers.examiner_spec(number, &observer.label());
        let made = self.core.call_engine(async move {
            let runtime = &core.context.runtime;
            let doing = "bring the examiner in";
            let created = runtime.create_container(&spec).await;
            created.map_err(LabError::runtime(doing))?;
            let started = runtime.start_container(&spec.name).await;
            started.map_err(LabError::runtime(doing))
        });
        let brought = async {
            made.await.map_err(|error| chain(&error))?;
            let wiring = examiner_wiring(&self.core.topology, &name, number, observer)
                .ok_or("the examiner's network is not there")?;
            let wired = self.wirer.wire(&wiring).await;
            wired.map(drop).map_err(|error| chain(&error))
        };
        let brought = brought.await;
        (name, brought)
    }

    /// Takes an examiner away.
    pub(super) async fn remove_examiner(&self, name: &str) {
        if let Err(error) = self.core.context.runtime.remove_container(name).await {
            // It goes with the lab at the latest.
            tracing::warn!(container = name, %error, "an examiner stays");
        }
    }

    /// Attaches to an agent in a container, which takes a batch and watches.
    pub(super) async fn attach(
        &self,
        container: &str,
        batch: &ProbeRequest,
    ) -> Result<Attached, String> {
        let argv = [layout::AGENT, "probe"].map(str::to_owned);
        let mut line = serde_json::to_vec(batch).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let attached = self.core.context.runtime.attach(container, &argv).await;
        let mut attached = attached.map_err(|error| chain(&error))?;
        let sent = async {
            attached.input.write_all(&line).await?;
            attached.input.flush().await
        };
        sent.await.map_err(|error| error.to_string())?;
        Ok(attached)
    }

    /// One call of the agent in a container. What a node says is never trusted to be short, or to make
    /// sense, and an agent that did not end well has not answered.
    async fn ask_inside(
        &self,
        container: &str,
        batch: &ProbeRequest,
    ) -> Result<AnswersById, NotAnswered> {
        let batched = serde_json::to_vec(batch);
        let exec = ExecSpec {
            argv: vec![layout::AGENT.to_owned(), "probe".to_owned()],
            env: BTreeMap::new(),
            stdin: batched.map_err(|error| NotAnswered::now(error.to_string()))?,
            timeout: longest(batch) + GRACE,
            limit: usize::try_from(MESSAGE_LIMIT).unwrap_or(usize::MAX),
            keep: OutputEnd::Head,
        };
        let asked_ms = now_ms();
        let output = match self.core.context.runtime.exec(container, &exec).await {
            Ok(output) => output,
            Err(error) => {
                let reason = match matches!(error, RuntimeError::NotRunning { .. }) {
                    true => "the node is stopped".to_owned(),
                    false => chain(&error),
                };
                let call = AgentCall::unanswered(asked_ms, now_ms());
                return Err(NotAnswered { reason, call });
            }
        };
        let call = AgentCall {
            exit: Some(output.exit),
            ..answered_call(asked_ms, &output.stdout)
        };
        if output.exit != 0 {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.trim().chars().take(200).collect();
            let reason = format!("the agent ended with {}: {said}", output.exit);
            return Err(NotAnswered { reason, call });
        }
        if output.truncated {
            let reason = "the agent's answer is too long".to_owned();
            return Err(NotAnswered { reason, call });
        }
        parse_answers(batch, &output.stdout, call)
    }
}

/// The longest limit of a batch's questions.
pub(super) fn longest(batch: &ProbeRequest) -> Duration {
    let limits = batch.questions.iter().map(|asked| asked.timeout_ms);
    Duration::from_millis(limits.max().unwrap_or(0))
}

/// The part of a batch whose questions have a property, and the rest.
pub(super) fn split(
    batch: &ProbeRequest,
    has: impl Fn(&Question) -> bool,
) -> (ProbeRequest, ProbeRequest) {
    let asked = batch.questions.iter().cloned();
    let (with, without) = asked.partition(|asked| has(&asked.question));
    (
        ProbeRequest { questions: with },
        ProbeRequest { questions: without },
    )
}

/// The answers in what an agent said.
pub(super) fn parse_answers(
    batch: &ProbeRequest,
    said: &[u8],
    call: AgentCall,
) -> Result<AnswersById, NotAnswered> {
    let answers: ProbeResponse = match serde_json::from_slice(said) {
        Ok(answers) => answers,
        Err(error) => {
            let reason = format!("the agent's answer makes no sense: {error}");
            return Err(NotAnswered { reason, call });
        }
    };
    let call = call.by(&answers.agent);
    let mut all = could_not_look(batch, "the agent gave no answer", &call);
    for answer in answers.answers {
        // Only what was asked: a node must not answer for another.
        if let Some(known) = all.get_mut(&answer.id) {
            known.fact = answer.fact;
            known.took_ms = Some(answer.took_ms);
        }
    }
    Ok(all)
}

/// A call that was answered so just now.
pub(super) fn answered_call(asked_ms: u64, answer: &[u8]) -> AgentCall {
    AgentCall {
        answer: Some(blake3::hash(answer).to_hex().to_string()),
        ..AgentCall::unanswered(asked_ms, now_ms())
    }
}

/// Nobody could look.
pub(super) fn could_not_look(batch: &ProbeRequest, reason: &str, call: &AgentCall) -> AnswersById {
    let facts = batch.questions.iter().map(|asked| {
        let answered = AnsweredQuestion {
            fact: Fact::CouldNotLook {
                reason: reason.to_owned(),
            },
            took_ms: None,
            call: call.clone(),
        };
        (asked.id.clone(), answered)
    });
    facts.collect()
}

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}
