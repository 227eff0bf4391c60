//! `plateau-grader`: the agent with clients for the network protocols that checks ask about.

use std::process::ExitCode;

fn main() -> ExitCode {
    plateau_agent::run_grader()
}
