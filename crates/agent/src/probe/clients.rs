//! Dispatches each question across the network to the client of its kind. Only the grader has these.

use plateau_core::question::{Observation, Question};

use super::context::ProbeContext;
use super::{
    dhcp, dns, ftp, http, ldap, mail, nfs, ntp, ping, sip, smb, snmp, sql, ssh, syslog, tcp, tftp,
    tls,
};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds about a node itself are listed where they are answered"
)]
pub(super) async fn observe(
    question: Question,
    context: ProbeContext,
) -> anyhow::Result<Observation> {
    use Observation as O;
    use Question as Q;
    Ok(match question {
        Q::Ping(q) => O::Ping(ping::observe(&q, &context).await?),
        Q::Tcp(q) => O::Tcp(tcp::observe(&q, &context).await?),
        Q::Dns(q) => O::Dns(dns::observe(&q, &context).await?),
        Q::Http(q) => O::Http(http::observe(&q, &context).await?),
        Q::Tls(q) => O::Tls(tls::observe(&q, &context).await?),
        Q::Ssh(q) => O::Ssh(ssh::observe(&q, &context).await?),
        Q::Mail(q) => O::Mail(mail::observe(&q, &context).await?),
        Q::Ldap(q) => O::Ldap(ldap::observe(&q, &context).await?),
        Q::Sql(q) => O::Sql(sql::observe(&q, &context).await?),
        Q::Smb(q) => O::Smb(smb::observe(&q, &context).await?),
        Q::Nfs(q) => O::Nfs(nfs::observe(&q, &context).await?),
        Q::Ftp(q) => O::Ftp(ftp::observe(&q, &context).await?),
        Q::Tftp(q) => O::Tftp(tftp::observe(&q, &context).await?),
        Q::Ntp(q) => O::Ntp(ntp::observe(&q, &context).await?),
        Q::Snmp(q) => O::Snmp(snmp::observe(&q, &context).await?),
        Q::Dhcp(q) => O::Dhcp(dhcp::observe(&q, &context).await?),
        Q::Sip(q) => O::Sip(sip::observe(&q, &context).await?),
        Q::Syslog(q) => O::Syslog(syslog::observe(q, &context).await?),
        other => anyhow::bail!("`{}` has no client", other.kind()),
    })
}
