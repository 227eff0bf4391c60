//! The daemon: authentication and rights, exams and their clock, the database, HTTP and SSH.
//!
//! Labs are in [`plateau_labs`]. `sessions` arranges and conducts exams; `http` is the API; `proxy` opens
//! web applications of nodes in a browser.

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
