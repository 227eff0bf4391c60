//! Labs that start from the disks of another lab, for proofs.

use plateau_core::api::LabView;
use plateau_core::scenario::Folder;
use plateau_core::topology::Topology;

use super::{LabSpec, Labs};
use crate::lab::task::Command;
use crate::lab::{LabError, Reopening};

impl Labs {
    /// Takes an image of every node of a lab, from which others can start as long as it stands.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or the engine failed.
    pub(crate) async fn share(&self, lab: &str) -> Result<Reopening, LabError> {
        self.tell(lab, Command::Share).await
    }

    /// Asks for a lab that starts from the disks of another: its nodes boot, and nothing is set up.
    /// It is of no use without us: after a crash it is removed.
    ///
    /// # Errors
    /// The name is taken, or the folder cannot be kept.
    pub(crate) async fn create_from(
        &self,
        folder: &Folder,
        topology: Topology,
        name: String,
        start: Reopening,
    ) -> Result<LabView, LabError> {
        self.start(LabSpec {
            ephemeral: true,
            again: Some(start),
            ..LabSpec::lab(folder, topology, Some(name))
        })
        .await
    }
}
