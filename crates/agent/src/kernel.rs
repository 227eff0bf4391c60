//! Finds out what the host's kernel can do by trying it in a temporary network namespace.
//!
//! Lists of modules and versions are not enough: a feature may be built in, be a module that is not
//! installed, or be forbidden in containers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nlink::netlink::link::{
    BridgeLink, LinkConfig, MacvlanLink, VethLink, VlanLink, VxlanLink, WireguardLink,
};
use nlink::netlink::nftables::Family;
use nlink::netlink::tc::{NetemConfig, TbfConfig};
use nlink::netlink::{Connection, Generic, Nftables, Route};
use nlink::{Bytes, Rate};
use plateau_core::wire::HostReport;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::{message, runtime};

/// Writes a [`HostReport`] to standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    // SAFETY: only the network namespace is left; the descriptors stay shared by all threads.
    #[expect(unsafe_code, reason = "no safe interface leaves a namespace")]
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
        .context("cannot leave the network namespace")?;
    let mut features = runtime::single_threaded()?.block_on(probe_features())?;
    features.insert("tun".to_owned(), has_tun());
    message::write_line(&HostReport {
        features,
        memory_available: memory_available(),
        disk_free: disk_free(),
        inotify_limit: inotify_limit("max_user_instances"),
        inotify_used: inotify_used(),
        inotify_watches: inotify_limit("max_user_watches"),
    })
}

/// Creates one object of each kind. The veth pair comes first, because others need it.
async fn probe_features() -> anyhow::Result<BTreeMap<String, bool>> {
    let route = Connection::<Route>::new().context("cannot open a netlink socket")?;
    let mut features = Features(BTreeMap::new());
    features
        .try_link(&route, "veth", VethLink::new("v0", "v1"))
        .await;
    features
        .try_link(&route, "bridge", BridgeLink::new("b0"))
        .await;
    features
        .try_link(&route, "vxlan", VxlanLink::new("x0", 1))
        .await;
    features
        .try_link(&route, "macvlan", MacvlanLink::new("m0", "v0"))
        .await;
    features
        .try_link(&route, "8021q", VlanLink::new("q0", "v0", 2))
        .await;
    features
        .try_link(&route, "wireguard", WireguardLink::new("w0"))
        .await;
    let rate = TbfConfig::new()
        .rate(Rate::bytes_per_sec(1 << 20))
        .burst(Bytes::new(32 << 10))
        .limit(Bytes::new(64 << 10));
    features.record("tbf", route.add_qdisc("v0", rate).await);
    let delay = NetemConfig::new().delay(Duration::from_millis(1));
    features.record("netem", route.add_qdisc("v1", delay).await);
    let table = async {
        Connection::<Nftables>::new()?
            .add_table("plateau", Family::Inet)
            .await
    };
    features.record("nftables", table.await);
    let family = async {
        Connection::<Generic>::new()?
            .get_family("ovs_datapath")
            .await
    };
    features.record("openvswitch", family.await.map(drop));
    Ok(features.0)
}

/// What was tried, and whether it worked.
struct Features(BTreeMap<String, bool>);

impl Features {
    async fn try_link(&mut self, route: &Connection<Route>, name: &str, link: impl LinkConfig) {
        self.record(name, route.add_link(link).await);
    }

    fn record(&mut self, name: &str, done: nlink::Result<()>) {
        self.0.insert(name.to_owned(), done.is_ok());
    }
}

/// The device is on the host, which the container does not see; the driver is shared.
fn has_tun() -> bool {
    Path::new("/sys/class/misc/tun").exists()
}

fn memory_available() -> Option<u64> {
    use procfs::Current;
    procfs::Meminfo::current().ok()?.mem_available
}

/// The root of a container is on the disk where its engine stores all its data.
fn disk_free() -> Option<u64> {
    let disk = rustix::fs::statvfs("/").ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn inotify_limit(setting: &str) -> Option<u64> {
    let limit = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{setting}")).ok()?;
    limit.trim().parse().ok()
}

/// Counted over all visible processes; the kernel does not report the sum.
fn inotify_used() -> Option<u64> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let used = processes
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .filter_map(|process| std::fs::read_dir(process.path().join("fd")).ok())
        .flat_map(|descriptors| descriptors.flatten())
        .filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok())
        .filter(|target| target.as_os_str() == "anon_inode:inotify")
        .count();
    u64::try_from(used).ok()
}
