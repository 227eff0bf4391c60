//! What is left behind: what came, what went and what changed on the engine and on the host.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{as_root, command, is_there, output, say};
use crate::{build, engine, wait};

/// What is ended may take this long to be gone.
const PATIENCE: Duration = Duration::from_secs(15);

/// Settings of the kernel that an engine, a lab or a test could reach for.
const SETTINGS: [&str; 13] = [
    "fs/file-max",
    "fs/inotify/max_user_instances",
    "fs/inotify/max_user_watches",
    "kernel/core_pattern",
    "kernel/hostname",
    "kernel/pid_max",
    "kernel/pty/max",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/disable_ipv6",
    "net/ipv6/conf/all/forwarding",
];

/// Programs that the suite starts, by the first fifteen letters of their names, which the kernel keeps.
const PROGRAMS: [&str; 11] = [
    "containerd",
    "containerd-shim",
    "conmon",
    "dockerd",
    "plateau",
    "plateau-agent",
    "plateau-grader",
    "plateau-report",
    "plateaud",
    "podman",
    "postgres",
];

/// How the tags of images of a lab's nodes begin, after `plateau/`; they go with their lab.
const OF_LABS: [&str; 3] = ["kept:", "shared:", "snapshot:"];

/// Things of one kind: names, and what each is like.
type Things = BTreeMap<String, String>;

/// What there is, kind by kind.
#[derive(Debug, Default)]
pub(crate) struct Traces(BTreeMap<&'static str, Things>);

impl Traces {
    /// Looks at the engine and at the host.
    pub(crate) fn look() -> Result<Self> {
        let mut kinds = Self::of_host()?.0;
        kinds.extend([
            ("engine", named(&[engine::get("/info")?], "ID", "Name")),
            ("containers", containers()?),
            ("images", images()?),
            (
                "volumes",
                named(list(&engine::get("/volumes")?["Volumes"]), "Name", "Driver"),
            ),
            (
                "networks",
                named(list(&engine::get("/networks")?), "Name", "Id"),
            ),
        ]);
        Ok(Self(kinds))
    }

    /// Looks at the host alone.
    pub(crate) fn of_host() -> Result<Self> {
        Ok(Self(BTreeMap::from([
            ("interfaces", interfaces()?),
            ("routes", routes()?),
            ("rules of the firewall", firewall()?),
            ("settings", settings()),
            ("mounts", mounts()),
            ("network namespaces", entries(Path::new("/run/netns"), "")),
            ("processes", processes()),
            ("folders", folders()),
        ])))
    }

    /// All is as it was. What was there before belongs to somebody: it may neither have gone nor have
    /// changed, and nothing but what is built once and kept may have come.
    pub(crate) fn unchanged(&self, look: fn() -> Result<Self>) -> Result<()> {
        let mut differences = Vec::new();
        let mut looked = Ok(());
        let none = wait::until(PATIENCE, || match look() {
            Ok(now) => {
                differences = self.differences(&now);
                differences.is_empty()
            }
            Err(error) => {
                looked = Err(error);
                true
            }
        });
        looked?;
        if none {
            let kinds: Vec<&str> = self.0.keys().copied().collect();
            say(&format!(
                "nothing, and nothing is missing: {}",
                kinds.join(", ")
            ));
            return Ok(());
        }
        bail!(
            "the tests left their traces:\n  {}",
            differences.join("\n  ")
        )
    }

    fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (kind, before) in &self.0 {
            let none = Things::new();
            let now = now.0.get(kind).unwrap_or(&none);
            for (name, was) in before {
                match now.get(name) {
                    Some(is) if is == was => {}
                    _ if is_kept(kind, name) => {}
                    Some(is) => found.push(format!("{kind}: `{name}` was {was} and is {is}")),
                    None => found.push(format!("{kind}: `{name}` ({was}) has gone")),
                }
            }
            let came = now.iter().filter(|(name, _)| !before.contains_key(*name));
            let came = came.filter(|(name, _)| !is_kept(kind, name));
            found.extend(came.map(|(name, is)| format!("{kind}: `{name}` ({is}) has come")));
        }
        found
    }
}

