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
#[path = "probe/inside.rs"]
mod inside;
#[path = "probe/ldap.rs"]
mod ldap;
#[path = "probe/login.rs"]
mod login;
#[path = "probe/mail.rs"]
mod mail;
#[path = "probe/nfs.rs"]
mod nfs;
#[path = "probe/secure.rs"]
mod secure;
#[path = "probe/smb.rs"]
mod smb;
#[path = "probe/sql.rs"]
mod sql;
