//! The task that owns a lab: commands in, events out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::FutureExt;
use plateau_core::api::{
    CheckRequest, ExecRequest, ExecResult, LabGradeView, LabState, LabView, SolveRequest,
    SolveResult,
};
use plateau_core::evidence::{Evidence, Gathering};
use plateau_core::topology::Topology;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::quota::ProgramUse;
use super::{Lab, LabError, Reopening, down};
use crate::error::chain;
use crate::runtime::{Attached, Running, RuntimeError};

/// Where the answer to a command goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, LabError>>;

/// What a lab can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run a person's command in a node.
    Exec(String, ExecRequest, Reply<ExecResult>),
    /// Apply solutions.
    Solve(SolveRequest, Reply<SolveResult>),
    /// Grade.
    Check(CheckRequest, Reply<LabGradeView>),
    /// Look in some phases, or in all.
    Gather(CheckRequest, Reply<Evidence>),
    /// Ask these checks alone, as this scenario has them.
    GatherOnly(Box<Topology>, BTreeSet<String>, Reply<Gathering>),
    /// Start the candidate's clock.
    Start(Reply<LabView>),
    /// Have the candidate's clock show how long they have worked, and run or stand still.
    SetClock(Duration, bool, Reply<()>),
    /// Let all events happen that have not yet.
    Happen(Reply<()>),
    /// Restart a node.
    Reboot(String, Reply<()>),
    /// Freeze all nodes.
    Freeze(Reply<()>),
    /// Let all nodes go on.
    Thaw(Reply<()>),
    /// Keep all nodes as images, for this attempt. The answer: why some are too large for that.
    Keep(String, Reply<Vec<String>>),
    /// Take an image of every node, from which other labs start.
    Share(Reply<Reopening>),
    /// Open a terminal: node, name, user.
    Terminal(String, String, String, Reply<Attached>),
    /// Run a program of a node's with its streams attached.
    Run(String, Vec<String>, ProgramUse, Reply<Running>),
    /// Remove everything.
    Down(Reply<()>),
    /// The engine says that something became of a node.
    Changed(String),
    /// The engine cannot be heard, or ended what the lab stands on.
    Lost,
    /// The engine can be heard again.
    Recover,
}

/// How a lab's life begins for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartMode {
    /// It is to be built.
    Build,
    /// It was built before we came.
    Adopt,
    /// The engine was away.
    Recover,
}

/// Owns a lab until it is gone.
pub(crate) async fn own(lab: Arc<Lab>, begin: StartMode, mut commands: mpsc::Receiver<Command>) {
    let mut beginning = Some(start(&lab, begin));
    loop {
        let command = tokio::select! {
            (how, begun) = await_begin(&mut beginning) => {
                beginning = None;
                finish_start(&lab, how, begun).await;
                continue;
            }
            command = commands.recv() => command,
        };
        let to_be_there = matches!(lab.core.state(), LabState::Ready | LabState::Recovering);
        match command {
            // The daemon ends; the lab runs on.
            None => return,
            // What is done now about its nodes does not hold any longer.
            Some(Command::Lost) if to_be_there => {
                lab.core.set_away();
                if let Some((StartMode::Recover, task)) = &beginning {
                    task.abort();
                    beginning = None;
                }
            }
            Some(Command::Recover) if to_be_there => {
                lab.core.set_away();
                // Whoever adopts it looks until all of it is there.
                if !matches!(beginning, Some((StartMode::Adopt, _))) {
                    if let Some((_, task)) = &beginning {
                        task.abort();
                    }
                    beginning = Some(start(&lab, StartMode::Recover));
                }
            }
            Some(Command::Down(reply)) => {
                beginning = None;
                let done = remove(&lab).await;
                let gone = done.is_ok();
                let _ = reply.send(done);
                if gone {
                    return;
                }
            }
            Some(command) => handle_command(&lab, command),
        }
    }
}

/// What the lab is at before it can be worked with. What comes of it: nodes that did not come back.
type StartFuture = (StartMode, JoinHandle<Result<Vec<String>, LabError>>);

fn start(lab: &Arc<Lab>, begin: StartMode) -> StartFuture {
    let begun = match begin {
        StartMode::Build => {
            let lab = Arc::clone(lab);
            async move { lab.build().await.map(|()| vec![]) }.boxed()
        }
        StartMode::Adopt => adopt(Arc::clone(lab)).boxed(),
        StartMode::Recover => recover(Arc::clone(lab)).boxed(),
    };
    (begin, lab.core.spawn(begun))
}

/// Goes on with what another daemon began. A lab that cannot be made whole now is before its next grading.
async fn adopt(lab: Arc<Lab>) -> Result<Vec<String>, LabError> {
    lab.events.load().await?;
    lab.grader.load().await?;
    let problems = recover(Arc::clone(&lab)).await?;
    if let Err(error) = lab.grader.undo().await {
        let reason = chain(&error);
        tracing::error!(lab = %lab.core.marker.name, reason, "a grading is not undone");
    }
    Ok(problems)
}

/// Brings everything back that ran, however long the engine fails. What of it does not come back.
async fn recover(lab: Arc<Lab>) -> Result<Vec<String>, LabError> {
    let patience = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times();
    let settle = || lab.power.settle();
    settle
        .retry(patience)
        .when(|error| {
            let LabError::Runtime { source, .. } = error else {
                return false;
            };
            !matches!(source, RuntimeError::NoSuchContainer { .. })
        })
        .notify(|error, wait| {
            let reason = chain(error);
            tracing::warn!(lab = %lab.core.marker.name, reason, ?wait, "a lab is not back yet");
        })
        .await
}

