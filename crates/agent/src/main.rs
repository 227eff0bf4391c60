//! The one static binary that runs inside a lab.

fn main() {}
