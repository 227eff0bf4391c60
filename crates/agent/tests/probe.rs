//! The probe as the daemon runs it: a batch on its standard input, facts on its standard output,
//! looking at this machine and at servers that the tests start.

#![allow(
    clippy::unwrap_used,
    reason = "the servers of these tests may break as tests do"
)]

#[path = "probe/across.rs"]
mod across;
#[path = "probe/ask.rs"]
mod ask;
#[path = "probe/batch.rs"]
mod batch;
#[path = "probe/certificates.rs"]
mod certificates;
#[path = "probe/elsewhere.rs"]
mod elsewhere;
#[path = "probe/firewall.rs"]
mod firewall;
#[path = "probe/inside.rs"]
mod inside;
#[path = "probe/journal.rs"]
mod journal;
#[path = "probe/login.rs"]
mod login;
#[path = "probe/secure.rs"]
mod secure;
#[path = "probe/watch.rs"]
mod watch;
