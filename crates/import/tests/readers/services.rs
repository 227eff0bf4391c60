//! Goss and Compose files, which describe services.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use plateau_core::folder::Folder;
use plateau_core::question::Expectation;
use plateau_core::scenario::Scenario;
use plateau_core::topology::Topology;
use tempfile::TempDir;

use super::{Imported, Kind, folder, import_into};

/// Imports into `out`.
fn import(folder: &TempDir, kind: Kind, file: &str) -> Imported {
    import_into(folder.path(), kind, file, "out")
}

fn written(folder: &TempDir, file: &str) -> String {
    fs::read_to_string(folder.path().join("out").join(file)).unwrap()
}

/// The lab that the scenario becomes, read as the daemon reads it.
fn topology(folder: &TempDir) -> Topology {
    let root = folder.path().join("out");
    let mut files = Folder::default();
    for entry in walkdir::WalkDir::new(&root) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(&root).unwrap();
            let path = path.to_str().unwrap().to_owned();
            files.0.insert(path, fs::read(entry.path()).unwrap());
        }
    }
    Scenario::read(files).unwrap().draw("1").unwrap()
}

/// What a node's file holds in the lab.
fn placed(topology: &Topology, node: &str, path: &str) -> String {
    let files = &topology.nodes[node].files;
    let file = files.iter().find(|file| file.path == path).unwrap();
    String::from_utf8(file.content.clone()).unwrap()
}

const GOSS: &str = include_str!("web.yaml");

#[test]
fn every_kind_of_goss_resource_becomes_a_check() {
    let folder = folder(&[("web.yaml", GOSS)]);
    let said = import(&folder, Kind::Goss, "web.yaml");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    insta::assert_snapshot!(written(&folder, "scenario.yaml"));
    for language in ["fr", "en"] {
        let brief = written(&folder, &format!("brief.{language}.md"));
        assert!(brief.contains("`server`"), "{brief}");
    }
    let stub = written(&folder, "solutions/web.sh");
    assert!(stub.contains("exit 1"), "{stub}");
}

#[test]
fn goss_files_of_json_and_of_yaml_become_the_same() {
    let json = r#"{ "user": { "alice": { "exists": true, "uid": { "gt": 999 } } } }"#;
    let yaml = "user:\n  alice:\n    exists: true\n    uid: { gt: 999 }\n";
    let write = |name: &str, text: &str| {
        let folder = folder(&[(name, text)]);
        assert_eq!(import(&folder, Kind::Goss, name).code, 0);
        let text = written(&folder, "scenario.yaml");
        text.replace("goss.json", "goss.yaml")
    };
    assert_eq!(write("goss.json", json), write("goss.yaml", yaml));
}

#[test]
fn what_goss_asks_and_nothing_here_does_is_left_out_and_said() {
    let folder = folder(&[(
        "goss.yaml",
        r#"
matching: { x: { content: a, matches: a } }
registry: { 'HKLM\X': { exists: true } }
pakage: { nginx: { installed: true } }
package:
  nginx: { installed: true, versions: { semver-constraint: ">1.0.0" }, instaled: true }
  bind9: { installed: { and: [true, false] } }
file:
  relative: { exists: true }
  /a: { exists: true, md5: 7c9bb14b3bf178e82c00c2a4398c93cd, contents: [ "/(?<=x)y/", 5 ] }
user:
  bob: { exists: true, gid: 100, groups: { not: { contain-element: root } } }
mount:
  /srv: { exists: true, usage: { lt: 95 } }
interface:
  eth0: { exists: true, addrs: ["fe80::1/64"] }
dns:
  CAA:x.lan: { resolvable: true }
  y.lan: { resolvable: true, server: ns1.lan }
addr:
  udp://192.168.7.2:53: { reachable: true }
  tcp://192.168.7.2:53: { reachable: true, local-address: 192.168.7.5 }
http:
  http://x.lan/: { status: { gjson: { a: b } }, proxy: "http://p/", request-body: x }
command:
  ls: { exit-status: 0, stdout: { have-len: 3 } }
  skipped: { exit-status: 0, skip: true }
kernel-param:
  a.b: { value: { gt: 200 } }
service:
  openrc: { runlevels: [default] }
port:
  sctp:9: { listening: true }
"#,
    )]);
    let said = import(&folder, Kind::Goss, "goss.yaml");
    assert_eq!(said.code, 1);
    insta::assert_snapshot!("goss_left_out", said.err);
    insta::assert_snapshot!("goss_left_out_scenario", written(&folder, "scenario.yaml"));
    let comments = written(&folder, "scenario.yaml");
    let commented = comments.matches("# Left out: ").count();
    assert_eq!(commented, said.err.lines().count(), "each has its comment");
}