async fn await_begin(
    beginning: &mut Option<StartFuture>,
) -> (StartMode, Result<Vec<String>, LabError>) {
    match beginning {
        None => std::future::pending().await,
        Some((begin, task)) => match task.await {
            Ok(begun) => (*begin, begun),
            Err(error) => {
                let reason = error.to_string();
                let node = "*".to_owned();
                (*begin, Err(LabError::Boot { node, reason }))
            }
        },
    }
}

async fn finish_start(lab: &Arc<Lab>, begin: StartMode, begun: Result<Vec<String>, LabError>) {
    match (begun, begin) {
        (Ok(problems), StartMode::Build | StartMode::Adopt | StartMode::Recover) => {
            let not_back = (!problems.is_empty()).then(|| LabError::NotBack { problems }.api());
            lab.core.set_state(LabState::Ready, not_back);
            lab.events.watch();
            // What became of a node meanwhile was not heard.
            for node in lab.core.topology.nodes.keys() {
                handle_command(lab, Command::Changed(node.clone()));
            }
        }
        // What a candidate has worked on is never removed because of a failure.
        (Err(error), StartMode::Adopt | StartMode::Recover) => {
            lab.core.set_state(LabState::Failed, Some(error.api()))
        }
        (Err(error), StartMode::Build) => {
            tracing::warn!(lab = %lab.core.marker.name, %error, "a lab could not be built");
            let mut problem = error.api();
            if let Err(error) = clear(lab).await {
                problem.message = format!("{}; {}", problem.message, error.api().message);
            }
            lab.core.set_state(LabState::Failed, Some(problem));
        }
    }
}

/// Removes the lab on command. Where that fails it can be commanded again.
async fn remove(lab: &Arc<Lab>) -> Result<(), LabError> {
    lab.core.set_state(LabState::Removing, None);
    let cleared = clear(lab).await;
    match &cleared {
        Ok(()) => lab.core.set_state(LabState::Removed, None),
        Err(error) => lab.core.set_state(LabState::Failed, Some(error.api())),
    }
    cleared
}

/// Ends all jobs, waits for calls that are under way, and removes everything.
async fn clear(lab: &Arc<Lab>) -> Result<(), LabError> {
    lab.core.end_jobs().await;
    // From now on a crash goes on with the removal.
    lab.mark(crate::store::Progress::Transitional).await?;
    let context = &lab.core.context;
    down::down(
        context.runtime.as_ref(),
        &context.owner,
        &lab.core.marker.id,
    )
    .await?;
    for node in lab.core.topology.nodes.keys() {
        lab.core
            .set_node(node, plateau_core::api::NodeState::Absent);
    }
    lab.forget().await
}

/// Starts the job that a command asks for.
fn handle_command(lab: &Arc<Lab>, command: Command) {
    let ready = lab.core.state() == LabState::Ready;
    let job = Arc::clone(lab);
    match command {
        Command::Exec(node, exec, reply) => {
            answer(
                lab,
                reply,
                async move { job.programs.exec(&node, exec).await },
            );
        }
        Command::Solve(solve, reply) => {
            answer(lab, reply, async move { job.solver.solve(&solve).await });
        }
        Command::Check(check, reply) => {
            answer(lab, reply, async move { job.grader.check(check).await });
        }
        Command::Gather(check, reply) => {
            answer(lab, reply, async move { job.grader.gather(check).await });
        }
        Command::GatherOnly(scenario, checks, reply) => {
            answer(lab, reply, async move {
                job.grader.gather_only(&scenario, &checks).await
            });
        }
        Command::Start(reply) => {
            answer(lab, reply, async move { job.events.start_clock().await });
        }
        Command::SetClock(worked, runs, reply) => {
            answer(lab, reply, async move {
                job.events.set_clock(worked, runs).await
            });
        }
        Command::Happen(reply) => {
            answer(lab, reply, async move { job.events.run_all().await });
        }
        Command::Reboot(node, reply) => {
            answer(lab, reply, async move {
                let _work = job.core.lock_work().await;
                job.power.reboot(&node).await
            });
        }
        Command::Freeze(reply) => {
            answer(lab, reply, async move { job.hand_in.freeze().await });
        }
        Command::Thaw(reply) => {
            answer(lab, reply, async move { job.hand_in.thaw().await });
        }
        Command::Keep(attempt, reply) => {
            answer(lab, reply, async move { job.hand_in.keep(&attempt).await });
        }
        Command::Share(reply) => share(lab, reply),
        Command::Terminal(node, name, user, reply) => {
            answer(lab, reply, async move {
                job.programs.terminal(&node, &name, &user).await
            });
        }
        Command::Run(node, argv, used, reply) => {
            answer(lab, reply, async move {
                job.programs.run(&node, &argv, used).await
            });
        }
        Command::Changed(node) if ready => {
            lab.core
                .spawn_background(async move { job.power.reconcile_node(&node).await });
        }
        // Being built or brought back, it is looked at when it is done; failed, there is nothing to
        // look at.
        Command::Changed(_) => {}
        // The owner's own.
        Command::Down(_) | Command::Lost | Command::Recover => {}
    }
}

fn share(lab: &Arc<Lab>, reply: Reply<Reopening>) {
    let job = Arc::clone(lab);
    answer(lab, reply, async move { job.shared_disks.share().await });
}

fn answer<T: Send + 'static>(
    lab: &Arc<Lab>,
    reply: Reply<T>,
    job: impl Future<Output = Result<T, LabError>> + Send + 'static,
) {
    let state = lab.core.state();
    if state != LabState::Ready {
        let _ = reply.send(Err(LabError::NotReady {
            lab: lab.core.marker.name.clone(),
            state,
        }));
        return;
    }
    lab.core.spawn_then(job, |done| {
        // Whoever asked may be gone.
        let _ = reply.send(done);
    });
}
