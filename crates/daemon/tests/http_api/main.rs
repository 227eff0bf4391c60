//! The HTTP API through its front door: the socket and the port, over the runtime in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod candidates;
mod connections;
mod deliverables;
mod disk;
mod document;
mod house;
mod judging;
mod labs;
mod logins;
mod operations;
mod port;
mod receipts;
mod requests;
mod rights;
mod room;
mod secured;
mod streams;
mod terminals;
mod tunnel;
mod web;
