//! Images of nodes, with the owners that the nodes show.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Agent, AgentError};
use crate::layout;
use crate::runtime::{
    ContainerSpec, ExecOutput, ExecSpec, Labels, MappedLayer, Mount, OutputEnd, RuntimeError,
};

/// What is being done, for errors.
const DOING: &str = "give the files of an image their owners";

/// Where the layer is in its container, and a file that belongs to the root of the node.
const LAYER: &str = "/layer";
const LIKE: &str = "/like";

/// What changing owners takes: of any file, without losing what a change of owner takes away.
const LAYER_CAPABILITIES: [&str; 6] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "SETFCAP",
];

/// Most that giving a layer's files their owners may take.
const OWNERS_TIMEOUT: Duration = Duration::from_secs(120);

impl Agent {
    /// Makes an image of a container's own layer, running or not. Where the container has users of its
    /// own, the files of the image belong to the users that it shows.
    ///
    /// # Errors
    /// The engine or the wirer fails.
    pub async fn commit(
        &self,
        container: &str,
        tag: &str,
        labels: &Labels,
    ) -> Result<(), AgentError> {
        let committed = self.runtime.commit_container(container, tag, labels);
        let layer = committed
            .await
            .map_err(AgentError::engine("make an image"))?;
        match layer {
            Some(layer) => self.give_owners(&layer).await,
            None => Ok(()),
        }
    }

    /// By a container of its own that has nothing but the layer, and is gone afterwards.
    async fn give_owners(&self, layer: &MappedLayer) -> Result<(), AgentError> {
        let unique = uuid::Uuid::now_v7().simple().to_string();
        let name = format!("plateau-layer-{unique}");
        let bind = |source: &str, target: &str, read_only| Mount::Bind {
            source: source.to_owned(),
            target: target.to_owned(),
            read_only,
        };
        let spec = ContainerSpec {
            cap_add: LAYER_CAPABILITIES.map(str::to_owned).to_vec(),
            mounts: vec![
                bind(&layer.folder, LAYER, false),
                bind(&layer.like, LIKE, true),
            ],
            ..self.sleeper(name.clone(), self.labels())
        };
        let given = self.run_once(&spec).await;
        let removed = self.runtime.remove_container(&name).await;
        let output = given.map_err(AgentError::engine(DOING))?;
        removed.map_err(AgentError::engine(DOING))?;
        if output.exit == 0 {
            return Ok(());
        }
        Err(AgentError::Wire {
            doing: DOING.to_owned(),
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    async fn run_once(&self, spec: &ContainerSpec) -> Result<ExecOutput, RuntimeError> {
        self.runtime.create_container(spec).await?;
        self.runtime.start_container(&spec.name).await?;
        let exec = ExecSpec {
            argv: [layout::GRADER, "layer-owners", "--like", LIKE, LAYER]
                .map(str::to_owned)
                .to_vec(),
            env: BTreeMap::new(),
            stdin: vec![],
            timeout: OWNERS_TIMEOUT,
            limit: 4096,
            keep: OutputEnd::Head,
        };
        self.runtime.exec(&spec.name, &exec).await
    }
}
