//! `plateau-agent`: what runs in every node.

use std::process::ExitCode;

fn main() -> ExitCode {
    plateau_agent::run_agent()
}
