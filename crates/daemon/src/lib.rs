//! Everything that touches the world: the container engine, the state on disk, HTTP.
//!
//! `runtime` is the wall: above it nobody knows Docker, below it nobody knows labs. `labs` owns the
//! labs, one task each; `terminals` owns the screens; `http` decodes, makes one call and encodes.

pub mod access;
pub mod agent;
pub mod backup;
pub mod clock;
pub mod config;
pub mod deliverables;
pub mod disk;
pub mod doctor;
pub mod http;
pub mod images;
pub mod judging;
pub mod lab;
pub mod labs;
pub mod log;
pub mod metrics;
pub mod proof;
pub mod report;
pub mod restore;
pub mod runtime;
pub mod service;
pub mod sessions;
pub mod settings;
pub mod ssh;
pub mod store;
pub mod terminals;
pub mod tls;
pub mod tunnel;
pub mod web;
