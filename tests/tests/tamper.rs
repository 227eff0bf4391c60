//! The candidate is root in their nodes, and lies: no false pass, no hang, nothing of it next door.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use plateau_core::api::LabGradeView;
use plateau_core::grade::{CheckResult, Verdict};
use plateau_tests::{Daemon, scenario};
use tempfile::TempDir;

#[path = "tamper/disks.rs"]
mod disks;
#[path = "tamper/nodes.rs"]
mod nodes;
#[path = "tamper/observer.rs"]
mod observer;
#[path = "tamper/terminals.rs"]
mod terminals;
#[path = "tamper/tricks.rs"]
mod tricks;
#[path = "tamper/tunnels.rs"]
mod tunnels;

/// Most that a grading may take whatever the node does: the longest question, what the daemon
/// grants an agent beyond it, and a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What a candidate would like to be so, none of which they have done; and `next`, which holds.
fn wishes() -> TempDir {
    scenario(&[
        ("brief.md", "Nothing to do."),
        ("done.sh", "true"),
        (
            "scenario.yaml",
            r#"
plateau: 1
id: wishes
title: { en: Wishes }
duration: 10m
brief: { en: brief.md }
networks: { lan: {} }
nodes:
  liar:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.1/24 } }
  next:
    image: debian-server
    interfaces: { eth0: { network: lan, address: 10.9.0.2/24 } }
tasks:
  - id: t
    skill: tsgeri/1.2
    title: { en: Wishes }
    solution: [{ on: liar, run: done.sh }]
    checks:
      - { id: port, on: liar, that: { port: { number: 80 } }, points: 1 }
      - { id: program, on: liar, that: { port: { number: 8080, programs: { contains: nginx } } }, points: 1 }
      - { id: process, on: liar, that: { process: { name: nginx } }, points: 1 }
      - { id: service, on: liar, that: { service: { name: nginx } }, points: 1 }
      - { id: package, on: liar, that: { package: { name: nginx } }, points: 1 }
      - { id: user, on: liar, that: { user: { name: alice } }, points: 1 }
      - { id: sysctl, on: liar, that: { sysctl: { key: net.ipv4.ip_forward, value: "1" } }, points: 1 }
      - { id: endless, on: liar, that: { file: { path: /srv/endless, content: { contains: done } } }, points: 1 }
      - { id: waiting, on: liar, that: { file: { path: /srv/waiting, content: { contains: done } } }, points: 1 }
      - { id: huge, on: liar, that: { file: { path: /srv/huge, content: { contains: done } } }, points: 1 }
      - { id: bomb, on: liar, that: { command: { run: /usr/local/bin/report, stdout: { contains: done } } }, points: 1 }
      - { id: ping, from: liar, that: { ping: { host: 10.9.0.99 } }, points: 1 }
      - { id: http, from: liar, that: { http: { url: "http://10.9.0.99/" } }, points: 1 }
      - { id: next, on: next, that: { file: { path: /etc/hosts } }, points: 1, holds_from_start: true }
"#,
        ),
    ])
}

fn check(daemon: &Daemon, lab: &str) -> BTreeMap<String, CheckResult> {
    let begun = Instant::now();
    let ended = daemon.plateau(&["lab", "check", lab, "--format", "json"]);
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    let graded: LabGradeView = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ended.stdout, ended.stderr));
    let results = graded.grade.checks().cloned();
    results.map(|result| (result.id.clone(), result)).collect()
}

/// Everything that is asked of the liar is as wanted, and the machine beside it is seen as it is.
#[track_caller]
fn all_of_the_liar(results: &BTreeMap<String, CheckResult>, wanted: &[Verdict]) {
    assert_eq!(results.len(), 14);
    for (id, result) in results {
        if id == "t/next" {
            assert_eq!(result.verdict, Verdict::Pass, "{result:#?}");
        } else {
            assert!(wanted.contains(&result.verdict), "{result:#?}");
        }
    }
}

/// Stands in for the tools that a lazy grader would ask.
const TOOLS: &str = r#"
for tool in ss netstat systemctl curl wget dpkg-query dpkg ping pgrep ps getent id sysctl stat cat; do
  for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do
    rm -f $folder/$tool
    printf '#!/bin/sh\necho "nginx installed ok running active enabled LISTEN 0.0.0.0:80 200 OK alice 1"\nexit 0\n' >$folder/$tool
    chmod 755 $folder/$tool
  done
done
"#;

#[test]
fn replaced_tools_make_nothing_pass() {
    let daemon = Daemon::new();
    let wishes = wishes();
    daemon.up(wishes.path(), "tools");
    all_of_the_liar(&check(&daemon, "tools"), &[Verdict::Fail]);
    daemon.sh("tools", "liar", TOOLS);
    assert!(
        daemon
            .sh("tools", "liar", "systemctl is-active nginx")
            .contains("active")
    );
    all_of_the_liar(&check(&daemon, "tools"), &[Verdict::Fail]);
}

