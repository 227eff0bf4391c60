//! What the probe sees of the machine it runs on.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::{Value, json};

use crate::ask::{ask, reason, see};

const INSIDE: &[&str] = &["content", "sha256", "size", "owner", "group"];

fn file(path: &std::path::Path) -> Value {
    see(json!({ "file": { "path": path } }), INSIDE)
}

#[test]
fn a_file_is_seen_with_its_mode_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page");
    std::fs::write(&path, "Bienvenue\u{e9}\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o2640)).unwrap();
    let seen = file(&path);
    assert_eq!(seen["type"], "file");
    assert_eq!(seen["mode"], "2640");
    assert_eq!(seen["content"], "Bienvenue\u{e9}\n");
    assert_eq!(seen["size"], 12);
    let digest = Command::new("sha256sum").arg(&path).output().unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    assert_eq!(seen["sha256"], digest.split(' ').next().unwrap());
}

#[test]
fn what_is_not_there_is_seen_as_not_there() {
    assert_eq!(
        file("/nonexistent/page".as_ref()),
        json!({ "exists": false })
    );
    assert_eq!(
        file("/etc/passwd/page".as_ref()),
        json!({ "exists": false })
    );
    let seen = see(json!({ "package": { "name": "no-such-package" } }), &[]);
    assert_eq!(seen, json!({ "installed": false }));
    let seen = see(json!({ "user": { "name": "nosuchuser" } }), &["password"]);
    assert_eq!(seen, json!({ "exists": false }));
    let seen = see(json!({ "group": { "name": "nosuchgroup" } }), &[]);
    assert_eq!(seen, json!({ "exists": false }));
    let seen = see(json!({ "process": { "name": "nosuchprogram" } }), &[]);
    assert_eq!(seen, json!({ "running": false, "count": 0 }));
    let seen = see(json!({ "interface": { "name": "nosuch0" } }), &[]);
    assert_eq!(seen, json!({ "exists": false }));
    let seen = see(json!({ "address": { "interface": "nosuch0" } }), &[]);
    assert_eq!(seen, json!({ "assigned": false }));
    let seen = see(json!({ "route": { "to": "203.0.113.0/25" } }), &[]);
    assert_eq!(seen, json!({ "exists": false }));
    let seen = see(json!({ "sysctl": { "key": "net.nosuch.key" } }), &[]);
    assert_eq!(seen, json!({ "exists": false }));
    let seen = see(json!({ "mount": { "path": "/nonexistent" } }), &[]);
    assert_eq!(seen, json!({ "mounted": false, "at_boot": false }));
}

#[test]
fn a_link_is_seen_as_a_link_with_the_content_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("page"), "behind").unwrap();
    let link = folder.path().join("link");
    symlink("page", &link).unwrap();
    let seen = file(&link);
    assert_eq!(seen["type"], "link");
    assert_eq!(seen["target"], "page");
    assert_eq!(seen["content"], "behind");
    assert_eq!(seen["size"], 6);

    let dangling = folder.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    let seen = file(&dangling);
    assert_eq!(seen["exists"], true);
    assert_eq!(seen["content"], Value::Null);
}

#[test]
fn pipes_and_devices_are_not_opened_even_behind_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert_eq!(file(&pipe)["type"], "pipe");
    let to_pipe = folder.path().join("to-pipe");
    symlink(&pipe, &to_pipe).unwrap();
    let endless = folder.path().join("endless");
    symlink("/dev/zero", &endless).unwrap();
    for link in [to_pipe, endless] {
        let seen = file(&link);
        assert_eq!(seen["type"], "link");
        assert_eq!(seen["content"], Value::Null);
    }
    let circle = folder.path().join("circle");
    symlink("circle", &circle).unwrap();
    let fact = ask(json!({ "file": { "path": circle } }), INSIDE);
    assert!(reason(fact).contains("cannot open the file"));
}

#[test]
fn a_huge_file_is_read_to_the_bound_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge");
    let huge = std::fs::File::create(&path).unwrap();
    huge.set_len(1 << 40).unwrap();
    let seen = file(&path);
    assert_eq!(seen["size"], 1_i64 << 40);
    assert_eq!(seen["content"].as_str().unwrap().len(), 256 << 10);
}

#[test]
fn a_relative_path_cannot_be_looked_at() {
    let fact = ask(json!({ "file": { "path": "etc/passwd" } }), &[]);
    assert!(reason(fact).contains("not an absolute path"));
}

#[test]
fn packages_accounts_and_mounts_of_this_machine_are_seen() {
    let seen = see(json!({ "package": { "name": "dpkg" } }), &[]);
    assert_eq!(seen["installed"], true);
    assert!(seen["version"].as_str().unwrap().starts_with("1."));
    let seen = see(json!({ "user": { "name": "root" } }), &[]);
    assert_eq!((&seen["uid"], &seen["group"]), (&json!(0), &json!("root")));
    let seen = see(json!({ "group": { "name": "root" } }), &[]);
    assert!(seen["members"].as_array().unwrap().contains(&json!("root")));
    let seen = see(json!({ "mount": { "path": "/proc/" } }), &[]);
    assert_eq!(
        (&seen["mounted"], &seen["type"]),
        (&json!(true), &json!("proc"))
    );
}

