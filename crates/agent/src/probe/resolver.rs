//! Reads the name resolver's configuration, as the C library does.

use std::net::IpAddr;

use plateau_core::question::resolver::ResolverSeen;

use super::bounded::text_of;

const LIMIT: u64 = 1 << 20;

/// The C library's `MAXNS`.
const MOST_SERVERS: usize = 3;

/// What `/etc/resolv.conf` says.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) nameservers: Vec<IpAddr>,
    pub(super) search: Vec<String>,
}

pub(super) fn see() -> anyhow::Result<ResolverSeen> {
    let configuration = read()?;
    let nameservers = configuration.nameservers.iter().map(IpAddr::to_string);
    Ok(ResolverSeen {
        configured: Some(!configuration.nameservers.is_empty()),
        nameservers: Some(nameservers.collect()),
        search: Some(configuration.search),
    })
}

/// Reads the file; a missing one configures nothing.
pub(super) fn read() -> anyhow::Result<Configuration> {
    let text = text_of("/etc/resolv.conf", LIMIT)?.unwrap_or_default();
    Ok(parse(&text))
}

fn parse(text: &str) -> Configuration {
    let mut configuration = Configuration::default();
    for line in text.lines() {
        // The C library wants the keyword in the first column and passes over what it does not know.
        let Some((keyword, rest)) = line.split_once([' ', '\t']) else {
            continue;
        };
        match keyword {
            "nameserver" if configuration.nameservers.len() < MOST_SERVERS => {
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
