//! The database: sessions and their seats, gradings and judgements, accounts and what shows who asks.
//!
//! ```text
//! plateau.db              in the state folder, where no other database is named
//! evidence.key            the private key that bundles of evidence are signed with
//! heartbeat               when the daemon was last alive, while somebody works
//! ```
//!
//! What labs keep in the state folder is [`plateau_labs::store`]'s.

pub mod accounts;
mod clock;
pub mod database;
pub mod deliverables;
pub mod dump;
pub mod evidence;
pub mod failures;
pub mod judgements;
pub mod logins;
pub mod owners;
pub mod rehearsals;
pub mod sessions;
pub mod ssh_keys;
pub mod tokens;

pub use database::{Database, DatabaseError};
