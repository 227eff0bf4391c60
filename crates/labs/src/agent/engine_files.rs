//! Files of nodes that their engine makes anew, read from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use plateau_core::wire::EngineFiles;

use super::{Agent, AgentError};
use crate::layout;
use crate::runtime::{ExecSpec, OutputEnd};

/// Most that reading files of a node may take.
const FILES_TIMEOUT: Duration = Duration::from_secs(20);

/// Most bytes of these files in an answer: in base64, with what is said of them.
const FILES_ANSWER_LIMIT: usize = 24 << 20;

impl Agent {
    /// Reads the files of a node that its engine makes anew, from outside: also while it is frozen.
    ///
    /// # Errors
    /// The engine or the wirer fails, or the process has ended.
    pub async fn engine_files(
        &self,
        process: u32,
        container: String,
    ) -> Result<EngineFiles, AgentError> {
        let exec = ExecSpec {
            argv: vec![
                layout::GRADER.to_owned(),
                "engine-files".to_owned(),
                process.to_string(),
                container,
            ],
            env: BTreeMap::new(),
            stdin: vec![],
            timeout: FILES_TIMEOUT,
            limit: FILES_ANSWER_LIMIT,
            keep: OutputEnd::Head,
        };
        const DOING: &str = "read files of a node";
        let failed = |reason: String| AgentError::Wire {
            doing: DOING.to_owned(),
            reason,
        };
        let output = self.exec_in_wirer(&exec, DOING).await?;
        if output.exit != 0 {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(said.trim().to_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
    }
}
