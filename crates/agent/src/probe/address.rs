//! Observes the addresses of an interface.

use std::net::IpAddr;

use anyhow::Context;
use plateau_core::question::address::{AddressQuestion, AddressSeen};

use super::netlink;

pub(super) async fn observe(question: &AddressQuestion) -> anyhow::Result<AddressSeen> {
    let kernel = netlink::connect()?;
    let Some(link) = netlink::find_link(&kernel, &question.interface).await? else {
        return Ok(AddressSeen {
            assigned: Some(false),
            ..AddressSeen::default()
        });
    };
    let all = kernel
        .get_addresses()
        .await
        .context("cannot read the addresses")?;
    let mut assigned = false;
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    for message in all
        .iter()
        .filter(|message| message.ifindex() == link.ifindex())
    {
        let Some(address) = message.primary_address() else {
            continue;
        };
        let written = format!("{address}/{}", message.prefix_len());
        match address {
            IpAddr::V4(address) => {
                assigned |= !address.is_link_local();
                ipv4.push(written);
            }
            IpAddr::V6(address) if address.is_unicast_link_local() => {}
            IpAddr::V6(_) => {
                assigned = true;
                ipv6.push(written);
            }
        }
    }
    Ok(AddressSeen {
        assigned: Some(assigned),
        ipv4: Some(ipv4),
        ipv6: Some(ipv6),
    })
}
