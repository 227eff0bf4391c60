//! The daemon: who may do what, exams and their clock, the database, HTTP and SSH.
//!
//! The labs are [`plateau_labs`]'s. `sessions` arranges and conducts exams; `http` decodes, makes one
//! call and encodes; `proxy` opens what nodes serve in a browser.

pub mod access;
pub mod app;
pub mod backup;
pub mod clock;
pub mod config;
pub mod deliverables;
pub mod http;
pub mod judging;
pub mod log;
pub mod metrics;
pub mod proxy;
pub mod report;
pub mod restore;
pub mod scenarios;
mod secret_file;
pub mod service;
pub mod sessions;
pub mod ssh;
pub mod store;
pub mod tls;
