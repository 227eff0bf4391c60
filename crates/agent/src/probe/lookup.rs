//! Looks up the addresses of a host as the node is configured: an address itself, then `/etc/hosts`,
//! then the servers and search domains of `/etc/resolv.conf`.
//!
//! The C library is not used: a static program cannot load the node's plug-ins.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::rr::Name;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::resolver;
use crate::bounded::read_text;

const HOSTS_LIMIT: u64 = 4 << 20;

/// Addresses of the host, IPv4 before IPv6; empty if the name cannot be resolved.
pub(super) async fn addresses(host: &str) -> anyhow::Result<Vec<IpAddr>> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse() {
        return Ok(vec![address]);
    }
    let wanted = host.to_owned();
    let (from_hosts, configuration) = tokio::task::spawn_blocking(move || {
        let hosts = read_text("/etc/hosts", HOSTS_LIMIT)?.unwrap_or_default();
        anyhow::Ok((parse_hosts(&hosts, &wanted), resolver::read_config()?))
    })
    .await??;
    if !from_hosts.is_empty() {
        return Ok(from_hosts);
    }
    Ok(query_nameservers(host, configuration)
        .await
        .unwrap_or_default())
}

/// The first address of the host; `None` if there is none in time.
pub(super) async fn first_address(host: &str, limit: Duration) -> anyhow::Result<Option<IpAddr>> {
    match tokio::time::timeout(limit, addresses(host)).await {
        Ok(found) => Ok(found?.first().copied()),
        Err(_) => Ok(None),
    }
}

/// The unspecified address of the same family and any port, to bind a socket to.
pub(super) fn unspecified_like(address: IpAddr) -> SocketAddr {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(any, 0)
}

/// Addresses that `/etc/hosts` gives for a name.
fn parse_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.');
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
            continue;
        };
        if words.any(|word| word.eq_ignore_ascii_case(name)) {
            found.push(address);
        }
    }
    found.sort_by_key(IpAddr::is_ipv6);
    found.dedup();
    found
}

async fn query_nameservers(
    host: &str,
    configuration: resolver::ResolverConfig,
) -> Option<Vec<IpAddr>> {
    if configuration.nameservers.is_empty() {
        return None;
    }
    let search = configuration.search.iter();
    let search = search.filter_map(|domain| Name::from_utf8(domain).ok());
    let servers = configuration.nameservers.into_iter();
    let servers = servers.map(NameServerConfig::udp_and_tcp);
    let config = ResolverConfig::from_parts(None, search.collect(), servers.collect());
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.timeout = Duration::from_millis(1500);
    options.attempts = 2;
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    let found = builder.build().ok()?.lookup_ip(host).await.ok()?;
    let mut addresses: Vec<IpAddr> = found.iter().collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    Some(addresses)
}

#[cfg(test)]
mod tests {
    use super::parse_hosts;

    #[test]
    fn a_name_is_found_in_any_column_and_case() {
        let hosts = "127.0.0.1 localhost\n10.0.0.5\twww.forge.lan WWW # 10.0.0.6 www\nbad www\n";
        assert_eq!(
            parse_hosts(hosts, "www"),
            ["10.0.0.5".parse::<std::net::IpAddr>().unwrap()]
        );
        assert!(parse_hosts(hosts, "forge").is_empty());
    }
}