/// Every program that is linked to a C library says that all is well and ends.
fn preload() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("lie.c"), folder.path().join("lie.so"));
    std::fs::write(
        &source,
        "#include <unistd.h>\n__attribute__((constructor)) static void lie(void) { \
         static const char all[] = \"nginx done 1\\n\"; (void)!write(1, all, sizeof all - 1); _exit(0); }\n",
    )
    .expect("a file");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.expect("cc").success());
    std::fs::read(library).expect("a library")
}

#[test]
fn preloaded_libraries_false_mounts_and_clocks_make_nothing_pass() {
    use base64::Engine as _;
    let daemon = Daemon::new();
    let wishes = wishes();
    daemon.up(wishes.path(), "lies");
    // A mount over /proc, where they could make one, and another time: the node may do neither.
    for forbidden in [
        "mount -t tmpfs none /proc",
        "unshare --user --map-root-user --mount true",
        "mount --bind /tmp /plateau",
        "date -s 2035-01-01",
        "echo x >/plateau/plateau-agent",
    ] {
        let tried = daemon.plateau(&["lab", "exec", "lies", "liar", "--", "sh", "-c", forbidden]);
        assert_ne!(tried.code, 0, "{forbidden}: {}", tried.stdout);
    }
    let library = base64::engine::general_purpose::STANDARD.encode(preload());
    daemon.sh(
        "lies",
        "liar",
        &format!(
            "echo {library} | base64 -d >/usr/lib/lie.so && echo /usr/lib/lie.so >/etc/ld.so.preload"
        ),
    );
    assert_eq!(daemon.sh("lies", "liar", "true"), "nginx done 1");
    let mut results = check(&daemon, "lies");
    // `command` alone believes the node's programs, which is why it is the last resort.
    let believed = results.insert("t/bomb".to_owned(), results["t/port"].clone());
    assert_eq!(believed.map(|result| result.verdict), Some(Verdict::Pass));
    all_of_the_liar(&results, &[Verdict::Fail]);
}

#[test]
fn processes_and_files_that_pose_as_others_make_nothing_pass() {
    let daemon = Daemon::new();
    let wishes = wishes();
    daemon.up(wishes.path(), "poses");
    daemon.sh(
        "poses",
        "liar",
        r#"
perl -MIO::Socket::INET -e '
  $0 = "nginx: master process /usr/sbin/nginx";
  my $socket = IO::Socket::INET->new(LocalPort => 8080, Listen => 5) or die;
  sleep 600' </dev/null >/dev/null 2>&1 &
bash -c "exec -a nginx sleep 600" </dev/null >/dev/null 2>&1 &
ln -s /dev/zero /srv/endless
mkfifo /srv/waiting
truncate -s 4G /srv/huge
printf '#!/bin/sh\nexec yes done\n' >/usr/local/bin/report
chmod 755 /usr/local/bin/report
timeout 20 sh -c 'until ss -ltn | grep -q :8080; do sleep 0.1; done'
"#,
    );
    let mut results = check(&daemon, "poses");
    // The bomb is cut off at its bound, or has no answer in its time; it says nothing else.
    let bomb = results.insert("t/bomb".to_owned(), results["t/port"].clone());
    let bomb = bomb.expect("a result");
    assert_ne!(bomb.verdict, Verdict::Fail, "{bomb:#?}");
    let seen = bomb
        .findings
        .iter()
        .filter_map(|finding| finding.seen.as_ref());
    let longest = seen.map(String::len).max();
    assert!(longest.unwrap_or(0) < 1 << 20, "{longest:?}");
    all_of_the_liar(&results, &[Verdict::Fail]);
}

#[test]
fn a_fork_bomb_costs_no_other_seat_anything() {
    let daemon = Daemon::new();
    let wishes = wishes();
    daemon.up(wishes.path(), "bomber");
    daemon.up(wishes.path(), "seat");
    // Some that only take time, then as many as there is room for.
    let bomb = "setsid bash -c 'for i in {1..8}; do (exec bash -c \"while :; do :; done\" &); done; \
                while :; do (sleep 600 &); done' </dev/null >/dev/null 2>&1 &";
    daemon.sh("bomber", "liar", bomb);
    plateau_tests::wait_until("the node is full", LIMIT, || {
        let count = "all=(/proc/[0-9]*); (( ${#all[@]} > 400 ))";
        let counted = daemon.plateau(&["lab", "exec", "bomber", "liar", "--", "bash", "-c", count]);
        counted.code != 1
    });
    // Nobody can look, or what is seen is as it was: nothing passes.
    all_of_the_liar(
        &check(&daemon, "bomber"),
        &[Verdict::Fail, Verdict::Unknown],
    );
    all_of_the_liar(&check(&daemon, "seat"), &[Verdict::Fail]);
    daemon.good(&["lab", "down", "bomber"]);
}
