//! Netlink connections, for links, addresses and routes.

use anyhow::Context;
use nlink::netlink::messages::LinkMessage;
use nlink::netlink::{Connection, Route};

/// Connects to the kernel, in the current network namespace.
pub(super) fn connect() -> anyhow::Result<Connection<Route>> {
    Connection::<Route>::new().context("cannot open netlink")
}

/// The link with this name, if there is one.
pub(super) async fn find_link(
    kernel: &Connection<Route>,
    name: &str,
) -> anyhow::Result<Option<LinkMessage>> {
    let links = kernel
        .get_links()
        .await
        .context("cannot read the interfaces")?;
    Ok(links.into_iter().find(|link| link.name() == Some(name)))
}