/// What is built or installed on purpose, and kept for the next time: the images of nodes, and the agent
/// with the container that wires labs.
fn is_kept(kind: &str, name: &str) -> bool {
    match kind {
        "images" => {
            let own = name.strip_prefix("plateau/");
            name.starts_with("plateau-tests/")
                || own.is_some_and(|name| !OF_LABS.iter().any(|of_lab| name.starts_with(of_lab)))
        }
        "containers" => name.starts_with("plateau-wirer-"),
        "volumes" => name.starts_with("plateau-agent-"),
        // The engine's shim of the wirer; a container that was left is seen as one.
        "processes" => name.starts_with("containerd-shim ") || name.starts_with("plateau-agent "),
        _ => false,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn named(of: &[Value], name: &str, like: &str) -> Things {
    of.iter()
        .map(|one| (text(&one[name]), text(&one[like])))
        .collect()
}

fn containers() -> Result<Things> {
    let listed = engine::get("/containers/json?all=1")?;
    let name = |container: &Value| {
        text(&container["Names"][0])
            .trim_start_matches('/')
            .to_owned()
    };
    let all = list(&listed).iter();
    Ok(all
        .map(|container| (name(container), text(&container["State"])))
        .collect())
}

/// By their tags. One that lost its tags, because its recipe changed and it was built anew, is of no name.
fn images() -> Result<Things> {
    let listed = engine::get("/images/json")?;
    let mut images = Things::new();
    for image in list(&listed) {
        for tag in list(&image["RepoTags"]) {
            if tag != "<none>:<none>" {
                images.insert(text(tag), text(&image["Id"]));
            }
        }
    }
    Ok(images)
}

/// With their addresses, but for those that the kernel gives itself when something is plugged in. Of the
/// ends of other people's containers' cables, nobody knows whether they stay.
fn interfaces() -> Result<Things> {
    let listed = output(command("ip", &["-json", "address"]))?;
    let listed: Value = serde_json::from_str(&listed).context("the host's interfaces")?;
    let described = |interface: &Value| {
        let addresses = list(&interface["addr_info"]).iter();
        let lasting = addresses.filter(|one| one["scope"] != "link" && one["temporary"] != true);
        let mut addresses: Vec<String> = lasting
            .map(|one| format!("{}/{}", text(&one["local"]), one["prefixlen"]))
            .collect();
        addresses.sort();
        if addresses.is_empty() {
            return "without an address".to_owned();
        }
        addresses.join(" ")
    };
    let all = list(&listed).iter();
    let all = all.map(|interface| (text(&interface["ifname"]), described(interface)));
    Ok(all.filter(|(name, _)| !name.starts_with("veth")).collect())
}

fn routes() -> Result<Things> {
    let listed = output(command("ip", &["-4", "route", "show"]))?;
    // Whether something is plugged in is not ours to say.
    let route = |line: &str| {
        (
            line.trim().trim_end_matches(" linkdown").to_owned(),
            "a route".to_owned(),
        )
    };
    Ok(listed.lines().map(route).collect())
}

fn firewall() -> Result<Things> {
    if !is_there("iptables-save") {
        return Ok(Things::new());
    }
    let listed = output(as_root("iptables-save", &[]))?;
    let mut table = String::new();
    let mut rules = Things::new();
    for line in listed.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_owned();
        } else if line.starts_with(['-', ':']) {
            // Behind a chain's name and what it does by itself stand counters.
            let rule = line.split(" [").next().unwrap_or(line);
            rules.insert(format!("{table} {rule}"), "a rule".to_owned());
        }
    }
    Ok(rules)
}

fn settings() -> Things {
    let read = |name: &str| std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok();
    SETTINGS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), read(name)?.trim().to_owned())))
        .collect()
}

/// But for those of the engine's containers, which are seen as containers, and of people who log in.
fn mounts() -> Things {
    const OF_OTHERS: [&str; 4] = [
        "/var/lib/docker/",
        "/run/docker/",
        "/run/user/",
        "/run/netns",
    ];
    let listed = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    let all = listed.lines().filter_map(mount);
    all.filter(|(place, _)| !OF_OTHERS.iter().any(|other| place.starts_with(other)))
        .collect()
}

fn processes() -> Things {
    engine::processes()
        .filter(|(_, name)| PROGRAMS.contains(&name.as_str()))
        .map(|(id, name)| (format!("{name} {id}"), "running".to_owned()))
        .collect()
}

/// Where the suite keeps what lasts as long as it does.
fn folders() -> Things {
    let mut folders = entries(&std::env::temp_dir(), "plateau");
    folders.extend(entries(&build::target_folder(), "engine-"));
    folders.extend(entries(&build::target_folder(), "suite-engine-"));
    folders
}

fn entries(folder: &Path, prefix: &str) -> Things {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    ours.map(|entry| (entry.path().display().to_string(), "there".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(kind: &'static str, things: &[(&str, &str)]) -> Traces {
        let things = things.iter();
        let things = things.map(|(name, like)| ((*name).to_owned(), (*like).to_owned()));
        Traces(BTreeMap::from([(kind, things.collect())]))
    }

    #[test]
    fn what_came_what_went_and_what_changed_is_found() {
        let before = traces("interfaces", &[("docker0", "172.17.0.1/16"), ("eth0", "a")]);
        assert_eq!(before.differences(&before), [""; 0]);
        let now = traces("interfaces", &[("eth0", "b"), ("p1", "without an address")]);
        assert_eq!(
            before.differences(&now),
            [
                "interfaces: `docker0` (172.17.0.1/16) has gone",
                "interfaces: `eth0` was a and is b",
                "interfaces: `p1` (without an address) has come",
            ]
        );
    }

    #[test]
    fn what_is_built_once_and_kept_is_no_trace_and_what_labs_leave_is_one() {
        let before = traces("images", &[("plateau/debian-server:latest", "1")]);
        let now = traces(
            "images",
            &[
                ("plateau/agent:12", "2"),
                ("plateau/debian-server:latest", "3"),
                ("plateau/kept:1-left", "4"),
                ("plateau/shared:1-left", "5"),
                ("plateau/snapshot:1-left", "6"),
            ],
        );
        assert_eq!(
            before.differences(&now),
            [
                "images: `plateau/kept:1-left` (4) has come",
                "images: `plateau/shared:1-left` (5) has come",
                "images: `plateau/snapshot:1-left` (6) has come",
            ]
        );
    }
}
