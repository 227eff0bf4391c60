//! Labs and proofs on the fake engine.

mod disks;
mod evidence;
mod house;
mod labs;
mod needs;
mod phases;
mod proofs;
