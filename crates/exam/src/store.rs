//! The database: sessions and their seats, gradings and judgements, accounts and credentials.
//!
//! ```text
//! plateau.db              in the state folder, where no other database is named
//! evidence.key            the private key that bundles of evidence are signed with
//! heartbeat               when the daemon was last alive, while somebody works
//! ```
//!
//! What labs keep in the state folder is [`plateau_labs::store`]'s.

pub mod accounts;
pub mod attempts;
pub mod clock;
mod column;
pub mod database;
pub mod deliverables;
pub mod dump;
pub mod failures;
pub mod gradings;
pub mod invigilators;
pub mod judgements;
pub mod log;
pub mod logins;
pub mod proofs;
pub mod rehearsals;
pub mod seats;
pub mod sessions;
pub mod ssh_keys;
pub mod tokens;
pub mod transaction;

pub use database::{Database, DatabaseError};
pub use transaction::Transaction;
