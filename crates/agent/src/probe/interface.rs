//! Observes a network interface.

use plateau_core::question::interface::{InterfaceQuestion, InterfaceSeen};

use super::netlink;

pub(super) async fn observe(question: &InterfaceQuestion) -> anyhow::Result<InterfaceSeen> {
    let Some(link) = netlink::find_link(&netlink::connect()?, &question.name).await? else {
        return Ok(InterfaceSeen {
            exists: Some(false),
            ..InterfaceSeen::default()
        });
    };
    Ok(InterfaceSeen {
        exists: Some(true),
        up: Some(link.is_up()),
        carrier: Some(link.carrier().unwrap_or_else(|| link.has_carrier())),
        mac: link.mac_address().map(|mac| mac.to_lowercase()),
        mtu: link.mtu().map(i64::from),
    })
}
