//! Exams: authentication and rights, sessions and their clock, judging, deliverables, and the database.
//!
//! Labs are in [`plateau_labs`]. `sessions` arranges and conducts exams. No HTTP and no server here: the
//! daemon answers requests, and [`gate`] is what its SSH server asks.

pub mod access;
pub mod backup;
pub mod clock;
pub mod deliverables;
pub mod evidence_key;
pub mod gate;
pub mod judging;
pub mod report;
pub mod restore;
pub mod scenarios;
pub mod secret_file;
pub mod sessions;
pub mod store;
