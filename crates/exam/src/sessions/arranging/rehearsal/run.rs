//! One rehearsal under way.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use plateau_core::api::{CheckRequest, LabGradeView, LabState};
use plateau_core::exam::log::LogAction;
use plateau_core::exam::rehearsal::{
    HostResources, Rehearsal, RehearsalEvent, ScenarioRehearsal, judge, reserve,
};
use plateau_core::grade::{Grade, Verdict};
use plateau_core::scenario::Folder;
use plateau_core::topology::Topology;
use plateau_labs::error::chain;
use plateau_labs::lab::LabError;
use plateau_labs::labs::Labs;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::sessions::SessionError;
use crate::sessions::context::SessionContext;
use crate::sessions::permits::LabPermits;
use crate::sessions::rehearsal_lock::RehearsalGuard;
use crate::store::rehearsals::Rehearsals;

/// Labs that are removed at the same time.
const REMOVED_AT_ONCE: usize = 4;

/// How often the machine is looked at meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// One lab of it.
#[derive(Clone, Debug)]
pub(super) struct RehearsalLab {
    /// The lab's name.
    pub(super) name: String,
    /// Candidate number.
    pub(super) seat: String,
    pub(super) topology: Topology,
}

/// The labs of one scenario.
#[derive(Debug)]
pub(super) struct ScenarioLabs {
    pub(super) folder: Folder,
    pub(super) parts: Vec<RehearsalLab>,
}

/// What became of one lab.
struct BuildOutcome {
    part: RehearsalLab,
    took_ms: u64,
    problem: Option<String>,
}

/// A rehearsal on its way.
#[derive(Debug)]
pub(super) struct RehearsalRun {
    pub(super) context: SessionContext,
    pub(super) labs: Labs,
    pub(super) permits: LabPermits,
    pub(super) _guard: RehearsalGuard,
    pub(super) session: String,
    pub(super) actor: String,
    pub(super) seats: u32,
    pub(super) groups: Vec<ScenarioLabs>,
    pub(super) events: mpsc::Sender<RehearsalEvent>,
    pub(super) cancel: CancellationToken,
    pub(super) least: Mutex<HostResources>,
}

/// Ends the rehearsal when nobody listens any longer, and looks at the machine until it has ended.
async fn watch(work: Arc<RehearsalRun>) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = work.events.closed() => work.cancel.cancel(),
            () = work.cancel.cancelled() => {}
            _ = looks.tick() => drop(work.look().await),
        }
        if work.cancel.is_cancelled() {
            return;
        }
    }
}

impl RehearsalRun {
    /// Runs in the background, until its end or until nobody listens.
    pub(super) fn spawn(self) {
        let work = Arc::new(self);
        tokio::spawn(watch(Arc::clone(&work)));
        tokio::spawn(async move { work.run().await });
    }

    async fn look(&self) -> HostResources {
        let (memory, disk) = self.labs.left_of_the_host().await;
        let now = HostResources { memory, disk };
        let mut least = self.least.lock().unwrap_or_else(PoisonError::into_inner);
        *least = least.minimum(&now);
        now
    }

    async fn run(self: Arc<Self>) {
        let begun = Instant::now();
        let begun_ms = self.context.now_ms();
        let before = self.look().await;
        let mut problems = Vec::new();
        let mut scenarios = Vec::new();
        let mut standing = Vec::new();
        for group in &self.groups {
            let (rehearsed, built) = self.build(group, &before, &mut problems).await;
            scenarios.push(rehearsed);
            standing.push(built);
        }
        for (rehearsed, built) in scenarios.iter_mut().zip(&standing) {
            self.grade(rehearsed, built, &mut problems).await;
        }
        self.look().await;
        let given_up = self.cancel.is_cancelled();
        let _ = self.events.try_send(RehearsalEvent::Removing {});
        self.remove(&mut problems).await;
        self.cancel.cancel();
        if given_up {
            return;
        }
        let least = *self.least.lock().unwrap_or_else(PoisonError::into_inner);
        let rehearsal = Rehearsal {
            id: uuid::Uuid::now_v7().to_string(),
            actor: self.actor.clone(),
            begun_ms,
            took_ms: millis(begun),
            seats: self.seats,
            verdict: judge(self.seats, &before, &least, &scenarios, &problems),
            scenarios,
            before,
            least,
            problems,
        };
        let last = match self.keep(&rehearsal).await {
            Ok(()) => RehearsalEvent::Rehearsed {
                rehearsal: Box::new(rehearsal),
            },
            Err(error) => RehearsalEvent::Failed { error: error.api() },
        };
        let _ = self.events.send(last).await;
    }

    /// Builds the labs of a scenario, all that the machine bears.
    async fn build(
        &self,
        group: &ScenarioLabs,
        before: &HostResources,
        problems: &mut Vec<String>,
    ) -> (ScenarioRehearsal, Vec<RehearsalLab>) {
        let (ahead, begun) = (self.look().await, Instant::now());
        let of = u32::try_from(group.parts.len()).unwrap_or(u32::MAX);
        let at_once = self.permits.free_to_build();
        let parts = group.parts.clone();
        let mut building = stream::iter(parts)
            .map(|part| self.build_one(&group.folder, part, before))
            .buffer_unordered(at_once);
        let (mut built, mut slowest_ms, mut done) = (Vec::new(), 0, 0);
        while let Some(one) = building.next().await {
            done += 1;
            let _ = self.events.send(RehearsalEvent::Built { done, of }).await;
            slowest_ms = slowest_ms.max(one.took_ms);
            match one.problem {
                None => built.push(one.part),
                Some(problem) => problems.push(format!("`{}`: {problem}", one.part.seat)),
            }
        }
        let building_ms = millis(begun);
        let number = u32::try_from(built.len()).unwrap_or(u32::MAX);
        let first = group.parts.first().map(|part| &part.topology);
        let rehearsed = ScenarioRehearsal {
            scenario: first.map_or_else(String::new, |topology| topology.scenario.clone()),
            hash: first.map_or_else(String::new, |topology| topology.hash.clone()),
            nodes: first.map_or(0, |topology| {
                u32::try_from(topology.nodes.len()).unwrap_or(u32::MAX)
            }),
            labs: of,
            built: number,
            building_ms,
            slowest_ms,
            grading_ms: 0,
            each: ahead
                .consumed_since(&self.look().await)
                .divided_among(number),
            passed: vec![],
            unknown: vec![],
        };
        (rehearsed, built)
    }

