//! Which of Plateau's images stands in for one of an emulator's, whose images run no systemd.

use std::sync::LazyLock;

use plateau_core::topology::Device;
use regex::Regex;

/// An image in place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StandIn {
    /// One of Plateau's images.
    pub(crate) image: &'static str,
    /// Devices that it needs.
    pub(crate) devices: &'static [Device],
    /// It does what the other is for; otherwise it is only a machine in its place.
    pub(crate) is_like: bool,
}

/// Words in an image's name, and what stands in for it.
const LIKE: &[(&str, &str)] = &[
    ("frr", "debian-router"),
    ("quagga", "debian-router"),
    ("openvswitch", "debian-switch"),
    // Kathará's, with Open vSwitch.
    ("sdn", "debian-switch"),
    ("ovs", "debian-switch"),
    ("multitool", "debian-workstation"),
    ("netshoot", "debian-workstation"),
];
/// Names of images of nothing but a plain system.
const PLAIN: &[&str] = &["base", "alpine", "debian", "ubuntu", "busybox"];
/// Programs that not every image has, and the images that have them.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("apk", &[]),
    ("arp", &[]),
    ("ash", &[]),
    ("brctl", &["debian-router"]),
    ("ebtables", &[]),
    ("ifconfig", &[]),
    ("iperf", &[]),
    (
        "iperf3",
        &["debian-router", "debian-switch", "debian-workstation"],
    ),
    ("iptables", &[]),
    ("ip6tables", &[]),
    ("iptables-legacy", &[]),
    ("netstat", &[]),
    ("nft", &["debian-router", "debian-server"]),
    ("nmap", &["debian-workstation"]),
    ("ovs-ofctl", &["debian-switch"]),
    ("ovs-vsctl", &["debian-switch"]),
    ("python3", &["debian-switch"]),
    ("route", &[]),
    ("simple_switch", &[]),
    ("vtysh", &["debian-router"]),
    ("zebra", &[]),
];
/// Services that images have beside those of every Debian.
const SERVICES: &[(&str, &[&str])] = &[
    ("cron", IMAGES),
    ("networking", IMAGES),
    ("nftables", &["debian-router", "debian-server"]),
    ("dnsmasq", &["debian-router"]),
    ("frr", &["debian-router"]),
    ("isc-dhcp-relay", &["debian-router"]),
    ("isc-dhcp-server", &["debian-router"]),
    ("openvswitch-switch", &["debian-switch"]),
];
const IMAGES: &[&str] = &[
    "debian-router",
    "debian-server",
    "debian-switch",
    "debian-workstation",
];

/// The image in place of another, by that one's name.
pub(crate) fn for_image(image: &str) -> StandIn {
    let ours = IMAGES
        .iter()
        .find(|name| image == format!("plateau/{name}:latest"));
    if let Some(image) = ours {
        return StandIn {
            image,
            devices: devices(image),
            is_like: true,
        };
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split([':', '@']).next().unwrap_or(name);
    let like = LIKE.iter().find(|(word, _)| name.contains(word));
    let image = like.map_or("debian-server", |(_, image)| image);
    StandIn {
        image,
        devices: devices(image),
        is_like: like.is_some() || PLAIN.contains(&name),
    }
}

/// Devices that one of Plateau's images needs.
fn devices(image: &str) -> &'static [Device] {
    if image == "debian-switch" {
        &[Device::Tun]
    } else {
        &[]
    }
}

/// Whether a script makes a router of the machine that it runs on: it starts a routing suite.
pub(crate) fn makes_router(script: &str) -> bool {
    let suites = ["frr", "quagga", "zebra"];
    script
        .lines()
        .any(|line| service(line).is_some_and(|name| suites.contains(&name)))
}

/// Programs and services that a script calls for and an image does not have, as far as can be told
/// without running it: a command is the first word of a line.
pub(crate) fn lacking(image: &str, script: &str) -> Vec<String> {
    let mut lacking: Vec<String> = Vec::new();
    for line in script.lines() {
        let absent = match service(line) {
            Some(name) => absent_service(image, name),
            None => absent_program(image, line),
        };
        if let Some(new) = absent.filter(|new| !lacking.contains(new)) {
            lacking.push(new);
        }
    }
    lacking
}

/// The service that a line starts.
fn service(line: &str) -> Option<&str> {
    #[allow(clippy::expect_used, reason = "a constant pattern that a test reads")]
    static STARTED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^\s*(?:(?:systemctl|service)\s+(?:re)?start\s+|/etc/init\.d/|service\s+)([\w@-]+)",
        )
        .expect("it is a pattern")
    });
    Some(STARTED.captures(line)?.get(1)?.as_str())
}

fn absent_program(image: &str, line: &str) -> Option<String> {
    let command = line.split_whitespace().next()?;
    let (program, images) = PROGRAMS.iter().find(|(program, _)| *program == command)?;
    (!images.contains(&image)).then(|| format!("`{program}`"))
}

fn absent_service(image: &str, name: &str) -> Option<String> {
    let known = SERVICES.iter().find(|(service, _)| *service == name);
    let there = known.is_some_and(|(_, images)| images.contains(&image));
    (!there && !name.starts_with("systemd-")).then(|| format!("the service `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_its_name() {
        let image = |name| (for_image(name).image, for_image(name).is_like);
        assert_eq!(
            image("quay.io/frrouting/frr:10.5.1"),
            ("debian-router", true)
        );
        assert_eq!(image("kathara/quagga"), ("debian-router", true));
        assert_eq!(image("kathara/base"), ("debian-server", true));
        assert_eq!(image("alpine@sha256:00"), ("debian-server", true));
        assert_eq!(
            image("wbitt/network-multitool:3"),
            ("debian-workstation", true)
        );
        assert_eq!(
            image("plateau/debian-workstation:latest"),
            ("debian-workstation", true)
        );
        assert_eq!(image("nginx:stable"), ("debian-server", false));
        assert_eq!(for_image("local/openvswitch").devices, [Device::Tun]);
    }

    #[test]
    fn what_an_image_lacks_is_found_in_a_script() {
        let script = "ifconfig eth0 up\n  vtysh -c x\nsystemctl start frr\n/etc/init.d/apache2 start\nip route add default via 10.0.0.1";
        assert_eq!(
            lacking("debian-router", script),
            ["`ifconfig`", "the service `apache2`"]
        );
        assert_eq!(
            lacking("debian-server", script),
            [
                "`ifconfig`",
                "`vtysh`",
                "the service `frr`",
                "the service `apache2`"
            ]
        );
    }
}
