//! Labs of Kathará and containerlab, which emulate networks.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Kind, import_into};

/// How an import ended and what it said.
struct Imported {
    code: i32,
    err: String,
    folder: TempDir,
}

/// A folder with these files in `lab`.
fn lab(files: &[(&str, &str)]) -> TempDir {
    let below: Vec<_> = files
        .iter()
        .map(|(path, content)| (format!("lab/{path}"), *content))
        .collect();
    super::folder(&below)
}

/// Imports `lab`, or a file of it, into `made`.
fn import(kind: Kind, path: &str, folder: TempDir) -> Imported {
    let super::Imported { code, err } = import_into(folder.path(), kind, path, "made");
    Imported { code, err, folder }
}

fn kathara(files: &[(&str, &str)]) -> Imported {
    import(Kind::Kathara, "lab", lab(files))
}

fn containerlab(files: &[(&str, &str)]) -> Imported {
    import(
        Kind::Containerlab,
        &format!("lab/{}", files[0].0),
        lab(files),
    )
}

impl Imported {
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join("made").join(path)).unwrap()
    }

    fn has(&self, path: &str) -> bool {
        self.folder.path().join("made").join(path).exists()
    }

    /// The scenario, the scripts and what was said.
    fn whole(&self) -> String {
        let mut text = format!("{}\n", self.read("scenario.yaml"));
        let scripts = fs::read_dir(self.folder.path().join("made/setup"));
        let scripts = scripts.into_iter().flatten();
        let mut scripts: Vec<_> = scripts.map(|entry| entry.unwrap().file_name()).collect();
        scripts.sort();
        for script in scripts {
            let path = format!("setup/{}", script.to_str().unwrap());
            let _ = write!(text, "=== {path}\n{}\n", self.read(&path));
        }
        let _ = write!(text, "=== exit {}, and said\n{}", self.code, self.err);
        text
    }
}

const CONF: &str = r#"# A lab of two machines
LAB_NAME="two_hosts"
LAB_DESCRIPTION="Two hosts and a router"
LAB_VERSION=1.1
LAB_WEB=http://example.org/?lab=two

pc_1[0]="A"     # to the left
pc_1[image]="kathara/base"
pc_1[mem]="128m"
pc_1[env]="GREETING=hello world"
pc_1[exec]="echo ready"
r1[0]='A/02:42:ac:11:00:02'
r1[1]=B
r1[image]="kathara/frr"
r1[sysctl]="net.ipv4.tcp_syncookies=0"
r1[ipv6]="true"
r1[cpus]=1.5
r1[bridged]=true
r1[port]="8080:80/tcp"
r1[num_terms]=2
web[0]="B"
web[image]="someone/webserver:2"
web[ulimit]="nofile=1024"
web[privileged]=false
web[colour]="blue"
"#;

#[test]
fn a_kathara_lab_becomes_a_scenario() {
    let folder = lab(&[
        ("lab.conf", CONF),
        ("shared.startup", "echo for all"),
        (
            "pc_1.startup",
            "ip address add 192.0.2.1/24 dev eth0\r\nexit 0\r\n",
        ),
        ("pc_1.shutdown", "echo bye"),
        (
            "r1.startup",
            "ifconfig eth0 192.0.2.254/24\nsystemctl start frr\n",
        ),
        ("old.startup", "echo nobody"),
        ("pc_1/etc/motd", "{{ this is not a template }}\n"),
        ("pc_1/.DS_Store", "desktop"),
        ("pc_1/usr/local/bin/try", "#!/bin/sh\n"),
        ("r1/etc/frr/frr.conf", "hostname r1\n"),
        ("shared/data.txt", "for everyone\n"),
        ("lab.dep", "r1: pc_1\n"),
        ("README.md", "not part of the lab\n"),
    ]);
    let root = folder.path().join("lab");
    let script = fs::Permissions::from_mode(0o775);
    fs::set_permissions(root.join("pc_1/usr/local/bin/try"), script).unwrap();
    fs::write(root.join("web.startup"), [0xff, 0xfe]).unwrap();
    fs::create_dir_all(root.join("web/srv/empty folder")).unwrap();
    fs::write(root.join("web/srv/picture"), [0, 159, 146, 150]).unwrap();
    let imported = import(Kind::Kathara, "lab", folder);
    insta::assert_snapshot!(imported.whole());
    assert_eq!(imported.read("files/shared/data.txt"), "for everyone\n");
    assert_eq!(
        imported.read("files/r1/etc/sysctl.d/90-imported.conf"),
        "net.ipv4.conf.*.rp_filter = 0\nnet.ipv4.icmp_ratelimit = 0\nnet.ipv4.ip_forward = 1\n\
         net.ipv4.tcp_syncookies = 0\nnet.ipv6.conf.all.accept_ra = 0\nnet.ipv6.conf.all.forwarding = 1\n"
    );
    assert!(!imported.has("files/pc-1/.DS_Store"));
}

