//! Proofs: every lab of a proof built, worked on, graded and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use plateau_core::api::{ApiError, CheckLab, LabState, LabView, NewProof, ProofEvent, Solve};
use plateau_core::error::{Blame, ErrorCode};
use plateau_core::proof::{Column, Outcome, columns, prove as judge};
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::lab::LabError;
use crate::labs::{Labs, folder_of};

/// Events that the receiver may fall behind before the proof waits for it.
const EVENTS: usize = 64;

/// What one proof is made of.
#[derive(Debug)]
struct Work {
    labs: Labs,
    folder: Folder,
    /// By number of the draw.
    topologies: BTreeMap<u32, Topology>,
    /// Begins the names of its labs.
    name: String,
    events: mpsc::Sender<ProofEvent>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Proves a scenario in the background. The receiver's last event is `Proven` or `Broken`; dropping
/// it ends the proof and removes its labs.
///
/// # Errors
/// The scenario has problems, or the host lacks something that its labs need.
pub async fn prove(labs: &Labs, proof: NewProof) -> Result<mpsc::Receiver<ProofEvent>, LabError> {
    let folder = folder_of(&proof.files)?;
    let scenario = Scenario::read(folder.clone()).map_err(LabError::Scenario)?;
    let mut topologies = BTreeMap::new();
    for draw in 0..=proof.draws {
        let topology = scenario.draw(&format!("proof-{draw}"));
        topologies.insert(draw, topology.map_err(LabError::Scenario)?);
    }
    if let Some(first) = topologies.get(&0) {
        labs.preflight(first).await?;
    }
    prove_drawn(labs, folder, topologies, proof.parallel).await
}

/// The same for topologies drawn already, by the number of the draw from 0.
///
/// # Errors
/// There is no draw 0, or the engine cannot be asked what it has.
pub async fn prove_drawn(
    labs: &Labs,
    folder: Folder,
    topologies: BTreeMap<u32, Topology>,
    parallel: Option<u32>,
) -> Result<mpsc::Receiver<ProofEvent>, LabError> {
    let Some(first) = topologies.get(&0) else {
        return Err(LabError::NoSuchPart {
            what: "draw",
            name: "0".to_owned(),
        });
    };
    let draws = topologies.keys().next_back().copied().unwrap_or(0);
    let columns = columns(first, draws);
    let parallel = match parallel {
        Some(wanted) => usize::try_from(wanted).unwrap_or(1),
        None => at_once(labs, first).await?,
    };
    let unique = uuid::Uuid::now_v7().simple().to_string();
    let (events, receiver) = mpsc::channel(EVENTS);
    let work = Arc::new(Work {
        labs: labs.clone(),
        folder,
        name: format!("proof-{}", &unique[unique.len() - 8..]),
        topologies,
        events,
        cancel: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    tokio::spawn(watch(Arc::clone(&work)).in_current_span());
    tokio::spawn(run(work, columns, parallel.max(1)).in_current_span());
    Ok(receiver)
}

/// As many labs as the engine has cores, at least 2, and fewer where memory is short.
async fn at_once(labs: &Labs, topology: &Topology) -> Result<usize, LabError> {
    let info = labs.runtime().info().await;
    let info = info.map_err(LabError::runtime("ask the engine what it has"))?;
    let each: u64 = topology
        .nodes
        .values()
        .map(|node| node.limits.memory.0)
        .sum();
    // Half of it is left to the host and to others.
    let fit = (info.memory / 2).checked_div(each).unwrap_or(u64::MAX);
    let cores = u64::from(info.cpus.max(2));
    Ok(usize::try_from(cores.min(fit)).unwrap_or(1))
}

/// Ends the proof when nobody listens any longer.
async fn watch(work: Arc<Work>) {
    tokio::select! {
        () = work.events.closed() => work.cancel.cancel(),
        () = work.cancel.cancelled() => {}
    }
}

async fn run(work: Arc<Work>, columns: Vec<Column>, parallel: usize) {
    let of = u32::try_from(columns.len()).unwrap_or(u32::MAX);
    let numbered = columns.iter().cloned().enumerate();
    let mut running = stream::iter(numbered)
        .map(|(number, column)| {
            let job = Arc::clone(&work);
            // A task of its own, so that it ends cleanly although the stream is dropped.
            work.tasks
                .spawn(async move { (number, job.column(number, &column).await) })
        })
        .buffer_unordered(parallel);
    let mut outcomes = BTreeMap::new();
    let mut broken = None;
    while let Some(done) = running.next().await {
        match done {
            Ok((number, Ok(outcome))) => {
                outcomes.insert(number, (columns[number].clone(), outcome));
                let event = ProofEvent::Done {
                    column: columns[number].label(),
                    done: u32::try_from(outcomes.len()).unwrap_or(of),
                    of,
                };
                let _ = work.events.send(event).await;
            }
            Ok((_, Err(error))) => {
                broken = Some(error);
                break;
            }
            Err(error) => {
                broken = Some(ApiError::new(ErrorCode::ProofPanicked, error.to_string()));
                break;
            }
        }
    }
    drop(running);
    // The others are given up, and their labs removed before the last event.
    work.cancel.cancel();
    work.tasks.close();
    work.tasks.wait().await;
    let last = match broken {
        Some(error) => ProofEvent::Broken { error },
        None => {
            let outcomes: Vec<(Column, Outcome)> = outcomes.into_values().collect();
            ProofEvent::Proven {
                proof: Box::new(judge(&work.topologies[&0], &outcomes)),
            }
        }
    };
    let _ = work.events.send(last).await;
}

impl Work {
    /// One column; where the outside fails, or somebody could not look, once more. What nobody can
    /// look at the second time either is the scenario's flaw.
    async fn column(&self, number: usize, column: &Column) -> Result<Outcome, ApiError> {
        let started = ProofEvent::Started {
            column: column.label(),
        };
        let _ = self.events.send(started).await;
        match self.attempt(&format!("{number}"), column).await {
            Err(error) if error.fault == Blame::Outside && !self.cancel.is_cancelled() => {
                tracing::warn!(column = column.label(), error = error.message, "once more");
                self.attempt(&format!("{number}-again"), column).await
            }
            Ok(Outcome::Graded(grade)) if grade.unknown > 0 && !self.cancel.is_cancelled() => {
                tracing::warn!(
                    column = column.label(),
                    unknown = grade.unknown,
                    "once more"
                );
                self.attempt(&format!("{number}-again"), column).await
            }
            other => other,
        }
    }

    /// Builds the column's lab, lets it be worked on, and removes it whatever happens.
    async fn attempt(&self, number: &str, column: &Column) -> Result<Outcome, ApiError> {
        let draw = column.draw();
        let topology = self.topologies.get(&draw).cloned();
        let topology = topology.ok_or_else(|| {
            let name = draw.to_string();
            LabError::NoSuchPart { what: "draw", name }.api()
        })?;
        if self.cancel.is_cancelled() {
            return Err(given_up(&self.name));
        }
        let name = format!("{}-{number}", self.name);
        let created = self
            .labs
            .create_fleeting(&self.folder, topology.clone(), name.clone())
            .await;
        created.map_err(|error| error.api())?;
        let outcome = tokio::select! {
            () = self.cancel.cancelled() => Err(given_up(&name)),
            outcome = self.grade(&name, column, &topology) => outcome,
        };
        match self.labs.down(&name).await {
            Ok(()) | Err(LabError::NoSuchLab { .. }) => outcome,
            Err(error) => outcome.and(Err(error.api())),
        }
    }

    async fn grade(
        &self,
        name: &str,
        column: &Column,
        topology: &Topology,
    ) -> Result<Outcome, ApiError> {
        let view = self.labs.built(name).await.map_err(|error| error.api())?;
        match (view.state, &view.problem) {
            (LabState::Ready, _) => {}
            // A set-up script that fails is the scenario's flaw.
            (_, Some(problem)) if problem.code == ErrorCode::ScriptFailed => {
                return Ok(Outcome::ScriptFailed(problem.message.clone()));
            }
            _ => return Err(view.problem.clone().unwrap_or_else(|| not_built(&view))),
        }
        // They are part of the situation that is worked in, whenever they would have happened.
        match self.labs.let_events_happen(name).await {
            Ok(()) => {}
            Err(error) if error.code() == ErrorCode::ScriptFailed => {
                return Ok(Outcome::ScriptFailed(error.api().message));
            }
            Err(error) => return Err(error.api()),
        }
        let (tasks, mistake) = column.work(topology);
        let solve = Solve {
            tasks: Some(tasks.into_iter().map(str::to_owned).collect()),
            mistake: mistake.map(str::to_owned),
        };
        let solved = self.labs.solve(name, solve).await;
        let solved = solved.map_err(|error| error.api())?;
        if let Some(run) = solved.scripts.last().filter(|_| !solved.solved) {
            let said = format!("{}{}", run.result.stdout, run.result.stderr);
            return Ok(Outcome::ScriptFailed(format!(
                "`{}` failed in `{}` with {}: {}",
                run.script,
                run.node,
                run.result.exit,
                said.trim()
            )));
        }
        let checked = self.labs.check(name, CheckLab { phases: None }).await;
        let checked = checked.map_err(|error| error.api())?;
        Ok(Outcome::Graded(checked.grade))
    }
}

fn given_up(name: &str) -> ApiError {
    let lab = name.to_owned();
    LabError::GivenUp { lab }.api()
}

fn not_built(view: &LabView) -> ApiError {
    LabError::NotReady {
        lab: view.name.clone(),
        state: view.state,
    }
    .api()
}
