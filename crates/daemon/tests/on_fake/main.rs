//! Sessions on labs of the fake engine.

mod backup;
mod disks;
mod freezing;
#[path = "../../../labs/tests/on_fake/house.rs"]
#[expect(dead_code, reason = "the tests of labs use the rest of it")]
mod house;
mod keys;
mod reopening;
mod sessions;
