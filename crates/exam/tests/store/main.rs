//! The store, on SQLite and on PostgreSQL: both must do the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod access;
mod deliverables;
mod dump;
mod engines;
mod judging;
mod migrations;
mod postgres;
mod scenarios;
