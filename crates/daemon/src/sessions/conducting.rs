//! Conducting sessions: orders, and what the states of attempts ask for.

pub(super) mod capacity;
pub(super) mod conductor;
pub(super) mod disk_warning;
pub(super) mod interruptions;
pub(super) mod jobs;
pub(super) mod orders;
pub(super) mod reopening;
pub(super) mod transitions;
