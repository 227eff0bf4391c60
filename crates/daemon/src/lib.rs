//! Everything that touches the world: the container engine, the state on disk, HTTP.
//!
//! `runtime` is the wall: above it nobody knows Docker, below it nobody knows labs. `labs` owns the
//! labs, one task each; `http` decodes, makes one call and encodes.

pub mod agent;
pub mod config;
pub mod doctor;
pub mod http;
pub mod images;
pub mod lab;
pub mod labs;
pub mod log;
pub mod metrics;
pub mod proof;
pub mod report;
pub mod runtime;
pub mod service;
pub mod settings;
pub mod store;
