//! Grading: every phase brought about, every observer asked once, the facts judged.
//!
//! What cannot be looked at is a fact too, which never costs a point; so nothing in here fails
//! once the phases are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use plateau_core::api::{CheckLab, CheckResultView, NodeState, What};
use plateau_core::grade::{Facts, batches, grade_phases, mark};
use plateau_core::plan::{examiner_wiring, plan_phase};
use plateau_core::probe::{Answers, Asked, Batch, Fact, MESSAGE_LIMIT};
use plateau_core::topology::Observer;

use super::availability::Watch;
use super::{Lab, LabError};
use crate::agent;
use crate::metrics;
use crate::runtime::error::chain;
use crate::runtime::{ExecSpec, Keep, RuntimeError};

/// What an answer may take beyond the longest of its questions.
pub(super) const GRACE: Duration = Duration::from_secs(5);

impl Lab {
    /// Grades the lab in some phases, or in all.
    pub(super) async fn check(
        self: &Arc<Self>,
        check: CheckLab,
    ) -> Result<CheckResultView, LabError> {
        let graded = self.grade(check).await;
        metrics::graded(graded.is_ok());
        graded
    }

    async fn grade(self: &Arc<Self>, check: CheckLab) -> Result<CheckResultView, LabError> {
        let phases = self.phases(check.phases)?;
        let _work = self.work.lock().await;
        // What an earlier grading could not undo would be this candidate's loss.
        self.make_whole().await?;
        self.prepare(&phases).await?;
        let mut facts = Facts::new();
        let mut took_ms = BTreeMap::new();
        let mut broken = None;
        for phase in &phases {
            self.emit(What::PhaseStarted {
                phase: phase.clone(),
            });
            let begun = Instant::now();
            let mut asked = batches(&self.topology, phase, &facts);
            mark(&mut asked, &uuid::Uuid::now_v7().to_string());
            facts.extend(self.grade_phase(phase, &asked, &mut broken).await);
            metrics::phase_graded(phase, begun.elapsed());
            let took = begun.elapsed().as_millis();
            took_ms.insert(phase.clone(), u64::try_from(took).unwrap_or(u64::MAX));
        }
        if let Err(error) = self.make_whole().await {
            let reason = chain(&error);
            tracing::error!(lab = %self.marker.name, reason, "not undone, and tried again later");
        }
        Ok(CheckResultView {
            grade: grade_phases(&self.topology, &facts, &phases),
            took_ms,
        })
    }

    /// The phases to grade, in the scenario's order.
    fn phases(&self, wanted: Option<Vec<String>>) -> Result<Vec<String>, LabError> {
        let known: Vec<String> = self.topology.phase_names().map(str::to_owned).collect();
        let Some(wanted) = wanted else {
            return Ok(known);
        };
        if let Some(unknown) = wanted.iter().find(|phase| !known.contains(phase)) {
            return Err(LabError::NoSuchPart {
                what: "phase",
                name: unknown.clone(),
            });
        }
        let wanted: BTreeSet<String> = wanted.into_iter().collect();
        Ok(known
            .into_iter()
            .filter(|phase| wanted.contains(phase))
            .collect())
    }

    /// Brings a phase about, watching what is to be watched meanwhile, and looks. One that builds on
    /// a phase that could not be brought about cannot be either: `broken` says why.
    async fn grade_phase(
        self: &Arc<Self>,
        phase: &str,
        batches: &Batches,
        broken: &mut Option<String>,
    ) -> Facts {
        let plan = plan_phase(&self.topology, phase);
        if plan.copies {
            *broken = self.as_left(phase).await.err();
        }
        if let Some(reason) = broken {
            return all_blind(batches, reason);
        }
        let mut watch = self.begin_watch(batches).await;
        let facts = match self.bring_phase_about(phase, &plan.actions).await {
            Ok(()) => self.look(batches, &mut watch).await,
            Err(reason) => {
                let facts = all_blind(batches, &reason);
                *broken = Some(reason);
                facts
            }
        };
        self.end_watch(watch).await;
        facts
    }