#[test]
fn goss_files_that_others_include_become_tasks_and_the_last_word_holds() {
    let folder = folder(&[
        (
            "goss.yaml",
            "gossfile:\n  parts/*.yaml: {}\n  never: { file: gone.yaml, skip: true }\nuser: { a: { exists: true }, b: { exists: true } }\n",
        ),
        ("parts/one.yaml", "user: { b: { exists: false } }\n"),
        (
            "parts/two.yaml",
            "gossfile: { ../deep.json: {} }\n# nothing else\n",
        ),
        ("deep.json", r#"{ "group": { "g": { "exists": true } } }"#),
    ]);
    let said = import(&folder, Kind::Goss, "goss.yaml");
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err
            .contains("user b: a file that is included says it anew"),
        "{}",
        said.err
    );
    let topology = topology(&folder);
    let tasks: Vec<_> = topology.tasks.iter().map(|task| &task.id).collect();
    assert_eq!(tasks, ["goss", "one", "deep"]);
}

#[test]
fn goss_includes_that_lead_nowhere_or_in_circles_are_refused_with_their_place() {
    for (files, code) in [
        (
            &[("goss.yaml", "\ngossfile: { gone.yaml: {} }")][..],
            "goss.yaml:2:13: no file `gone.yaml`",
        ),
        (
            &[("goss.yaml", "gossfile: { goss.yaml: {} }")],
            "goss.yaml:1:13: `goss.yaml` includes itself",
        ),
        (
            &[
                ("goss.yaml", "gossfile: { a.yaml: {} }"),
                ("a.yaml", "gossfile: { goss.yaml: {} }"),
            ],
            "a.yaml:1:13: `goss.yaml` includes itself",
        ),
        (
            &[(
                "goss.yaml",
                "user:\n  {{ .Vars.name }}:\n    exists: true\n",
            )],
            "goss.yaml:2:3: this is a template",
        ),
        (
            &[("goss.yaml", "gossfile: { '[': {} }")],
            "goss.yaml:1:13: `[` is not a pattern",
        ),
    ] {
        let folder = folder(files);
        let said = import(&folder, Kind::Goss, "goss.yaml");
        assert_eq!(said.code, 2);
        assert!(said.err.starts_with(code), "{}", said.err);
    }
}

const COMPOSE: &str = r#"
name: atelier
x-usual: &usual
  restart: unless-stopped
  dns: 192.168.7.2
services:
  web:
    <<: *usual
    image: plateau/debian-server:latest
    hostname: www
    domainname: ${DOMAIN:-atelier.lan}
    networks:
      front: { ipv4_address: 192.168.7.10, aliases: [site] }
      back:
    volumes:
      - ./conf:/etc/site:ro
      - type: bind
        source: ./run.sh
        target: /usr/local/bin/run
      - data:/var/lib/data
    configs: [ { source: motd, target: /etc/motd, mode: 0440, uid: "1000" } ]
    healthcheck: { test: ["CMD", "curl", "-f", "http://localhost/it's"], timeout: 3s }
    mem_limit: 256m
    deploy: { resources: { limits: { cpus: "0.5" } } }
    scale: 1
  db:
    image: debian-server:${TAG}
    entrypoint: /usr/local/bin/db
    command: ["--greet", "100% $$HOME \"you\""]
    environment: [ "MODE=prod", 'PASSWORD=a b"c' ]
    env_file: db.env
    working_dir: /srv
    user: "1000:100"
    networks: [back]
    secrets: [pw]
    sysctls: [ net.ipv4.ip_forward=1 ]
    cap_add: [CAP_NET_ADMIN, sys_nice]
    devices: ["/dev/net/tun:/dev/net/tun"]
    pids_limit: 100
    extra_hosts: { printer: 192.168.7.99 }
networks:
  front: { ipam: { config: [ { subnet: 192.168.7.0/24 } ] } }
  back: { internal: true }
volumes: { data: {} }
configs: { motd: { content: "Bonjour {{ you }}" } }
secrets: { pw: { file: ./pw.txt } }
"#;

fn project() -> TempDir {
    folder(&[
        ("compose.yaml", COMPOSE),
        (".env", "TAG=12\nexport UNUSED=1\n"),
        ("db.env", "MODE=test\nCOLOUR='deep blue'\n"),
        ("pw.txt", "secret {% x %}\n"),
        ("conf/a.conf", "a\n"),
        ("conf/sub/b.conf", "{{ b }}\n"),
        ("run.sh", "#!/bin/sh\n"),
    ])
}

