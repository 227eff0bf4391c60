//! Programs and terminals in the labs' nodes.

use plateau_core::api::{ExecRequest, ExecResult};

use super::Labs;
use crate::lab::LabError;
use crate::lab::quota::ProgramUse;
use crate::lab::task::Command;
use crate::runtime::{Attached, Running};

impl Labs {
    /// Runs a command in a node.
    ///
    /// # Errors
    /// There is no such lab or node, it does not run, or the command took too long.
    pub async fn exec(
        &self,
        lab: &str,
        node: &str,
        exec: ExecRequest,
    ) -> Result<ExecResult, LabError> {
        let node = node.to_owned();
        self.tell(lab, |reply| Command::Exec(node, exec, reply))
            .await
    }

    /// Opens a terminal of a node: the frames of `plateau_core::terminal` in both directions.
    /// Terminals of the same name and user are the same terminal.
    ///
    /// # Errors
    /// There is no such lab or node, or it does not run.
    pub async fn terminal(
        &self,
        lab: &str,
        node: &str,
        name: &str,
        user: &str,
    ) -> Result<Attached, LabError> {
        let [node, name, user] = [node, name, user].map(str::to_owned);
        self.tell(lab, |reply| Command::Terminal(node, name, user, reply))
            .await
    }

    /// Runs a program in a node with its streams attached, without a time limit.
    ///
    /// # Errors
    /// There is no such lab or node, it does not run, or people run as many programs in it as they may.
    pub async fn run(&self, lab: &str, node: &str, argv: Vec<String>) -> Result<Running, LabError> {
        self.run_for(ProgramUse::Person, lab, node, argv).await
    }

    pub(crate) async fn run_for(
        &self,
        used: ProgramUse,
        lab: &str,
        node: &str,
        argv: Vec<String>,
    ) -> Result<Running, LabError> {
        let node = node.to_owned();
        self.tell(lab, |reply| Command::Run(node, argv, used, reply))
            .await
    }
}
