//! Disks of the solved lab that columns share, from which mistakes start.
//!
//! A lab that starts from disks boots, and has lost the memory of the solved lab. So a control lab
//! starts from them and is graded without a mistake. Mistakes start from the disks only if each of its
//! verdicts equals that of the solved lab, which was built from scratch. If a mistake then seems
//! wrong, it is repeated in a lab built from scratch, whose result counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plateau_core::api::{ApiError, CheckRequest};
use plateau_core::grade::{Grade, Verdict, grade};
use plateau_core::proof::{Outcome, ProofColumn, prove as judge};
use plateau_core::topology::Topology;
use tokio::sync::watch;

use super::ProofRun;
use crate::lab::{LabError, Reopening};

/// Most that a lab that starts from disks is waited for after its boot: a service may be looking for
/// what it had found before.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks at whether it has.
const PAUSE: Duration = Duration::from_secs(1);

/// From as many mistakes on it is worth the lab that is built to see whether they can share.
const WORTH: usize = 3;

/// What the mistakes of one draw share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Mistakes that wait for it or start from it.
    left: AtomicUsize,
    /// Solved labs that stand for the others.
    labs: Mutex<Vec<(String, Reopening)>>,
    /// Checks that did not pass at once in the control, and did after a while: they are waited for.
    settling: Mutex<BTreeSet<String>>,
    /// Whether mistakes start from the last of them; nothing as long as that is not known.
    decided: watch::Sender<Option<bool>>,
}

/// By number of the draw, what is shared by columns of which enough can share.
pub(super) fn shared(
    topologies: &BTreeMap<u32, Topology>,
    columns: &[ProofColumn],
) -> BTreeMap<u32, Shared> {
    let mut mistakes: BTreeMap<u32, usize> = BTreeMap::new();
    for column in columns {
        if can_share(topologies, column) {
            *mistakes.entry(column.draw()).or_default() += 1;
        }
    }
    let worth = mistakes.into_iter().filter(|(_, count)| *count >= WORTH);
    let worth = worth.map(|(draw, count)| {
        let shared = Shared {
            left: AtomicUsize::new(count),
            labs: Mutex::default(),
            settling: Mutex::default(),
            decided: watch::Sender::new(None),
        };
        (draw, shared)
    });
    worth.collect()
}

/// A mistake made after all solutions.
fn can_share(topologies: &BTreeMap<u32, Topology>, column: &ProofColumn) -> bool {
    let ProofColumn::Mistake { mistake, draw } = column else {
        return false;
    };
    topologies.get(draw).is_some_and(|topology| {
        let mut known = topology.mistakes.iter();
        known.any(|known| known.id == *mistake && known.instead_of.is_none())
    })
}

/// Columns with their places in the proof, in the order in which they are begun: what others wait
/// for first, then those with most to do, so that none of them runs alone at the end.
pub(super) fn in_order(
    topologies: &BTreeMap<u32, Topology>,
    columns: &[ProofColumn],
) -> Vec<(usize, ProofColumn)> {
    let mut numbered: Vec<(usize, ProofColumn)> = columns.iter().cloned().enumerate().collect();
    numbered.sort_by_key(|(_, column)| match column {
        ProofColumn::Solved { .. } => 0,
        ProofColumn::Mistake { .. } if !can_share(topologies, column) => 1,
        ProofColumn::Without { .. } => 2,
        ProofColumn::Untouched { .. } => 3,
        ProofColumn::Mistake { .. } => 4,
    });
    numbered
}

impl ProofRun {
    /// Lets other labs of the draw start from the disks of a solved lab.
    pub(super) async fn share(&self, lab: &str, column: &ProofColumn) {
        let (ProofColumn::Solved { draw }, Some(shared)) =
            (column, self.shared.get(&column.draw()))
        else {
            return;
        };
        match self.labs.share(lab).await {
            Ok(start) => shared.labs().push((lab.to_owned(), start)),
            Err(error) => tracing::warn!(draw, %error, "nothing can be shared"),
        }
    }

    /// Whether a lab stands for others, and is removed when they are done.
    pub(super) fn is_shared(&self, lab: &str) -> bool {
        let mut shared = self.shared.values();
        shared.any(|shared| shared.labs().iter().any(|(name, _)| name == lab))
    }

    /// Decides whether mistakes start from the disks of the solved lab, once that was graded.
    pub(super) async fn decide(
        &self,
        number: usize,
        column: &ProofColumn,
        solved: &Result<Outcome, ApiError>,
    ) {
        let (ProofColumn::Solved { .. }, Some(shared)) = (column, self.shared.get(&column.draw()))
        else {
            return;
        };
        let start = shared.labs().last().map(|(_, start)| start.clone());
        let agrees = match (solved, start) {
            (Ok(Outcome::Graded(solved)), Some(start)) if passes(solved) => {
                let control = self
                    .attempt(&format!("{number}-control"), column, Some(start))
                    .await;
                matches!(&control, Ok(Outcome::Graded(control)) if same(solved, control))
            }
            _ => false,
        };
        if !agrees {
            tracing::info!(
                column = column.label(),
                "each mistake has a lab built afresh"
            );
        }
        shared.decided.send_replace(Some(agrees));
    }

