//! Reads the name resolver's configuration, as the C library does.

use std::net::IpAddr;

use plateau_core::question::resolver::ResolverSeen;

use crate::bounded::read_text;

const LIMIT: u64 = 1 << 20;

/// The C library's `MAXNS`.
const MAX_SERVERS: usize = 3;

/// The settings of `/etc/resolv.conf`.
#[derive(Debug, Default)]
pub(super) struct ResolverConfig {
    pub(super) nameservers: Vec<IpAddr>,
    pub(super) search: Vec<String>,
}

pub(super) fn observe() -> anyhow::Result<ResolverSeen> {
    let configuration = read_config()?;
    let nameservers = configuration.nameservers.iter().map(IpAddr::to_string);
    Ok(ResolverSeen {
        configured: Some(!configuration.nameservers.is_empty()),
        nameservers: Some(nameservers.collect()),
        search: Some(configuration.search),
    })
}

/// Reads the file; a missing one configures nothing.
pub(super) fn read_config() -> anyhow::Result<ResolverConfig> {
    let text = read_text("/etc/resolv.conf", LIMIT)?.unwrap_or_default();
    Ok(parse(&text))
}

fn parse(text: &str) -> ResolverConfig {
    let mut configuration = ResolverConfig::default();
    for line in text.lines() {
        // The C library requires the keyword in the first column and skips unknown ones.
        let Some((keyword, rest)) = line.split_once([' ', '\t']) else {
            continue;
        };
        match keyword {
            "nameserver" if configuration.nameservers.len() < MAX_SERVERS => {
                let address = rest.trim_start().split([' ', '\t', ';', '#']).next();
                configuration
                    .nameservers
                    .extend(address.and_then(without_zone));
            }
            // The last of these lines wins.
            "search" => {
                configuration.search = rest.split_whitespace().map(str::to_owned).collect();
            }
            "domain" => {
                let first = rest.split_whitespace().take(1);
                configuration.search = first.map(str::to_owned).collect();
            }
            _ => {}
        }
    }
    configuration
}

fn without_zone(address: &str) -> Option<IpAddr> {
    let bare = address.split_once('%').map_or(address, |(bare, _)| bare);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_what_the_c_library_reads() {
        let read = parse(
            "# comment\nnameserver 10.0.0.1 # first\n nameserver 10.0.0.9\nnameserver nonsense\n\
             nameserver\tfd00::1\ndomain a.lan b.lan\nsearch c.lan  d.lan\noptions ndots:2\n\
             nameserver 10.0.0.3\nnameserver 10.0.0.4\n",
        );
        let servers: Vec<_> = read.nameservers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1", "fd00::1", "10.0.0.3"]);
        assert_eq!(read.search, ["c.lan", "d.lan"]);
    }
}