    async fn build_one(
        &self,
        folder: &Folder,
        part: RehearsalLab,
        before: &HostResources,
    ) -> BuildOutcome {
        let labs = &self.labs;
        let begun = Instant::now();
        let made = async {
            let Some(_permit) = self.permits.building().await else {
                return Err("the daemon ends".to_owned());
            };
            if self.cancel.is_cancelled() {
                return Err("it was given up".to_owned());
            }
            // A machine that is filled to its brim ends more than the rehearsal.
            let now = self.look().await;
            let ends = |now: Option<u64>, before: Option<u64>| {
                now.zip(before)
                    .is_some_and(|(now, before)| now < reserve(before))
            };
            if ends(now.memory, before.memory) || ends(now.disk, before.disk) {
                return Err("the machine is full".to_owned());
            }
            let made = labs
                .create_fleeting(folder, part.topology.clone(), part.name.clone())
                .await;
            made.map_err(|error| chain(&error))?;
            let built = labs.built(&part.name).await;
            let view = built.map_err(|error| chain(&error))?;
            match (view.state, view.problem) {
                (LabState::Ready, _) => Ok(()),
                (_, Some(problem)) => Err(problem.message),
                (state, None) => Err(format!("the lab is {state:?}")),
            }
        };
        let problem = made.await.err();
        BuildOutcome {
            took_ms: millis(begun),
            part,
            problem,
        }
    }

    /// Grades the labs of a scenario as nobody has touched them.
    async fn grade(
        &self,
        rehearsed: &mut ScenarioRehearsal,
        parts: &[RehearsalLab],
        problems: &mut Vec<String>,
    ) {
        let begun = Instant::now();
        let at_once = self.permits.free_to_grade();
        let mut grading = stream::iter(parts.to_vec())
            .map(|part| self.grade_one(part))
            .buffer_unordered(at_once);
        let (mut passed, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        let (mut done, of) = (0, rehearsed.built);
        while let Some((part, graded)) = grading.next().await {
            done += 1;
            let _ = self.events.send(RehearsalEvent::Graded { done, of }).await;
            match graded {
                Ok(graded) => sort(&part.topology, &graded.grade, &mut passed, &mut unknown),
                Err(problem) => problems.push(format!("`{}`: {problem}", part.seat)),
            }
        }
        rehearsed.grading_ms = millis(begun);
        rehearsed.passed = passed.into_iter().collect();
        rehearsed.unknown = unknown.into_iter().collect();
    }

    async fn grade_one(&self, part: RehearsalLab) -> (RehearsalLab, Result<LabGradeView, String>) {
        let Some(_permit) = self.permits.grading().await else {
            return (part, Err("the daemon ends".to_owned()));
        };
        if self.cancel.is_cancelled() {
            return (part, Err("it was given up".to_owned()));
        }
        let labs = &self.labs;
        let graded = labs.check(&part.name, CheckRequest { phases: None }).await;
        (part, graded.map_err(|error| chain(&error)))
    }

    async fn remove(&self, problems: &mut Vec<String>) {
        let mut parts = Vec::new();
        for group in &self.groups {
            parts.extend(group.parts.clone());
        }
        let mut removing = stream::iter(parts)
            .map(|part| self.remove_one(part))
            .buffer_unordered(REMOVED_AT_ONCE);
        while let Some((part, removed)) = removing.next().await {
            match removed {
                Ok(()) | Err(LabError::NoSuchLab { .. }) => {}
                Err(error) => problems.push(format!("`{}`: {}", part.seat, chain(&error))),
            }
        }
    }

    async fn remove_one(&self, part: RehearsalLab) -> (RehearsalLab, Result<(), LabError>) {
        let removed = self.labs.down(&part.name).await;
        (part, removed)
    }

    async fn keep(&self, rehearsal: &Rehearsal) -> Result<(), SessionError> {
        let (_guard, snapshot) = self.context.lock_session(&self.session).await?;
        let mut transaction = self.context.begin(&snapshot, &self.actor, None).await?;
        Rehearsals::add(transaction.writing(), &self.session, rehearsal).await?;
        transaction
            .write(LogAction::Rehearsed {
                rehearsal: rehearsal.id.clone(),
                holds: rehearsal.verdict.holds,
            })
            .await?;
        self.context.commit(transaction).await
    }
}

/// Which checks passed in a lab that nobody touched, and which nobody could look at.
fn sort(
    topology: &Topology,
    grade: &Grade,
    passed: &mut BTreeSet<String>,
    unknown: &mut BTreeSet<String>,
) {
    for check in grade.tasks.iter().flat_map(|task| &task.checks) {
        let known = topology.checks().find(|known| known.id == check.id);
        let to_be_earned = known.is_some_and(|known| known.points > 0 && !known.holds_from_start);
        match check.verdict {
            Verdict::Pass if to_be_earned => drop(passed.insert(check.id.clone())),
            Verdict::Unknown => drop(unknown.insert(check.id.clone())),
            Verdict::Pass | Verdict::Fail | Verdict::NotAsked => {}
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
