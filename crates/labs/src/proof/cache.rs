//! Cache of proofs that hold: stored with their inputs, and returned while the inputs are unchanged.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use plateau_core::api::ProofRequest;
use plateau_core::proof::{FurtherDraws, Proof};
use plateau_core::topology::Topology;
use serde::{Deserialize, Serialize};

use crate::images;
use crate::lab::LabError;
use crate::labs::Labs;
use crate::store::{StoreError, on_disk};

/// This very program, also where another was put in its place since it was started. Core is in it,
/// and all that builds and grades labs.
const PROGRAM: &str = "/proc/self/exe";

/// What decides a proof besides its scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MadeOf {
    /// Tag of each node's image → its identifier.
    images: BTreeMap<String, Option<String>>,
    /// Image of the agent, whose tag is its hash.
    agent: String,
    /// BLAKE3 of the daemon's program.
    program: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    made_of: MadeOf,
    proof: Proof,
}

/// Where a proof is kept, and what it is made of.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    name: String,
    made_of: MadeOf,
}

impl Entry {
    /// Looks at what a proof is made of now.
    pub(super) async fn of(
        labs: &Labs,
        asked: &ProofRequest,
        topology: &Topology,
    ) -> Result<Self, LabError> {
        let mut images = BTreeMap::new();
        for node in topology.nodes.values() {
            let tag = images::tag(&node.image);
            let image = labs.runtime().inspect_image(&tag).await;
            let image = image.map_err(LabError::runtime(format!("look at image `{tag}`")))?;
            images.insert(tag, image.map(|image| image.id));
        }
        let further = match asked.further_draws {
            FurtherDraws::UntouchedAndSolved if asked.draws > 0 => "untouched-and-solved",
            FurtherDraws::UntouchedAndSolved | FurtherDraws::All => "all",
        };
        Ok(Self {
            name: format!("{}-{}-{further}", topology.hash, asked.draws),
            made_of: MadeOf {
                images,
                agent: labs.agent_image().to_owned(),
                program: on_disk(program).await?,
            },
        })
    }

    /// The proof that is kept, where it was made of the same. One that cannot be read is made anew.
    pub(super) async fn find(&self, labs: &Labs) -> Option<Proof> {
        let (store, name) = (labs.store().clone(), self.name.clone());
        let kept = on_disk(move || store.kept_proof::<Kept>(&name)).await;
        let kept = kept.inspect_err(|error| {
            tracing::warn!(name = self.name, %error, "a kept proof cannot be read");
        });
        let kept = kept.ok().flatten()?;
        (kept.made_of == self.made_of).then_some(kept.proof)
    }

    /// Keeps a proof that holds. That it could not be kept is told in the log alone.
    pub(super) async fn keep(self, labs: &Labs, proof: &Proof) {
        if !proof.holds {
            return;
        }
        let kept = Kept {
            made_of: self.made_of,
            proof: proof.clone(),
        };
        let store = labs.store().clone();
        if let Err(error) = on_disk(move || store.record_proof(&self.name, &kept)).await {
            tracing::warn!(%error, "a proof is not kept");
        }
    }
}

/// BLAKE3 of this program.
fn program() -> Result<String, StoreError> {
    let path = Path::new(PROGRAM);
    let mut hasher = blake3::Hasher::new();
    let hashed = File::open(path).and_then(|file| hasher.update_reader(file).map(drop));
    hashed.map_err(StoreError::io("read", path))?;
    Ok(hasher.finalize().to_hex().to_string())
}
