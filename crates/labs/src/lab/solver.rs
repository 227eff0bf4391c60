//! Applying solutions and mistakes.

use std::sync::Arc;

use plateau_core::api::{SolveRequest, SolveResult};
use plateau_core::proof::ProofColumn;
use plateau_core::topology::NodeScript;

use super::LabError;
use super::core::LabCore;
use super::programs::Programs;

/// Applies solutions and mistakes.
#[derive(Debug)]
pub(super) struct Solver {
    core: Arc<LabCore>,
    programs: Arc<Programs>,
}

impl Solver {
    pub(super) fn new(core: Arc<LabCore>, programs: Arc<Programs>) -> Self {
        Self { core, programs }
    }

    /// Runs the scripts in order and stops at the first that fails.
    ///
    /// Where no tasks are named, a mistake stands in place of the solution that it says it replaces.
    pub(super) async fn solve(&self, solve: &SolveRequest) -> Result<SolveResult, LabError> {
        let scripts = self.scripts(solve)?;
        let _work = self.core.lock_work().await;
        let mut runs = Vec::new();
        let mut solved = true;
        for NodeScript { node, script } in scripts {
            let run = self.programs.run_script(node, script).await?;
            solved = run.result.exit == 0;
            runs.push(run);
            if !solved {
                break;
            }
        }
        Ok(SolveResult {
            solved,
            scripts: runs,
        })
    }

    fn scripts(&self, solve: &SolveRequest) -> Result<Vec<&NodeScript>, LabError> {
        let no_such = |what, name: &str| LabError::NoSuchPart {
            what,
            name: name.to_owned(),
        };
        let column = match &solve.mistake {
            Some(mistake) => ProofColumn::Mistake {
                mistake: mistake.clone(),
                draw: 0,
            },
            None => ProofColumn::Solved { draw: 0 },
        };
        let (all, _) = column.work(&self.core.topology);
        let tasks: Vec<&str> = match &solve.tasks {
            Some(named) => named.iter().map(String::as_str).collect(),
            None => all,
        };
        let mut scripts = Vec::new();
        for name in tasks {
            let mut known = self.core.topology.tasks.iter();
            let task = known
                .find(|task| task.id == name)
                .ok_or_else(|| no_such("task", name))?;
            scripts.extend(&task.solution);
        }
        if let Some(name) = &solve.mistake {
            let mut known = self.core.topology.mistakes.iter();
            let mistake = known
                .find(|mistake| mistake.id == *name)
                .ok_or_else(|| no_such("mistake", name))?;
            scripts.extend(&mistake.run);
        }
        Ok(scripts)
    }
}
