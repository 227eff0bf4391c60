//! Scenarios from what other programs' files describe.
//!
//! Each kind of material has a reader, which makes a [`Draft`]. [`Draft::finish`] turns the draft
//! into a scenario's folder and says what could not be carried over. Nothing here opens a
//! connection, prints or writes a file: the caller checks the folder, writes it and shows the rest.
#![forbid(unsafe_code)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "other programs' YAML values: kinds that are not named are treated alike"
)]

pub mod compose;
pub mod containerlab;
mod document;
mod draft;
mod emulator;
mod error;
pub mod goss;
pub mod kathara;
mod layout;
mod names;

pub use draft::{Draft, Finished, Omission};
pub use error::ImportError;
