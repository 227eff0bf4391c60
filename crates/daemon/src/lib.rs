//! Everything that touches the world: the container engine, the state on disk, HTTP.
//!
//! `runtime` is the wall: above it nobody knows Docker, below it nobody knows labs. `labs` owns the
//! labs, one task each; `http` decodes, makes one call and encodes.

pub mod access;
pub mod agent;
pub mod doctor;
pub mod http;
pub mod images;
pub mod judging;
pub mod lab;
pub mod labs;
pub mod proof;
pub mod runtime;
pub mod settings;
pub mod store;
pub mod tls;
