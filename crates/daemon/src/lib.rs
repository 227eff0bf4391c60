//! The daemon: the HTTP API, configuration, and what holds all parts together.
//!
//! Labs are in [`plateau_labs`], exams in [`plateau_exam`], and the ways in beside the API in
//! [`plateau_gateway`]. `http` is the API; `app` composes it all.

pub mod app;
pub mod command;
pub mod config;
mod failure;
pub mod http;
pub mod log;
pub mod metrics;
pub mod service;
