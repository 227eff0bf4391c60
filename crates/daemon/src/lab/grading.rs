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
use plateau_core::grade::{Facts, batches, grade};
use plateau_core::plan::{examiner_wiring, plan_phase};
use plateau_core::probe::{Answers, Asked, Batch, Fact, MESSAGE_LIMIT};
use plateau_core::question::Vantage;
use plateau_core::topology::Observer;

use super::{Lab, LabError};
use crate::agent;
use crate::runtime::error::chain;
use crate::runtime::{ExecSpec, Keep, RuntimeError};

/// What an answer may take beyond the longest of its questions.
const GRACE: Duration = Duration::from_secs(5);

impl Lab {
    /// Grades the lab in some phases, or in all.
    pub(super) async fn check(
        self: &Arc<Self>,
        check: CheckLab,
    ) -> Result<CheckResultView, LabError> {
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
            facts.extend(self.grade_phase(phase, &mut broken).await);
            let took = begun.elapsed().as_millis();
            took_ms.insert(phase.clone(), u64::try_from(took).unwrap_or(u64::MAX));
        }
        if let Err(error) = self.make_whole().await {
            let reason = chain(&error);
            tracing::error!(lab = %self.marker.name, reason, "not undone, and tried again later");
        }
        let mut topology = self.topology.clone();
        for task in &mut topology.tasks {
            task.checks.retain(|check| phases.contains(&check.phase));
        }
        Ok(CheckResultView {
            grade: grade(&topology, &facts),
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

    /// Brings a phase about and looks. One that builds on a phase that could not be brought about
    /// cannot be either: `broken` says why.
    async fn grade_phase(self: &Arc<Self>, phase: &str, broken: &mut Option<String>) -> Facts {
        if plan_phase(&self.topology, phase).copies {
            *broken = None;
        }
        if broken.is_none()
            && let Err(error) = self.bring_phase_about(phase).await
        {
            let reason = chain(&error);
            tracing::warn!(lab = %self.marker.name, phase, reason, "no such phase");
            *broken = Some(format!(
                "phase `{phase}` could not be brought about: {reason}"
            ));
        }
        match broken {
            None => self.look(phase).await,
            Some(reason) => {
                let batches = batches(&self.topology, phase);
                let batches = batches.values();
                batches.flat_map(|batch| blind(batch, reason)).collect()
            }
        }
    }

    /// Asks all observers of a phase at the same time.
    async fn look(self: &Arc<Self>, phase: &str) -> Facts {
        let batches = batches(&self.topology, phase);
        let asked = batches.iter().map(async |(observer, batch)| {
            let answered = self.ask_observer(observer, batch).await;
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
            Observer::Node(node) => self.ask_node(node, batch).await,
            Observer::Examiner { .. } => self.ask_examiner(observer, batch).await,
        }
    }

    async fn ask_node(&self, node: &str, batch: &Batch) -> Result<Facts, String> {
        match self.node_state(node) {
            NodeState::Running => self.ask(&self.container(node), batch).await,
            NodeState::Stopped => Err(format!("node `{node}` is stopped")),
            NodeState::Rebooting => Err(format!("node `{node}` is between two boots")),
            NodeState::Absent => Err(format!("node `{node}` is not there")),
        }
    }

    /// Plugs an examiner in, asks it and takes it away.
    async fn ask_examiner(
        self: &Arc<Self>,
        observer: &Observer,
        batch: &Batch,
    ) -> Result<Facts, String> {
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
        let asked = async {
            made.await.map_err(|error| chain(&error))?;
            let wiring = examiner_wiring(&self.topology, &name, number, observer)
                .ok_or("the examiner's network is not there")?;
            self.wire(&wiring).await.map_err(|error| chain(&error))?;
            self.ask(&name, batch).await
        };
        let answered = asked.await;
        if let Err(error) = self.ground.runtime.remove_container(&name).await {
            // It goes with the lab at the latest.
            tracing::warn!(container = name, %error, "an examiner stays");
        }
        answered
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
        let answers: Answers = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.trim().chars().take(200).collect();
            let exit = output.exit;
            format!("the agent's answer makes no sense: {error} (exit {exit}) {said}")
        })?;
        let mut facts: Facts = blind(batch, "the agent gave no answer").collect();
        for answer in answers.answers {
            // Only what was asked: a node must not answer for another.
            if let Some(fact) = facts.get_mut(&answer.id) {
                *fact = answer.fact;
            }
        }
        Ok(facts)
    }
}

/// The agent looks inside a node; what is asked across the network takes the grader's clients.
fn program_for(batch: &Batch) -> &'static str {
    let across = |asked: &Asked| asked.question.vantage() == Vantage::Across;
    if batch.questions.iter().any(across) {
        agent::GRADER
    } else {
        agent::PATH
    }
}

/// Nobody could look.
fn blind<'a>(batch: &'a Batch, reason: &'a str) -> impl Iterator<Item = (String, Fact)> + 'a {
    batch.questions.iter().map(|asked| {
        let reason = reason.to_owned();
        (asked.id.clone(), Fact::CouldNotLook { reason })
    })
}
