//! Labs on a container engine: built, worked in, graded and removed.
//!
//! `runtime` is the interface to the container engine: nothing above it depends on Docker, nothing below
//! it depends on labs. `labs` owns the labs, with one task for each. `terminals` owns the screens of
//! terminals. This crate does not depend on exams, a database or HTTP.

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
