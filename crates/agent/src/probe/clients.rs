//! What is asked across the network: one client a kind, in the grader alone.

use std::pin::Pin;

use plateau_core::question::{Observation, Question};

use super::context::ProbeContext;
use super::{
    dhcp, dns, ftp, http, ldap, mail, nfs, ntp, ping, sip, smb, snmp, sql, ssh, syslog, tcp, tftp,
    tls,
};

/// Answers a question, as [`AskClient`](super::context::AskClient) wants it.
pub(crate) fn ask(
    question: Question,
    look: ProbeContext,
) -> Pin<Box<dyn Future<Output = anyhow::Result<Observation>> + Send>> {
    Box::pin(see(question, look))
}

/// Asks, and gives what was seen or why nothing could be seen.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds that look inside a node are spelled out where they are asked"
)]
async fn see(question: Question, look: ProbeContext) -> anyhow::Result<Observation> {
    use Observation as O;
    use Question as Q;
    Ok(match question {
        Q::Ping(q) => O::Ping(ping::see(&q, &look).await?),
        Q::Tcp(q) => O::Tcp(tcp::see(&q, &look).await?),
        Q::Dns(q) => O::Dns(dns::see(&q, &look).await?),
        Q::Http(q) => O::Http(http::see(&q, &look).await?),
        Q::Tls(q) => O::Tls(tls::see(&q, &look).await?),
        Q::Ssh(q) => O::Ssh(ssh::see(&q, &look).await?),
        Q::Mail(q) => O::Mail(mail::see(&q, &look).await?),
        Q::Ldap(q) => O::Ldap(ldap::see(&q, &look).await?),
        Q::Sql(q) => O::Sql(sql::see(&q, &look).await?),
        Q::Smb(q) => O::Smb(smb::see(&q, &look).await?),
        Q::Nfs(q) => O::Nfs(nfs::see(&q, &look).await?),
        Q::Ftp(q) => O::Ftp(ftp::see(&q, &look).await?),
        Q::Tftp(q) => O::Tftp(tftp::see(&q, &look).await?),
        Q::Ntp(q) => O::Ntp(ntp::see(&q, &look).await?),
        Q::Snmp(q) => O::Snmp(snmp::see(&q, &look).await?),
        Q::Dhcp(q) => O::Dhcp(dhcp::see(&q, &look).await?),
        Q::Sip(q) => O::Sip(sip::see(&q, &look).await?),
        Q::Syslog(q) => O::Syslog(syslog::see(q, &look).await?),
        other => anyhow::bail!("nobody knows how to ask `{}`", other.kind()),
    })
}