    /// Waits until a lab that started from disks is as the solved one was before the first phase that
    /// does something to it. That it does not become so is seen when it is graded.
    pub(super) async fn settle(&self, lab: &str, column: &ProofColumn) {
        let draw = column.draw();
        let (Some(shared), Some(topology)) = (self.shared.get(&draw), self.topologies.get(&draw))
        else {
            return;
        };
        let settled = async {
            let wanted = match column {
                // The control finds out what is to be waited for.
                ProofColumn::Solved { .. } => {
                    let first = topology.phase_names().next().map(str::to_owned);
                    let phases = Some(first.into_iter().collect());
                    let seen = self.labs.check(lab, CheckRequest { phases }).await?;
                    let asked = seen.grade.checks().filter(|check| {
                        topology.phase_names().next() == Some(check.phase.as_str())
                    });
                    let failing = asked.filter(|check| check.verdict != Verdict::Pass);
                    let failing: BTreeSet<String> = failing.map(|check| check.id.clone()).collect();
                    *locked(&shared.settling) = failing.clone();
                    failing
                }
                ProofColumn::Untouched { .. }
                | ProofColumn::Without { .. }
                | ProofColumn::Mistake { .. } => locked(&shared.settling).clone(),
            };
            while !wanted.is_empty() && !self.all_pass(lab, topology, &wanted).await? {
                tokio::time::sleep(PAUSE).await;
            }
            Ok::<(), LabError>(())
        };
        match tokio::time::timeout(SETTLED_WITHIN, settled).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(lab, %error, "a lab cannot be waited for"),
            Err(_) => tracing::info!(lab, "a lab is not as the solved one was"),
        }
    }

    async fn all_pass(
        &self,
        lab: &str,
        topology: &Topology,
        wanted: &BTreeSet<String>,
    ) -> Result<bool, LabError> {
        let gathering = self
            .labs
            .gather_only(lab, topology.clone(), wanted.clone())
            .await?;
        let grade = grade(topology, &gathering.facts());
        let mut asked = grade.checks().filter(|check| wanted.contains(&check.id));
        Ok(asked.all(|check| check.verdict == Verdict::Pass))
    }

    /// What became of a column that could start from shared disks, where nothing is wrong with it.
    pub(super) async fn grade_shared(
        &self,
        number: usize,
        column: &ProofColumn,
    ) -> Option<Outcome> {
        let shared = self.shared.get(&column.draw())?;
        if !can_share(&self.topologies, column) {
            return None;
        }
        let outcome = self.begun_shared(number, column, shared).await;
        if shared.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.end_shared(shared).await;
        }
        outcome
    }

    async fn begun_shared(
        &self,
        number: usize,
        column: &ProofColumn,
        shared: &Shared,
    ) -> Option<Outcome> {
        let mut decided = shared.decided.subscribe();
        let agrees = tokio::select! {
            () = self.cancel.cancelled() => return None,
            decided = decided.wait_for(Option::is_some) => decided.is_ok_and(|it| *it == Some(true)),
        };
        let start = shared.labs().last().map(|(_, start)| start.clone());
        let start = start.filter(|_| agrees)?;
        let topology = self.topologies.get(&column.draw())?;
        let number = format!("{number}-shared");
        let outcome = self.attempt(&number, column, Some(start)).await.ok()?;
        let outcome = (column.clone(), outcome);
        // Its words count only where they are good.
        let proof = judge(topology, std::slice::from_ref(&outcome));
        proof.holds.then_some(outcome.1)
    }

    /// Removes the labs that stand for others.
    async fn end_shared(&self, shared: &Shared) {
        let labs: Vec<(String, Reopening)> = shared.labs().drain(..).collect();
        for (lab, _) in labs {
            match self.labs.down(&lab).await {
                Ok(()) | Err(LabError::NoSuchLab { .. }) => {}
                Err(error) => tracing::warn!(lab, %error, "a lab of a proof stays"),
            }
        }
    }

    /// Removes all labs that still stand for others, such as those of a proof that was given up.
    pub(super) async fn end_all_shared(&self) {
        for shared in self.shared.values() {
            self.end_shared(shared).await;
        }
    }
}

impl Shared {
    fn labs(&self) -> MutexGuard<'_, Vec<(String, Reopening)>> {
        locked(&self.labs)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn passes(grade: &Grade) -> bool {
    grade.checks().all(|check| check.verdict == Verdict::Pass)
}

/// Whether two labs were judged alike, check by check.
fn same(one: &Grade, other: &Grade) -> bool {
    let verdicts = |grade: &Grade| -> Vec<(String, Verdict)> {
        let checks = grade.checks();
        checks
            .map(|check| (check.id.clone(), check.verdict))
            .collect()
    };
    verdicts(one) == verdicts(other)
}