#[test]
fn a_plain_kathara_lab_is_carried_over_whole() {
    let imported = kathara(&[
        ("lab.conf", "pc1[0]=A\npc2[0]=A\n"),
        ("pc1.startup", "ip address add 192.0.2.1/24 dev eth0"),
    ]);
    assert_eq!((imported.code, imported.err.as_str()), (0, ""));
    assert!(imported.has("setup/pc1.sh") && imported.has("setup/pc2.sh"));
}

#[test]
fn everything_that_kathara_would_refuse_is_told_at_once() {
    let imported = kathara(&[(
        "lab.conf",
        "pc1[0]='A\npc1 [0]=A\npc1[0]=A # no quotes\nshared[0]=\"A\"\npc1[1]=\"A/0/0\"\n\
         pc1[2]=\"A/00:11\"\npc1[3]=\"B\"\npc1[3]=\"C\"\npc1[4]=\"B\"\nPC[0]=\"A\"\n",
    )]);
    assert_eq!(imported.code, 2);
    insta::assert_snapshot!(imported.err);
    let imported = kathara(&[(
        "lab.conf",
        "pc1[0]=A\npc1[mem]=much\npc1[cpus]=0\npc1[sysctl]=\"kernel.x=1\"\npc1[env]=X\npc1[ipv6]=maybe\n",
    )]);
    assert_eq!(imported.code, 2);
    insta::assert_snapshot!(imported.err);
}

#[test]
fn a_folder_without_a_lab_conf_is_no_kathara_lab() {
    for (files, path, said) in [
        (("pc1/etc/motd", ""), "lab", "no lab.conf in this folder"),
        (
            ("lab.conf", "pc1[0]=A\n"),
            "lab/lab.conf",
            "this is not a folder",
        ),
        (
            ("lab.conf", "# nothing\n"),
            "lab",
            "no machine is named in it",
        ),
    ] {
        let imported = import(Kind::Kathara, path, lab(&[files]));
        assert_eq!(imported.code, 2, "{}", imported.err);
        assert!(imported.err.contains(said), "{}", imported.err);
    }
}

