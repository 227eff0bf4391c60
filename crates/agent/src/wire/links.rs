//! The netlink operations that wiring needs. No other file of `wire` knows the netlink crate.

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

/// One interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Its index in its namespace.
    pub(crate) index: u32,
    /// For a cable: the index of the other end, in the namespace of that end.
    pub(crate) other_end: Option<u32>,
    /// Index of the bridge that it is plugged into.
    pub(crate) bridge: Option<u32>,
}

/// How the packets that an interface sends are delayed, lost or limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shaping {
    /// Not at all.
    None,
    /// To this many bits per second.
    RateLimited(u64),
    /// Some are delayed or lost.
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

    /// Creates a bridge that only forwards, without delay.
    pub(crate) async fn add_bridge(&self, name: &str) -> Result<()> {
        self.route.add_link(PlainBridge(name.to_owned())).await
    }

    /// Creates a cable from `name` in this namespace, down and in the bridge, to `far_name` in another
    /// namespace.
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

    /// Removes an interface, and the other end of a cable with it.
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

    /// Prevents an interface from generating an IPv6 address for itself.
    pub(crate) async fn disable_address_generation(&self, index: u32) -> Result<()> {
        use nlink::netlink::devconf::AddrGenMode;
        self.route
            .set_addr_gen_mode_by_index(index, AddrGenMode::None)
            .await
    }

    /// Has the kernel compute checksums when it sends.
    ///
    /// Between the two ends of a cable the kernel omits them. A switch in user space inside a node,
    /// such as Open vSwitch, would forward the packets without them.
    pub(crate) async fn disable_checksum_offload(&self, name: &str) -> Result<()> {
        self.ethtool
            .set_features_by_name(name, |features| {
                features
                    .disable("tx-checksum-ip-generic")
                    .disable("tx-checksum-sctp")
            })
            .await
    }

    /// How the packets that an interface sends are treated.
    pub(crate) async fn shaping(&self, index: u32) -> Result<Shaping> {
        use nlink::netlink::tc_options::QdiscOptions;
        let root = self.route.get_root_qdisc_by_index(index).await?;
        Ok(match root.and_then(|root| root.options()) {
            Some(QdiscOptions::Tbf(limit)) => Shaping::RateLimited(limit.rate * 8),
            Some(QdiscOptions::Netem(_)) => Shaping::Impaired,
            _ => Shaping::None,
        })
    }

    /// Limits the rate of an interface, in bits per second.
    pub(crate) async fn limit_rate(&self, index: u32, rate: u64) -> Result<()> {
        let bytes = (rate / 8).max(1);
        // 10 ms worth of bytes may be sent at once, and 50 ms worth may be queued.
        let burst = (bytes / 100).max(16 << 10);
        let queue = burst.saturating_add(bytes / 20);
        let most = u64::from(u32::MAX);
        let limit = TbfConfig::new()
            .rate(Rate::bytes_per_sec(bytes))
            .burst(Bytes::new(burst.min(most)))
            .limit(Bytes::new(queue.min(most)));
        self.route.replace_qdisc_by_index(index, limit).await
    }

    /// Delays and drops packets that an interface sends, and limits its rate if there is one.
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

    /// Removes delays, losses and limits.
    pub(crate) async fn remove_shaping(&self, index: u32) -> Result<()> {
        self.route.del_qdisc_by_index(index, TcHandle::ROOT).await
    }

    /// Gives an interface an address that is usable at once.
    pub(crate) async fn add_address(&self, index: u32, address: IpNet) -> Result<()> {
        match address {
            IpNet::V4(_) => {
                self.route
                    .replace_address_by_index(index, address.addr(), address.prefix_len())
                    .await
            }
            // Without duplicate address detection, which takes a second.
            IpNet::V6(net) => {
                let address = Ipv6Address::with_index(index, net.addr(), net.prefix_len()).nodad();
                self.route.replace_address(address).await
            }
        }
    }

    /// Adds the default route through a gateway.
    pub(crate) async fn add_default_route(&self, gateway: IpAddr) -> Result<()> {
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

/// A bridge without spanning tree, forwarding delay and multicast snooping. Snooping would drop the
/// multicast traffic of a lab without a querier.
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
