//! What all parts of the sessions stand on.

pub(super) mod history;
pub(super) mod log_action;
pub(super) mod selection;
pub(super) mod transaction;
pub(super) mod view;
