//! Labs that are handed in: freezing nodes, and keeping their disks.

use super::Labs;
use crate::lab::LabError;
use crate::lab::down::remove_images;
use crate::lab::task::Command;
use crate::labels::{ATTEMPT, OWNER};
use crate::runtime::Labels;
use crate::store::on_disk;

impl Labs {
    /// Freezes all nodes of a lab.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or the engine failed.
    pub async fn freeze(&self, lab: &str) -> Result<(), LabError> {
        self.tell(lab, Command::Freeze).await
    }

    /// Thaws all nodes of a lab.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or the engine failed.
    pub async fn thaw(&self, lab: &str) -> Result<(), LabError> {
        self.tell(lab, Command::Thaw).await
    }

    /// Whether a lab's nodes have to be frozen, or with `false` thawed, to be so: `false` also where the
    /// lab cannot be worked with now.
    #[must_use]
    pub fn has_to_be_frozen(&self, lab: &str, frozen: bool) -> bool {
        let known = self.inner.find(lab);
        known.is_ok_and(|known| known.lab.has_to_be(frozen))
    }

    /// Freezes all nodes of a lab and keeps them as images that outlive it, from which it can be opened
    /// again; see [`Labs::reopen`]. A node whose disk is too large to be copied is not kept; why is
    /// returned, a text for each.
    ///
    /// # Errors
    /// There is no such lab, it does not run, or the engine failed.
    pub async fn keep(&self, lab: &str, attempt: &str) -> Result<Vec<String>, LabError> {
        let attempt = attempt.to_owned();
        self.tell(lab, |reply| Command::Keep(attempt, reply)).await
    }

    /// Removes what was kept for an attempt: images, their record, and labs that were reopened from
    /// them.
    ///
    /// # Errors
    /// All failures.
    pub async fn forget_kept(&self, attempt: &str) -> Result<(), LabError> {
        self.end_reopened(attempt).await?;
        let context = &self.inner.context;
        let labels = Labels::from([
            (OWNER.to_owned(), context.owner.clone()),
            (ATTEMPT.to_owned(), attempt.to_owned()),
        ]);
        let errors = remove_images(context.runtime.as_ref(), &labels).await;
        if !errors.is_empty() {
            return Err(LabError::Down { errors });
        }
        let (store, key) = (context.store.clone(), attempt.to_owned());
        Ok(on_disk(move || store.forget_attempt(&key)).await?)
    }
}