    /// Asks all observers of a phase at the same time.
    async fn look(self: &Arc<Self>, batches: &Batches, watch: &mut Watch) -> Facts {
        let watchers = batches.keys().map(|observer| watch.take(observer));
        let watchers: Vec<_> = watchers.collect();
        let asked = batches.iter().zip(watchers).map(async |((observer, batch), watcher)| {
            let answered = self.ask_watcher(observer, batch, watcher).await;
            answered.unwrap_or_else(|reason| {
                tracing::warn!(lab = %self.marker.name, observer = observer.label(), reason, "blind");
                blind(batch, &reason).collect()
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    pub(super) async fn ask_observer(
        self: &Arc<Self>,
        observer: &Observer,
        batch: &Batch,
    ) -> Result<Facts, String> {
        match observer {
            Observer::Node(node) => self.ask(&self.node_to_ask(node)?, batch).await,
            Observer::Examiner { .. } => {
                let (name, made) = self.bring_examiner(observer).await;
                let asked = async {
                    made?;
                    self.ask(&name, batch).await
                };
                let answered = asked.await;
                self.remove_examiner(&name).await;
                answered
            }
        }
    }

    /// The container of a node that can be asked, or why it cannot.
    pub(super) fn node_to_ask(&self, node: &str) -> Result<String, String> {
        match self.node_state(node) {
            NodeState::Running => Ok(self.container(node)),
            NodeState::Stopped => Err(format!("node `{node}` is stopped")),
            NodeState::Rebooting => Err(format!("node `{node}` is between two boots")),
            NodeState::Absent => Err(format!("node `{node}` is not there")),
        }
    }

    /// Plugs an examiner in: its name, and why it cannot be asked where it cannot.
    pub(super) async fn bring_examiner(
        self: &Arc<Self>,
        observer: &Observer,
    ) -> (String, Result<(), String>) {
        let number = self.examiners.fetch_add(1, Ordering::Relaxed);
        let name = self.examiner(number);
        let lab = Arc::clone(self);
        let spec = self.examiner_spec(number, &observer.label());
        let made = self.to_its_end(async move {
            let runtime = &lab.ground.runtime;
            let doing = "bring the examiner in";
            let created = runtime.create_container(&spec).await;
            created.map_err(LabError::runtime(doing))?;
            let started = runtime.start_container(&spec.name).await;
            started.map_err(LabError::runtime(doing))
        });
        let brought = async {
            made.await.map_err(|error| chain(&error))?;
            let wiring = examiner_wiring(&self.topology, &name, number, observer)
                .ok_or("the examiner's network is not there")?;
            let wired = self.wire(&wiring).await;
            wired.map(drop).map_err(|error| chain(&error))
        };
        let brought = brought.await;
        (name, brought)
    }

    /// Takes an examiner away.
    pub(super) async fn remove_examiner(&self, name: &str) {
        if let Err(error) = self.ground.runtime.remove_container(name).await {
            // It goes with the lab at the latest.
            tracing::warn!(container = name, %error, "an examiner stays");
        }
    }

    /// One call of the agent. What a node says is never trusted to be short, or to make sense.
    async fn ask(&self, container: &str, batch: &Batch) -> Result<Facts, String> {
        let longest = batch.questions.iter().map(|asked| asked.timeout_ms).max();
        let exec = ExecSpec {
            argv: vec![program_for(batch).to_owned(), "probe".to_owned()],
            env: BTreeMap::new(),
            stdin: serde_json::to_vec(batch).map_err(|error| error.to_string())?,
            timeout: Duration::from_millis(longest.unwrap_or(0)) + GRACE,
            limit: usize::try_from(MESSAGE_LIMIT).unwrap_or(usize::MAX),
            keep: Keep::Head,
        };
        let output = match self.ground.runtime.exec(container, &exec).await {
            Ok(output) => output,
            Err(RuntimeError::NotRunning { .. }) => return Err("the node is stopped".to_owned()),
            Err(error) => return Err(chain(&error)),
        };
        if output.truncated {
            return Err("the agent's answer is too long".to_owned());
        }
        facts_of(batch, &output.stdout).map_err(|reason| {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.trim().chars().take(200).collect();
            format!("{reason} (exit {}) {said}", output.exit)
        })
    }
}

/// What each observer of a phase is asked.
pub(super) type Batches = BTreeMap<Observer, Batch>;

/// The agent looks inside a node; what is asked across the network takes the grader's clients.
pub(super) fn program_for(batch: &Batch) -> &'static str {
    let takes_client = |asked: &Asked| asked.question.takes_client();
    if batch.questions.iter().any(takes_client) {
        agent::GRADER
    } else {
        agent::PATH
    }
}

/// The facts in what an agent said.
pub(super) fn facts_of(batch: &Batch, said: &[u8]) -> Result<Facts, String> {
    let answers: Answers = serde_json::from_slice(said)
        .map_err(|error| format!("the agent's answer makes no sense: {error}"))?;
    let mut facts: Facts = blind(batch, "the agent gave no answer").collect();
    for answer in answers.answers {
        // Only what was asked: a node must not answer for another.
        if let Some(fact) = facts.get_mut(&answer.id) {
            *fact = answer.fact;
        }
    }
    Ok(facts)
}

/// Nobody could look at anything of a phase.
fn all_blind(batches: &Batches, reason: &str) -> Facts {
    let batches = batches.values();
    batches.flat_map(|batch| blind(batch, reason)).collect()
}

/// Nobody could look.
pub(super) fn blind<'a>(
    batch: &'a Batch,
    reason: &'a str,
) -> impl Iterator<Item = (String, Fact)> + 'a {
    batch.questions.iter().map(|asked| {
        let reason = reason.to_owned();
        (asked.id.clone(), Fact::CouldNotLook { reason })
    })
}
