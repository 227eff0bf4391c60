//! The kernel's links, addresses and routes, asked over netlink.

use anyhow::Context;
use nlink::netlink::messages::LinkMessage;
use nlink::netlink::{Connection, Route};

/// A connection to the kernel of the namespace we are in.
pub(super) fn kernel() -> anyhow::Result<Connection<Route>> {
    Connection::<Route>::new().context("cannot open netlink")
}

/// The link of this name; `None` where there is none.
pub(super) async fn link(
    kernel: &Connection<Route>,
    name: &str,
) -> anyhow::Result<Option<LinkMessage>> {
    let links = kernel
        .get_links()
        .await
        .context("cannot read the interfaces")?;
    Ok(links.into_iter().find(|link| link.name() == Some(name)))
}
