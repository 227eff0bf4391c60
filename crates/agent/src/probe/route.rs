//! Finds a route of the main table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nlink::netlink::messages::RouteMessage;
use nlink::netlink::types::route::RouteType;
use plateau_core::question::route::{RouteQuestion, RouteSeen};

use super::netlink;

const MAIN_TABLE: u32 = 254;

pub(super) async fn observe(question: &RouteQuestion) -> anyhow::Result<RouteSeen> {
    let wanted = parse_destination(&question.to)?;
    let kernel = netlink::connect()?;
    let routes = kernel
        .get_routes()
        .await
        .context("cannot read the routes")?;
    let best = routes
        .iter()
        .filter(|route| route.table_id() == MAIN_TABLE && route_destination(route) == Some(wanted))
        // The kernel uses the route with the lowest metric.
        .min_by_key(|route| route.priority().unwrap_or(0))
        // One that refuses packets (`unreachable`, `blackhole`, `prohibit`) leads nowhere.
        .filter(|route| route.route_type() == RouteType::Unicast);
    let Some(route) = best else {
        return Ok(RouteSeen {
            exists: Some(false),
            ..RouteSeen::default()
        });
    };
    let first_hop = route.multipath().and_then(<[_]>::first);
    let via = route
        .gateway()
        .copied()
        .or_else(|| first_hop.and_then(|hop| hop.gateway));
    let interface = match route.oif().or_else(|| first_hop.map(|hop| hop.ifindex)) {
        Some(index) => kernel
            .get_link_by_index(index)
            .await
            .context("cannot read the interfaces")?
            .and_then(|link| link.name().map(str::to_owned)),
        None => None,
    };
    Ok(RouteSeen {
        exists: Some(true),
        via: via.map(|address| address.to_string()),
        interface,
        metric: Some(i64::from(route.priority().unwrap_or(0))),
    })
}

fn parse_destination(to: &str) -> anyhow::Result<IpNet> {
    let network = match to {
        "default" => Ipv4Net::default().into(),
        "default6" => Ipv6Net::default().into(),
        other => other
            .parse::<IpNet>()
            .or_else(|_| other.parse::<IpAddr>().map(IpNet::from))
            .ok()
            .with_context(|| format!("`{other}` is not a valid destination"))?,
    };
    Ok(network.trunc())
}

fn route_destination(route: &RouteMessage) -> Option<IpNet> {
    const INET: u8 = 2;
    let any: IpAddr = match route.family() {
        INET => Ipv4Addr::UNSPECIFIED.into(),
        _ => Ipv6Addr::UNSPECIFIED.into(),
    };
    IpNet::new(route.destination().copied().unwrap_or(any), route.dst_len()).ok()
}
