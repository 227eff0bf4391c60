//! What is asked across the network: one client a kind, in the grader alone.

use plateau_core::question::{Observation, Question};

use super::asked::Look;
use super::{dns, http, ldap, mail, nfs, ping, smb, sql, ssh, tcp, tls};

/// Asks, and gives what was seen or why nothing could be seen.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds that look inside a node are spelled out where they are asked"
)]
pub(super) async fn see(question: Question, look: Look) -> anyhow::Result<Observation> {
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
        other => anyhow::bail!("nobody knows how to ask `{}`", other.kind()),
    })
}
