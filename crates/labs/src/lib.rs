//! Labs on a container engine: built, worked in, graded and removed.
//!
//! `runtime` is the wall: above it nobody knows Docker, below it nobody knows labs. `labs` owns the
//! labs, one task each; `terminals` owns the screens. Nothing here knows an exam, a database or HTTP.

pub mod agent;
pub mod disk;
pub mod doctor;
pub mod error;
pub mod images;
pub mod lab;
pub mod labels;
pub mod labs;
pub mod layout;
pub mod metrics;
pub mod preflight;
pub mod proof;
pub mod runtime;
pub mod settings;
pub mod store;
pub mod terminals;
pub mod tunnel;
