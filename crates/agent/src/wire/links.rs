//! The few verbs of netlink that wiring needs, and the only file that knows which crate speaks it.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use ipnet::IpNet;
use nlink::netlink::addr::Ipv6Address;
use nlink::netlink::link::{LinkConfig, LinkCreateExt, VethLink};
use nlink::netlink::route::{Ipv4Route, Ipv6Route};
use nlink::netlink::tc::{NetemConfig, TbfConfig};
use nlink::netlink::{Connection, Ethtool, InterfaceRef, MessageBuilder, Route};
use nlink::{Bytes, Percent, Rate, Result, TcHandle};

/// What is known of one interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Its index in its namespace.
    pub(crate) index: u32,
    /// For a cable: the index of the other end, in that end's namespace.
    pub(crate) other_end: Option<u32>,
    /// The bridge that it is plugged into.
    pub(crate) bridge: Option<u32>,
}

/// What an interface does to what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shaping {
    /// Nothing.
    Free,
    /// It sends no more bits per second than these.
    Limited(u64),
    /// It holds back or loses some.
    Impaired,
}

/// The interfaces of one network namespace.
pub(crate) struct Links {
    route: Connection<Route>,
    ethtool: Connection<Ethtool>,
}

impl Links {
    /// Opens sockets in the namespace.
    pub(crate) async fn open(namespace: &File) -> Result<Self> {
        Ok(Self {
            route: Connection::new_in(namespace.as_fd())?,
            ethtool: Connection::new_in_async(namespace.as_fd()).await?,
        })
    }

    /// All interfaces by their names.
    pub(crate) async fn list(&self) -> Result<BTreeMap<String, Link>> {
        let mut links = BTreeMap::new();
        for link in self.route.get_links().await? {
            if let Some(name) = link.name() {
                let found = Link {
                    index: link.ifindex(),
                    other_end: link.link(),
                    bridge: link.master(),
                };
                links.insert(name.to_owned(), found);
            }
        }
        Ok(links)
    }

