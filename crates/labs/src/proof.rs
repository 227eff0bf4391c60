//! Proofs: each lab of a proof is built, worked on, graded and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use plateau_core::api::{
    ApiError, CheckRequest, LabState, LabView, ProofEvent, ProofRequest, SolveRequest,
};
use plateau_core::error::{Blame, ErrorCode};
use plateau_core::proof::{FurtherDraws, Outcome, Proof, ProofColumn, columns, prove as judge};
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::lab::{LabError, Reopening};
use crate::labs::{Labs, folder_of};

mod cache;
mod load;
mod sharing;

/// Events that the receiver may fall behind before the proof waits for it.
const EVENTS: usize = 64;

/// What one proof is made of.
#[derive(Debug)]
struct ProofRun {
    labs: Labs,
    folder: Folder,
    /// By number of the draw.
    topologies: BTreeMap<u32, Topology>,
    /// Begins the names of its labs.
    name: String,
    events: mpsc::Sender<ProofEvent>,
    /// Where the proof is kept where it holds.
    entry: Option<cache::Entry>,
    /// By number of the draw.
    shared: BTreeMap<u32, sharing::Shared>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Proves a scenario in the background. The receiver's last event is `Proven` or `Broken`; dropping
/// it cancels the proof and removes its labs. A stored proof is returned instead, unless a new one is
/// requested.
///
/// # Errors
/// The scenario has problems, or the host lacks something that its labs need.
pub async fn prove(
    labs: &Labs,
    proof: ProofRequest,
) -> Result<mpsc::Receiver<ProofEvent>, LabError> {
    let folder = folder_of(&proof.files)?;
    let scenario = Scenario::read(folder.clone()).map_err(LabError::Scenario)?;
    let mut topologies = BTreeMap::new();
    for draw in 0..=proof.draws {
        let topology = scenario.draw(&format!("proof-{draw}"));
        topologies.insert(draw, topology.map_err(LabError::Scenario)?);
    }
    let mut entry = None;
    if let Some(first) = topologies.get(&0) {
        labs.preflight(first).await?;
        let asked = cache::Entry::of(labs, &proof, first).await?;
        if !proof.again
            && let Some(known) = asked.find(labs).await
        {
            return Ok(proven_before(known));
        }
        entry = Some(asked);
    }
    let wanted = Wanted {
        further_draws: proof.further_draws,
        parallel: proof.parallel,
        entry,
    };
    begin(labs, folder, topologies, wanted).await
}

/// Runs all columns of topologies that are already drawn, by the number of the draw from 0.
///
/// # Errors
/// There is no draw 0, or the engine cannot be asked what it has.
pub async fn prove_drawn(
    labs: &Labs,
    folder: Folder,
    topologies: BTreeMap<u32, Topology>,
    parallel: Option<u32>,
) -> Result<mpsc::Receiver<ProofEvent>, LabError> {
    let wanted = Wanted {
        further_draws: FurtherDraws::All,
        parallel,
        entry: None,
    };
    begin(labs, folder, topologies, wanted).await
}

/// What is wanted of a proof.
struct Wanted {
    further_draws: FurtherDraws,
    parallel: Option<u32>,
    entry: Option<cache::Entry>,
}

/// A proof of which nothing is left to be done.
fn proven_before(proof: Proof) -> mpsc::Receiver<ProofEvent> {
    let (events, receiver) = mpsc::channel(1);
    // There is room for one.
    let _ = events.try_send(ProofEvent::Proven {
        proof: Box::new(proof),
        cached: true,
    });
    receiver
}

async fn begin(
    labs: &Labs,
    folder: Folder,
    topologies: BTreeMap<u32, Topology>,
    wanted: Wanted,
) -> Result<mpsc::Receiver<ProofEvent>, LabError> {
    let Some(first) = topologies.get(&0) else {
        return Err(LabError::NoSuchPart {
            what: "draw",
            name: "0".to_owned(),
        });
    };
    let draws = topologies.keys().next_back().copied().unwrap_or(0);
    let columns = columns(first, draws, wanted.further_draws);
    let parallel = match wanted.parallel {
        Some(wanted) => usize::try_from(wanted).unwrap_or(1),
        None => load::at_once(labs, first).await?,
    };
    let unique = uuid::Uuid::now_v7().simple().to_string();
    let (events, receiver) = mpsc::channel(EVENTS);
    let work = Arc::new(ProofRun {
        labs: labs.clone(),
        folder,
        name: format!("proof-{}", &unique[unique.len() - 8..]),
        shared: sharing::shared(&topologies, &columns),
        topologies,
        events,
        entry: wanted.entry,
        cancel: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    tokio::spawn(watch(Arc::clone(&work)).in_current_span());
    tokio::spawn(run(work, columns, parallel.max(1)).in_current_span());
    Ok(receiver)
}

/// Ends the proof when nobody listens any longer.
async fn watch(work: Arc<ProofRun>) {
    tokio::select! {
        () = work.events.closed() => work.cancel.cancel(),
        () = work.cancel.cancelled() => {}
    }
}

async fn run(work: Arc<ProofRun>, columns: Vec<ProofColumn>, parallel: usize) {
    let of = u32::try_from(columns.len()).unwrap_or(u32::MAX);
    let mut running = stream::iter(sharing::in_order(&work.topologies, &columns))
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
    work.end_all_shared().await;
    let last = match broken {
        Some(error) => ProofEvent::Failed { error },
        None => {
            let outcomes: Vec<(ProofColumn, Outcome)> = outcomes.into_values().collect();
            let proof = judge(&work.topologies[&0], &outcomes);
            if let Some(entry) = work.entry.clone() {
                entry.keep(&work.labs, &proof).await;
            }
            ProofEvent::Proven {
                proof: Box::new(proof),
                cached: false,
            }
        }
    };
    let _ = work.events.send(last).await;
}

impl ProofRun {
    /// One column.
    async fn column(&self, number: usize, column: &ProofColumn) -> Result<Outcome, ApiError> {
        let started = ProofEvent::Started {
            column: column.label(),
        };
        let _ = self.events.send(started).await;
        if let Some(outcome) = self.grade_shared(number, column).await {
            return Ok(outcome);
        }
        let outcome = self.afresh(number, column).await;
        self.decide(number, column, &outcome).await;
        outcome
    }

    /// One column in a lab built afresh; where the outside fails, or somebody could not look, once
    /// more. What nobody can look at the second time either is the scenario's flaw.
    async fn afresh(&self, number: usize, column: &ProofColumn) -> Result<Outcome, ApiError> {
        match self.attempt(&format!("{number}"), column, None).await {
            Err(error) if error.blame == Blame::Outside && !self.cancel.is_cancelled() => {
                tracing::warn!(column = column.label(), error = error.message, "once more");
                self.attempt(&format!("{number}-again"), column, None).await
            }
            Ok(Outcome::Graded(grade)) if grade.unknown > 0 && !self.cancel.is_cancelled() => {
                tracing::warn!(
                    column = column.label(),
                    unknown = grade.unknown,
                    "once more"
                );
                self.attempt(&format!("{number}-again"), column, None).await
            }
            other => other,
        }
    }

    /// Builds the column's lab, afresh or from the disks of a solved one, lets it be worked on, and
    /// removes it whatever happens, unless others start from it.
    async fn attempt(
        &self,
        number: &str,
        column: &ProofColumn,
        start: Option<Reopening>,
    ) -> Result<Outcome, ApiError> {
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
        let from_disks = start.is_some();
        let work = match from_disks {
            false => work_of(column, &topology),
            true => mistake_of(column),
        };
        let (labs, folder, drawn) = (&self.labs, &self.folder, topology.clone());
        let created = match start {
            None => labs.create_fleeting(folder, drawn, name.clone()).await,
            Some(start) => labs.create_from(folder, drawn, name.clone(), start).await,
        };
        created.map_err(|error| error.api())?;
        let outcome = tokio::select! {
            () = self.cancel.cancelled() => Err(given_up(&name)),
            outcome = self.grade(&name, work, column, from_disks) => outcome,
        };
        if self.is_shared(&name) {
            return outcome;
        }
        match self.labs.down(&name).await {
            Ok(()) | Err(LabError::NoSuchLab { .. }) => outcome,
            Err(error) => outcome.and(Err(error.api())),
        }
    }

    async fn grade(
        &self,
        name: &str,
        work: SolveRequest,
        column: &ProofColumn,
        from_disks: bool,
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
        if from_disks {
            self.settle(name, column).await;
        }
        // They are part of the situation that is worked in, whenever they would have happened.
        match self.labs.trigger_events(name).await {
            Ok(()) => {}
            Err(error) if error.code() == ErrorCode::ScriptFailed => {
                return Ok(Outcome::ScriptFailed(error.api().message));
            }
            Err(error) => return Err(error.api()),
        }
        let solved = self.labs.solve(name, work).await;
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
        if !from_disks {
            self.share(name, column).await;
        }
        let checked = self.labs.check(name, CheckRequest { phases: None }).await;
        let checked = checked.map_err(|error| error.api())?;
        Ok(Outcome::Graded(checked.grade))
    }
}

/// What is done in a lab that was built afresh.
fn work_of(column: &ProofColumn, topology: &Topology) -> SolveRequest {
    let (tasks, mistake) = column.work(topology);
    SolveRequest {
        tasks: Some(tasks.into_iter().map(str::to_owned).collect()),
        mistake: mistake.map(str::to_owned),
    }
}

/// What is left to be done in a lab in which all is solved.
fn mistake_of(column: &ProofColumn) -> SolveRequest {
    let mistake = match column {
        ProofColumn::Mistake { mistake, .. } => Some(mistake.clone()),
        ProofColumn::Untouched { .. }
        | ProofColumn::Solved { .. }
        | ProofColumn::Without { .. } => None,
    };
    SolveRequest {
        tasks: Some(vec![]),
        mistake,
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
