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
#[path = "probe/datagrams.rs"]
mod datagrams;
#[path = "probe/dhcp.rs"]
mod dhcp;
#[path = "probe/elsewhere.rs"]
mod elsewhere;
#[path = "probe/firewall.rs"]
mod firewall;
#[path = "probe/ftp.rs"]
mod ftp;
#[path = "probe/inside.rs"]
mod inside;
#[path = "probe/journal.rs"]
mod journal;
#[path = "probe/ldap.rs"]
mod ldap;
#[path = "probe/login.rs"]
mod login;
#[path = "probe/mail.rs"]
mod mail;
#[path = "probe/nfs.rs"]
mod nfs;
#[path = "probe/ntp.rs"]
mod ntp;
#[path = "probe/secure.rs"]
mod secure;
#[path = "probe/sip.rs"]
mod sip;
#[path = "probe/smb.rs"]
mod smb;
#[path = "probe/snmp.rs"]
mod snmp;
#[path = "probe/sql.rs"]
mod sql;
#[path = "probe/syslog.rs"]
mod syslog;
#[path = "probe/tftp.rs"]
mod tftp;
#[path = "probe/watch.rs"]
mod watch;
