//! The daemon: the servers for HTTP and SSH, configuration, and what holds all parts together.
//!
//! Labs are in [`plateau_labs`] and exams in [`plateau_exam`]. `http` is the API; `proxy` opens web
//! applications of nodes in a browser; `app` composes it all.

pub mod app;
pub mod command;
pub mod config;
mod failure;
pub mod http;
pub mod log;
pub mod metrics;
pub mod proxy;
pub mod service;
pub mod ssh;
pub mod tls;