#[test]
fn compose_services_become_machines() {
    let folder = project();
    let said = import(&folder, Kind::Compose, "compose.yaml");
    assert_eq!(said.code, 1, "{}", said.err);
    insta::assert_snapshot!("compose_left_out", said.err);
    insta::assert_snapshot!("compose_scenario", written(&folder, "scenario.yaml"));
    insta::assert_snapshot!(
        "compose_unit",
        written(&folder, "files/db/etc/systemd/system/db.service")
    );
    insta::assert_snapshot!(
        "compose_variables",
        written(&folder, "files/db/etc/environment")
    );
    insta::assert_snapshot!("compose_hosts", written(&folder, "files/web/hosts"));
    insta::assert_snapshot!("compose_setup", written(&folder, "setup/web.sh"));
}

#[test]
fn what_looks_like_a_template_in_files_is_taken_as_it_is() {
    let folder = project();
    import(&folder, Kind::Compose, "compose.yaml");
    let topology = topology(&folder);
    assert_eq!(placed(&topology, "web", "/etc/motd"), "Bonjour {{ you }}");
    assert_eq!(
        placed(&topology, "web", "/etc/site/sub/b.conf"),
        "{{ b }}\n"
    );
    let kept = "/usr/local/share/compose/run/secrets/pw";
    assert_eq!(placed(&topology, "db", kept), "secret {% x %}\n");
}

#[test]
fn what_looks_like_a_template_in_values_is_taken_as_it_is() {
    let run = "docker inspect -f '{{.Id}} {% endraw %} {{##}}' x";
    let goss = serde_json::json!({ "command": { "x": { "exec": run, "exit-status": 0 } } });
    let text = goss.to_string();
    // Goss itself would take this for a template.
    let folder = folder(&[("goss.json", &text)]);
    assert_eq!(import(&folder, Kind::Goss, "goss.json").code, 2);
    let compose = serde_json::json!({ "services": { "x": {
        "image": "plateau/debian-server", "healthcheck": { "test": ["CMD-SHELL", run] }
    } } });
    fs::write(folder.path().join("compose.json"), compose.to_string()).unwrap();
    assert_eq!(import(&folder, Kind::Compose, "compose.json").code, 0);
    let Expectation::Command(check) = &topology(&folder).tasks[0].checks[0].expectation else {
        panic!("the health check is not a command");
    };
    assert_eq!(check.run, run);
}

#[test]
fn compose_services_are_extended_included_and_started_by_profile() {
    let folder = folder(&[
        (
            "compose.yaml",
            "include: [more/compose.yaml]\nservices:\n  a: { extends: { file: base.yaml, service: base }, environment: { B: own } }\n  b: { image: x/y, profiles: [debug] }\n  c: { image: x/y, profiles: [tools, all], scale: 2 }\n",
        ),
        (".env", "COMPOSE_PROFILES=all\n"),
        (
            "base.yaml",
            "services:\n  base:\n    image: plateau/debian-router\n    environment: { A: base, B: base }\n    depends_on: [z]\n",
        ),
        (
            "more/compose.yaml",
            "services:\n  d:\n    image: x/y\n    volumes: [./here:/there]\n",
        ),
        ("more/here", "content"),
    ]);
    let said = import(&folder, Kind::Compose, "compose.yaml");
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("compose.yaml:4:3: left out: b: it is started with the profile debug alone"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("depends_on"), "{}", said.err);
    let topology = topology(&folder);
    let nodes: Vec<_> = topology.nodes.keys().collect();
    assert_eq!(nodes, ["a", "c-1", "c-2", "d"]);
    assert_eq!(topology.nodes["a"].image, "debian-router");
    assert_eq!(
        placed(&topology, "a", "/etc/environment"),
        "B=own\nA=base\n"
    );
    assert_eq!(placed(&topology, "d", "/there"), "content");
    let hosts = placed(&topology, "a", "/etc/hosts");
    for name in ["c c-1", "c c-2", "\td\n"] {
        assert!(hosts.contains(name), "{hosts}");
    }
}