#[test]
fn a_running_program_is_seen_with_its_command_line() {
    let mut program = Command::new("sleep").arg("31.4159").spawn().unwrap();
    let seen = see(json!({ "process": { "name": "sleep" } }), &[]);
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(seen["running"], true);
    let commands = seen["commands"].as_array().unwrap();
    assert!(commands.contains(&json!("sleep 31.4159")));
}

#[test]
fn listening_ports_are_seen_with_addresses_and_programs() {
    let stream = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = stream.local_addr().unwrap().port();
    let port = json!({ "port": { "number": number } });
    let seen = see(port.clone(), &["programs"]);
    assert_eq!(seen["addresses"], json!(["127.0.0.1"]));
    let myself = std::env::current_exe().unwrap();
    let myself = myself.file_name().unwrap().to_str().unwrap();
    assert_eq!(seen["programs"], json!([myself]));
    drop(stream);
    assert_eq!(see(port, &[]), json!({ "listening": false }));

    let datagram = UdpSocket::bind("[::1]:0").unwrap();
    let number = datagram.local_addr().unwrap().port();
    let port = json!({ "port": { "number": number, "protocol": "udp" } });
    assert_eq!(see(port.clone(), &[])["addresses"], json!(["::1"]));
    datagram.connect("[::1]:9").unwrap();
    assert_eq!(see(port, &[]), json!({ "listening": false }));
}

#[test]
fn the_loopback_interface_is_seen() {
    let seen = see(json!({ "interface": { "name": "lo" } }), &[]);
    assert_eq!(
        (&seen["exists"], &seen["mtu"]),
        (&json!(true), &json!(65536))
    );
    let seen = see(json!({ "address": { "interface": "lo" } }), &[]);
    assert!(
        seen["ipv4"]
            .as_array()
            .unwrap()
            .contains(&json!("127.0.0.1/8"))
    );
    let fact = ask(json!({ "route": { "to": "somewhere" } }), &[]);
    assert!(reason(fact).contains("is not a valid destination"));
}

#[test]
fn kernel_parameters_resolver_and_schedule_are_seen() {
    let seen = see(json!({ "sysctl": { "key": "kernel.ostype" } }), &[]);
    assert_eq!(seen, json!({ "exists": true, "value": "Linux" }));
    let fact = ask(json!({ "sysctl": { "key": "kernel" } }), &[]);
    assert!(reason(fact).contains("not a regular file"));
    let fact = ask(json!({ "sysctl": { "key": "kernel./.ostype" } }), &[]);
    assert!(reason(fact).contains("is not a valid kernel parameter"));
    let seen = see(json!({ "resolver": {} }), &[]);
    assert!(seen["nameservers"].is_array());
}

#[test]
fn without_systemds_socket_nobody_can_look_at_services() {
    if std::path::Path::new("/run/systemd/private").exists() {
        return;
    }
    let fact = ask(json!({ "service": { "name": "nginx" } }), &[]);
    assert!(reason(fact).contains("cannot connect to systemd"));
}

#[test]
fn a_command_is_seen_with_its_exit_and_output() {
    let run = |line: &str| see(json!({ "command": { "run": line } }), &[]);
    assert_eq!(
        run("printf 'a\\n\\n'; echo b >&2; exit 3"),
        json!({ "exit": 3, "stdout": "a\n", "stderr": "b" })
    );
    assert_eq!(run("kill -TERM $$")["exit"], 143);
    assert_eq!(
        run("cat; env | sort")["stdout"]
            .as_str()
            .unwrap()
            .lines()
            .next(),
        Some("HOME=/root")
    );
    let bomb = run("head -c 5000000 /dev/zero");
    assert_eq!(bomb["exit"], 0);
    assert_eq!(bomb["stdout"].as_str().unwrap().len(), 64 << 10);
    // A child that keeps the output open does not keep the answer back.
    assert_eq!(
        run("echo there; setsid sleep 3 & exit 0")["stdout"],
        "there"
    );
    let seen = see(
        json!({ "command": { "run": "true", "user": "nosuchuser" } }),
        &[],
    );
    assert_eq!(seen, json!({}));
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_children() {
    let line = "sleep 27.1828 & sleep 27.1828; wait";
    let fact = ask(
        json!({ "command": { "run": line, "timeout": "300ms" } }),
        &[],
    );
    assert_eq!(reason(fact), "the command took longer than 300ms");
    let left = see(json!({ "process": { "name": "sleep" } }), &[]);
    let left = left["commands"].as_array().cloned().unwrap_or_default();
    assert!(!left.contains(&json!("sleep 27.1828")));
}
