//! An exam: sessions and their seats, the clock of an attempt, the log that all of it follows from.
//!
//! What an attempt is, how much time it has left and what it is worth are functions of what was
//! written down, and of nothing else.

pub mod bundle;
pub mod clock;
pub mod code;
pub mod deliverable;
pub mod judgement;
pub mod log;
pub mod receipt;
pub mod rehearsal;
pub mod rights;
pub mod roster;
pub mod session;

#[cfg(test)]
pub(crate) mod sample;