#[test]
fn bad_compose_files_are_refused_with_their_place() {
    for (text, said_first) in [
        (
            "services: { a: { image: \"${X:?name it}\" } }",
            "compose.yaml:1:25: the variables in",
        ),
        (
            "services: { a: { image: \"${X\" } }",
            "compose.yaml:1:25: the variables in",
        ),
        (
            "services: { a: { extends: { service: a } } }",
            "compose.yaml:1:13: service `a` extends itself",
        ),
        (
            "services: { a: { extends: b } }",
            "compose.yaml:1:27: no service named `b`",
        ),
        (
            "services: { a: { extends: { service: b, file: gone.yaml } } }",
            "compose.yaml:1:27: no file `./gone.yaml`",
        ),
        (
            "include: [compose.yaml]\nservices: {}",
            "compose.yaml:1:11: `compose.yaml` includes itself",
        ),
        (
            "include: [gone.yaml]\nservices: {}",
            "compose.yaml:1:11: no file `./gone.yaml`",
        ),
        (
            "services: [a]",
            "compose.yaml:1:11: a list stands where a map of services is expected",
        ),
        (
            "services: { a: 5 }",
            "compose.yaml:1:16: a number stands where",
        ),
        ("services: {}", "compose.yaml: no service is declared"),
        (
            "services: { a: { image: x/y, scale: 0 } }",
            "compose.yaml: every service is scaled to nothing",
        ),
        (
            "services: { a: { image: x/y }, a: { image: x/z } }",
            "compose.yaml:1:32: `a` stands here for the second time",
        ),
    ] {
        let folder = folder(&[("compose.yaml", text)]);
        let said = import(&folder, Kind::Compose, "compose.yaml");
        assert_eq!(said.code, 2, "{text}");
        assert!(said.err.starts_with(said_first), "{text}: {}", said.err);
    }
}

#[test]
fn addresses_that_cannot_be_are_left_out_and_others_given() {
    let folder = folder(&[(
        "compose.yaml",
        "services:\n  a: { image: x/y, networks: { n: { ipv4_address: 10.9.0.2 } } }\n  b: { image: x/y, networks: { n: { ipv4_address: 10.9.0.2 } } }\n  c: { image: x/y, networks: { n: { ipv4_address: 192.0.2.1 } } }\n  d: { image: x/y, network_mode: none }\n  e: { image: x/y, network_mode: host }\nnetworks: { n: { ipam: { config: [ { subnet: 10.9.0.0/29 } ] } } }\n",
    )]);
    let said = import(&folder, Kind::Compose, "compose.yaml");
    assert_eq!(
        said.err.matches("is taken, or outside 10.9.0.0/29").count(),
        2,
        "{}",
        said.err
    );
    let topology = topology(&folder);
    let address = |node: &str| {
        let port = topology.nodes[node].interfaces.get("eth0")?;
        port.address.map(|address| address.to_string())
    };
    assert_eq!(address("a").as_deref(), Some("10.9.0.2/29"));
    assert_eq!(address("b").as_deref(), Some("10.9.0.3/29"));
    assert_eq!(address("c").as_deref(), Some("10.9.0.4/29"));
    assert_eq!(address("d"), None);
    assert_eq!(address("e").as_deref(), Some("172.30.0.2/24"));
}

#[test]
fn names_that_try_to_be_yaml_stay_names() {
    let wild = "a\nplateau: 2 # {{ x }} \u{1}\u{2028}'\"";
    let compose = serde_json::json!({ "services": { wild: { "image": "x/y", "hostname": wild, wild: wild } } });
    let goss = serde_json::json!({ "user": { "a": { "exists": true, "title": wild.replace("{{", "{"), "meta": { "k": "v\n- x" } } } });
    let folder = folder(&[
        ("compose.json", &compose.to_string()),
        ("goss.json", &goss.to_string()),
    ]);
    assert_eq!(import(&folder, Kind::Compose, "compose.json").code, 1);
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    assert_eq!(import(&folder, Kind::Goss, "goss.json").code, 0);
}

#[test]
fn what_is_nothing_to_import_is_refused_in_no_time() {
    let bomb: String = (0..60)
        .map(|n| match n {
            0 => "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
            _ => format!(
                "a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n",
                n - 1
            ),
        })
        .collect();
    let deep = format!("user: {}{}", "[".repeat(50_000), "]".repeat(50_000));
    let folder = folder(&[
        ("empty", ""),
        ("broken", "user: {\n  a: ["),
        ("scalar", "just a text"),
        ("list", "- a\n- b\n"),
        ("bomb", &bomb),
        ("deep", &deep),
    ]);
    fs::write(folder.path().join("binary"), [0_u8, 159, 146, 150, 255]).unwrap();
    let huge = fs::File::create(folder.path().join("huge")).unwrap();
    huge.set_len(100_000_000).unwrap();
    let fifo = Command::new("mkfifo")
        .arg(folder.path().join("fifo"))
        .status()
        .unwrap();
    assert!(fifo.success());
    for kind in [Kind::Goss, Kind::Compose] {
        for file in [
            "empty",
            "broken",
            "scalar",
            "list",
            "bomb",
            "deep",
            "binary",
            "huge",
            "fifo",
            ".",
            "gone",
            "/dev/zero",
        ] {
            let begun = Instant::now();
            let said = import(&folder, kind, file);
            assert_eq!(said.code, 2, "{kind:?} {file}: {}", said.err);
            assert!(said.err.contains(file), "{kind:?} {file}: {}", said.err);
            assert!(begun.elapsed() < Duration::from_secs(10), "{kind:?} {file}");
        }
    }
}
