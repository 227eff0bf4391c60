//! `plateaud`. What it does is in the library, so that an edit there does not compile two programs.

use std::process::ExitCode;

fn main() -> ExitCode {
    plateaud::command::run_daemon()
}