#[test]
fn what_leads_out_of_a_lab_is_left_where_it_is() {
    let folder = lab(&[("lab.conf", "pc1[0]=A\n"), ("pc1/etc/motd", "hello\n")]);
    let root = folder.path().join("lab");
    fs::write(folder.path().join("secret"), "a key").unwrap();
    symlink(folder.path().join("secret"), root.join("pc1/etc/key")).unwrap();
    symlink("../../../..", root.join("pc1/etc/up")).unwrap();
    symlink("motd", root.join("pc1/etc/issue")).unwrap();
    symlink(folder.path().join("secret"), root.join("pc1.startup")).unwrap();
    let pipe = root.join("pc1/etc/pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let imported = import(Kind::Kathara, "lab", folder);
    assert_eq!(imported.code, 1);
    insta::assert_snapshot!(imported.err);
    assert_eq!(imported.read("files/pc1/etc/issue"), "hello\n");
    let written = imported.folder.path().join("made/files/pc1/etc");
    let names = fs::read_dir(written).unwrap();
    assert_eq!(names.count(), 2);
}

#[test]
fn files_are_taken_within_bounds() {
    let folder = lab(&[("lab.conf", "pc1[0]=A\n"), ("pc1/a", "small\n")]);
    let large = fs::File::create(folder.path().join("lab/pc1/b")).unwrap();
    large.set_len(61 << 20).unwrap();
    for number in 0..2000 {
        fs::write(folder.path().join(format!("lab/pc1/c{number}")), "").unwrap();
    }
    let imported = import(Kind::Kathara, "lab", folder);
    assert_eq!(imported.code, 1);
    let lines: Vec<&str> = imported.err.lines().collect();
    assert!(lines[0].contains("pc1/b: the files are larger than 60 MiB with it"));
    assert!(lines[1].contains("there are more than 1900 files"));
    assert_eq!(lines.len(), 2);
    assert!(imported.has("files/pc1/a"));
    let folder = lab(&[]);
    fs::create_dir(folder.path().join("lab")).unwrap();
    fs::write(folder.path().join("lab/lab.conf"), "#".repeat(2 << 20)).unwrap();
    let imported = import(Kind::Kathara, "lab", folder);
    assert!(imported.code == 2 && imported.err.contains("too-large"));
}

const TOPOLOGY: &str = r#"name: campus
prefix: ""
mgmt:
  network: lab-mgmt
topology:
  defaults:
    kind: linux
    image: alpine:${PLATEAU_TEST_TAG:=3}
    env: { STAGE: one, LEVEL: defaults }
    ports: ["8080:80"]
  kinds:
    linux:
      env: { LEVEL: kind, VERSION: 1.10 }
      sysctls: { net.ipv4.ip_forward: 1 }
      exec: [ip route show]
  groups:
    routers:
      image: quay.io/frrouting/frr:10.5.1
      memory: 1gib
      binds: ["__clabNodeName__/frr.conf:/etc/frr/frr.conf:ro"]
  nodes:
    R1:
      group: routers
      cpu: 1.5
      cap-add: [NET_ADMIN, SYS_NICE, SYS_ADMIN]
      devices: [/dev/net/tun, /dev/ppp]
      binds:
        - site:/srv/site
        - ~/.ssh:/root/.ssh
        - missing:/missing
      stages:
        create: { wait-for: [ { node: PC, stage: healthy } ] }
        configure:
          exec:
            - { command: echo configured as __clabNodeName__ }
            - { command: touch /tmp/x, target: host }
    PC:
      env: { LEVEL: node, QUOTE: "it's $$5" }
      env-files: [pc.env]
      exec:
        - ip address add 192.0.2.2/24 dev eth1
        - ash -c 'echo "a b" > /root/note'
      dns: { servers: [192.0.2.53], search: [example.org], options: [rotate] }
      labels: { role: client }
      cmd: sleep infinity
    srl:
      kind: nokia_srlinux
      startup-config: srl.cfg
    br-lan: { kind: bridge }
    br-far: { kind: ovs-bridge }
    box: { kind: ext-container }
  links:
    - endpoints: ["R1:eth1", "srl:ethernet-1/1"]
      mtu: 1400
      vars: { cost: 10 }
    - endpoints: ["R1:eth2", "br-lan:p1"]
    - endpoints: ["PC:eth1", "br-far:p1"]
    - endpoints: ["br-lan:p2", "br-far:p2"]
    - endpoints: ["PC:eth2", "host:veth-pc"]
    - endpoints: ["R1:eth7", "box:eth1"]
    - endpoints: ["R1:eth3", "PC:eth3"]
      ipv4: ["198.51.100.1/30", "198.51.100.2/30"]
      ipv6: ["2001:db8::1/64"]
    - type: veth
      mtu: 9000
      endpoints:
        - { node: R1, interface: eth4, mac: 02:42:ac:11:00:02, ipv4: 203.0.113.0/24 }
        - { node: PC, interface: eth4, vars: { x: 1 } }
    - type: dummy
      endpoint: { node: PC, interface: dummy0 }
    - type: vxlan
      endpoint: { node: R1, interface: eth5 }
      remote: 10.0.0.1
      vni: 100
      dst-port: 4789
"#;

#[test]
fn a_containerlab_topology_becomes_a_scenario() {
    let imported = containerlab(&[
        ("campus.clab.yml", TOPOLOGY),
        ("R1/frr.conf", "hostname R1\n"),
        ("site/index.html", "<h1>{{ title }}</h1>\n"),
        ("site/css/site.css", "h1 {}\n"),
        ("pc.env", "# variables\nLEVEL=file\nTOKEN='a b'\n"),
    ]);
    insta::assert_snapshot!(imported.whole());
    assert_eq!(
        imported.read("files/pc/etc/environment"),
        "LEVEL=node\nQUOTE=it's $5\nSTAGE=one\nTOKEN=a b\nVERSION=1.10\n"
    );
}

#[test]
fn a_plain_containerlab_topology_is_carried_over_whole() {
    let imported = containerlab(&[(
        "lab.clab.yml",
        "name: pair\ntopology:\n  nodes:\n    a: { kind: linux, image: 'alpine:3' }\n    b: { kind: linux, image: 'alpine:3' }\n  links:\n    - endpoints: ['a:eth1', 'b:eth1']\n",
    )]);
    assert_eq!((imported.code, imported.err.as_str()), (0, ""));
    assert!(
        imported
            .read("scenario.yaml")
            .contains("eth1: {network: a-b}")
    );
}

#[test]
fn a_topology_with_much_that_is_left_out_is_still_a_scenario() {
    let mut topology =
        "name: x\ntopology:\n  nodes: { a: { kind: linux, image: alpine } }\n  links:\n".to_owned();
    for number in 0..300 {
        let _ = writeln!(
            topology,
            "    - endpoints: ['a:eth{number}', 'host:h{number}']"
        );
    }
    let imported = containerlab(&[("lab.yml", &topology)]);
    assert_eq!((imported.code, imported.err.lines().count()), (1, 300));
    assert!(
        imported
            .read("scenario.yaml")
            .contains("… and 276 more lines")
    );
}

const TEMPLATE: &str = r#"name: {{ .name }}
topology:
  defaults: { kind: linux, image: 'alpine:3' }
  nodes:
{{- range $n := seq 1 .hosts }}
    {{ template "host.gotmpl" (slice $n $.prefix) }}
{{- end }}
  links:
{{- range $n := seq 2 .hosts }}
    - endpoints: ["{{ $.prefix }}1:eth{{ add $n -1 }}", "{{ $.prefix }}{{ $n }}:eth1"]
      ipv4: ["{{ net.CIDRHost 1 $.subnet }}/24", "{{ net.CIDRHost (mul $n 10) $.subnet }}/24"]
{{- end }}
"#;

#[test]
fn a_topology_is_rendered_with_the_variables_beside_it() {
    let imported = containerlab(&[
        ("star.clab.gotmpl", TEMPLATE),
        ("star.clab_vars.yaml", "name: star\nhosts: 2\nprefix: h\n"),
        (
            "star.clab_vars.z.json",
            "{\"hosts\": 3, \"subnet\": \"10.0.0.0/24\"}\n",
        ),
        ("other_vars.yaml", "hosts: 9\n"),
        (
            "clab_templates/host.gotmpl",
            "{{ index . 1 }}{{ index . 0 }}: { exec: [ 'echo {{ conv.Join . \"-\" }} {{ strings.ReplaceAll \"h\" \"H\" \"host\" }}' ] }",
        ),
    ]);
    insta::assert_snapshot!(imported.whole());
}

#[test]
fn a_template_that_cannot_be_rendered_is_refused_in_time() {
    let doubling: String = (0..64)
        .map(|n| {
            let next = n + 1;
            format!("{{{{define \"t{n}\"}}}}{{{{template \"t{next}\"}}}}{{{{template \"t{next}\"}}}}{{{{end}}}}")
        })
        .collect();
    let doubling =
        format!("{doubling}{{{{define \"t64\"}}}}{{{{end}}}}name: {{{{template \"t0\"}}}}\n");
    let large = "{{range seq 1 30000}}# a line of some forty characters, and more{{end}}";
    let nested = format!(
        "{}1{}",
        "{{(".to_owned() + &"(".repeat(200_000),
        ")".repeat(200_001) + "}}"
    );
    for (template, said) in [
        (
            "name: {{ .missing }}\n",
            "a variable is missing: `name: <no value>`",
        ),
        ("name: x\n{{ if }}\n", "lab.clab.gotmpl:2:"),
        ("name: {{ nothing 1 }}\n", "the template cannot be rendered"),
        ("name: {{ strings.Replace 1 }}\n", "a variable is missing"),
        ("name: {{ idiv 1 0 }}\n", "idiv of 1 and 0 is not a number"),
        (
            "{{range seq 1 99999}}{{range seq 1 99999}}{{end}}{{end}}",
            "budget",
        ),
        (large, "more than 1048576 bytes"),
        (&doubling, "the template is not done after 5 s"),
        (&nested, "the template cannot be rendered"),
    ] {
        let began = Instant::now();
        let imported = containerlab(&[
            ("lab.clab.gotmpl", template),
            ("lab.clab_vars.yml", "x: 1\n"),
        ]);
        assert_eq!(imported.code, 2, "{}", imported.err);
        assert!(imported.err.contains(said), "{said}: {}", imported.err);
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn what_is_no_topology_is_refused_with_its_place() {
    let nodes = "name: x\ntopology:\n  nodes:\n    a: { kind: linux, image: alpine }\n    b: { kind: linux, image: alpine }\n";
    let with = |rest: &str| format!("{nodes}{rest}");
    for (topology, said) in [
        ("name: [\n".to_owned(), "the YAML cannot be read"),
        (
            "topology: {}\n".to_owned(),
            "lab.yml:1:1: a topology has a `name` and a `topology`",
        ),
        (
            "name: x\ntopology: {}\n".to_owned(),
            "lab.yml:2:11: no nodes are declared",
        ),
        (
            "name: x\ntopology: { nodes: { a: {} } }\n".to_owned(),
            "node `a` is of no kind",
        ),
        (
            "name: x\ntopology: { nodes: [a] }\n".to_owned(),
            "a list where a map is wanted",
        ),
        (
            "name: x\ntopology: { nodes: { a: { kind: bridge } } }\n".to_owned(),
            "none of the nodes is a machine of the lab",
        ),
        (
            with("  links:\n    - endpoints: ['a:eth1', 'c:eth1']\n"),
            "lab.yml:7:29: the link leads to `c`, which is not a node",
        ),
        (
            with(
                "  links:\n    - endpoints: ['a:eth1', 'b:eth1']\n    - endpoints: ['a:eth1', 'b:eth2']\n",
            ),
            "lab.yml:8:19: `eth1` of `a` has a link already",
        ),
        (
            with("  links:\n    - endpoints: ['a:eth1']\n"),
            "a link has two endpoints, and this one 1",
        ),
        (
            with("  links:\n    - endpoints: ['a', 'b:eth1']\n"),
            "`a` is not the end of a link",
        ),
        (
            with("  links:\n    - { type: rope, endpoint: {} }\n"),
            "`rope` is not a valid type of link",
        ),
        (
            with("  links:\n    - { type: dummy }\n"),
            "a link of type dummy has an `endpoint`",
        ),
        (
            with("  links:\n    - { endpoints: ['a:eth1', 'b:eth1'], ipv4: [here] }\n"),
            "`here` is not an address with a prefix length",
        ),
        (
            with("  defaults: { memory: much }\n"),
            "`much` is not a valid amount of memory",
        ),
        (
            with("  defaults: { exec: ip a }\n"),
            "a text where a list is wanted",
        ),
    ] {
        let imported = containerlab(&[("lab.yml", &topology)]);
        assert_eq!(imported.code, 2, "{topology}: {}", imported.err);
        assert!(imported.err.contains(said), "{said}: {}", imported.err);
    }
    let imported = import(Kind::Containerlab, "lab", lab(&[("x", "")]));
    assert!(imported.code == 2 && imported.err.contains("not a file"));
    let imported = import(Kind::Containerlab, "lab/none.yml", lab(&[("x", "")]));
    assert!(imported.code == 2 && imported.err.contains("cannot read"));
}

#[test]
fn a_bind_takes_what_lies_in_the_topologys_folder_and_nothing_else() {
    let topology = "name: x\ntopology:\n  nodes:\n    a:\n      kind: linux\n      image: alpine\n      binds: ['../secret:/root/secret', '/etc/passwd:/etc/passwd', 'in:/srv/in', 'in/f:relative']\n";
    let folder = lab(&[("t.yml", topology), ("in/f", "1\n")]);
    fs::write(folder.path().join("secret"), "a key").unwrap();
    let imported = import(Kind::Containerlab, "lab/t.yml", folder);
    assert_eq!(imported.code, 1);
    insta::assert_snapshot!(imported.err);
    assert_eq!(imported.read("files/a/srv/in/f"), "1\n");
    assert!(!imported.has("files/a/root/secret") && !imported.has("files/a/etc/passwd"));
}