    /// One interface by its name.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<Link>> {
        let link = self.route.get_link_by_name(name).await?;
        Ok(link.map(|link| Link {
            index: link.ifindex(),
            other_end: link.link(),
            bridge: link.master(),
        }))
    }

    /// Makes a bridge that only forwards, and at once.
    pub(crate) async fn add_bridge(&self, name: &str) -> Result<()> {
        self.route.add_link(PlainBridge(name.to_owned())).await
    }

    /// Makes a cable from `name`, here, down and in the bridge, to `far_name` in another namespace.
    pub(crate) async fn add_cable(
        &self,
        name: &str,
        bridge: u32,
        (far_name, far, mac): (&str, &File, [u8; 6]),
    ) -> Result<()> {
        let cable = VethLink::new(name, far_name)
            .peer_netns_fd(far)
            .peer_address(mac);
        self.route
            .add_link(cable.master(InterfaceRef::Index(bridge)))
            .await
    }

    /// Removes an interface, and with a cable its other end.
    pub(crate) async fn remove(&self, index: u32) -> Result<()> {
        self.route.del_link_by_index(index).await
    }

    /// Renames an interface that is down.
    pub(crate) async fn rename(&self, index: u32, name: &str) -> Result<()> {
        self.route.set_link_name_by_index(index, name).await
    }

    /// Sets an interface down, so that the other end of its cable has no carrier.
    pub(crate) async fn down(&self, index: u32) -> Result<()> {
        self.route.set_link_down_by_index(index).await
    }

    /// Sets an interface up.
    pub(crate) async fn up(&self, index: u32) -> Result<()> {
        self.route.set_link_up_by_index(index).await
    }

    /// Keeps an interface from giving itself an IPv6 address.
    pub(crate) async fn no_own_address(&self, index: u32) -> Result<()> {
        use nlink::netlink::devconf::AddrGenMode;
        self.route
            .set_addr_gen_mode_by_index(index, AddrGenMode::None)
            .await
    }

    /// Makes the sender compute checksums.
    ///
    /// Between two ends of a cable the kernel leaves them out; a switch in user space inside a
    /// node, such as Open vSwitch's, would pass the packets on without.
    pub(crate) async fn checksum_in_software(&self, name: &str) -> Result<()> {
        self.ethtool
            .set_features_by_name(name, |features| {
                features
                    .disable("tx-checksum-ip-generic")
                    .disable("tx-checksum-sctp")
            })
            .await
    }

    /// What an interface does to what it sends.
    pub(crate) async fn shaping(&self, index: u32) -> Result<Shaping> {
        use nlink::netlink::tc_options::QdiscOptions;
        let root = self.route.get_root_qdisc_by_index(index).await?;
        Ok(match root.and_then(|root| root.options()) {
            Some(QdiscOptions::Tbf(limit)) => Shaping::Limited(limit.rate * 8),
            Some(QdiscOptions::Netem(_)) => Shaping::Impaired,
            _ => Shaping::Free,
        })
    }

    /// Limits what an interface sends.
    pub(crate) async fn limit(&self, index: u32, rate: u64) -> Result<()> {
        let bytes = (rate / 8).max(1);
        // 10 ms worth of bytes may go at once, and 50 ms worth may wait.
        let burst = (bytes / 100).max(16 << 10);
        let queue = burst.saturating_add(bytes / 20);
        let most = u64::from(u32::MAX);
        let limit = TbfConfig::new()
            .rate(Rate::bytes_per_sec(bytes))
            .burst(Bytes::new(burst.min(most)))
            .limit(Bytes::new(queue.min(most)));
        self.route.replace_qdisc_by_index(index, limit).await
    }

    /// Holds back and loses some of what an interface sends, and limits it where `rate` says so.
    pub(crate) async fn impair(
        &self,
        index: u32,
        delay: Duration,
        loss_ppm: u32,
        rate: Option<u64>,
    ) -> Result<()> {
        let loss = Percent::from_fraction(f64::from(loss_ppm) / 1e6);
        let mut netem = NetemConfig::new().delay(delay).loss(loss);
        if let Some(rate) = rate {
            netem = netem.rate(Rate::bytes_per_sec((rate / 8).max(1)));
        }
        self.route.replace_qdisc_by_index(index, netem).await
    }

    /// Sends everything at once again.
    pub(crate) async fn free(&self, index: u32) -> Result<()> {
        self.route.del_qdisc_by_index(index, TcHandle::ROOT).await
    }

    /// Gives an interface an address, which counts at once.
    pub(crate) async fn address(&self, index: u32, address: IpNet) -> Result<()> {
        match address {
            IpNet::V4(_) => {
                self.route
                    .replace_address_by_index(index, address.addr(), address.prefix_len())
                    .await
            }
            // Without the second in which IPv6 asks whether another has the address.
            IpNet::V6(net) => {
                let address = Ipv6Address::with_index(index, net.addr(), net.prefix_len()).nodad();
                self.route.replace_address(address).await
            }
        }
    }

    /// Sends everything else by way of a gateway.
    pub(crate) async fn gateway(&self, gateway: IpAddr) -> Result<()> {
        match gateway {
            IpAddr::V4(gateway) => {
                let route = Ipv4Route::default_route().gateway(gateway);
                self.route.replace_route(route).await
            }
            IpAddr::V6(gateway) => {
                let route = Ipv6Route::default_route().gateway(gateway);
                self.route.replace_route(route).await
            }
        }
    }
}

/// A bridge without spanning tree, without delay, and without snooping, which would drop the
/// multicast of a lab that has no querier.
#[derive(Debug)]
struct PlainBridge(String);

// Attribute numbers of the kernel's `if_link.h`.
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_BR_FORWARD_DELAY: u16 = 1;
const IFLA_BR_STP_STATE: u16 = 5;
const IFLA_BR_MCAST_SNOOPING: u16 = 23;

impl LinkConfig for PlainBridge {
    fn name(&self) -> &str {
        &self.0
    }

    fn kind(&self) -> &'static str {
        "bridge"
    }

    fn write_to(&self, builder: &mut MessageBuilder, _parent: Option<u32>) {
        builder.append_attr_str(IFLA_IFNAME, &self.0);
        let info = builder.nest_start(IFLA_LINKINFO);
        builder.append_attr_str(IFLA_INFO_KIND, "bridge");
        let data = builder.nest_start(IFLA_INFO_DATA);
        builder.append_attr_u32(IFLA_BR_FORWARD_DELAY, 0);
        builder.append_attr_u32(IFLA_BR_STP_STATE, 0);
        builder.append_attr_u8(IFLA_BR_MCAST_SNOOPING, 0);
        builder.nest_end(data);
        builder.nest_end(info);
    }
}
