//! Backups of a daemon that runs, put back.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../../../exam/tests/store/postgres.rs"]
mod postgres;
mod restore;
