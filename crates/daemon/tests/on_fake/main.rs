//! Labs and proofs on the fake engine.

mod house;
mod labs;
mod phases;
mod proofs;
