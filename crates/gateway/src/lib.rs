//! The ways in beside the API: SSH into nodes, and a reverse proxy for web applications of labs; and how
//! many connections there are of each.
//!
//! `ssh` lets clients in at a gate of [`plateau_exam`]; `proxy` opens what nodes serve by HTTP, under
//! names of their own; `tls` has the certificate of the port and the names that the daemon answers to.
//! `connections` limits those of the port and of SSH. Nothing here knows a route of the API.

pub mod connections;
pub mod metrics;
pub mod proxy;
pub mod ssh;
pub mod tls;
