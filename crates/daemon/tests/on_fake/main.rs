//! Labs and proofs on the fake engine.

mod backup;
mod evidence;
mod house;
mod keys;
mod labs;
mod needs;
mod phases;
mod proofs;
mod reopening;
mod sessions;
