//! Mail, directories, databases and file servers on real nodes: what is there, what is not, what is
//! refused, and a server that is off.

use std::collections::BTreeMap;
use std::time::Duration;

use plateau_core::api::NodeState;
use plateau_tests::image::build;
use plateau_tests::{Daemon, root, wait_until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// Checks that fail while the server runs, each with an attribute and what was seen of it.
const FAILS: &[(&str, &str, Option<&str>)] = &[
    ("mail/smtp-password", "accepted", Some("false")),
    ("mail/imap-password", "delivered", Some("false")),
    ("ldap/password", "bound", Some("false")),
    ("ldap/too-few", "count", Some("2")),
    ("postgresql/endless-rows", "ran", Some("false")),
    ("postgresql/order", "rows", Some("[pomme, poire, abricot]")),
    ("postgresql/password", "code", Some("\"28P01\"")),
    ("mariadb/password", "ran", Some("false")),
    ("smb/no-such-file", "exists", Some("false")),
    ("smb/password", "logged_in", Some("false")),
    ("nfs/no-such-file", "exists", Some("false")),
];

/// Each check's whole result, by its name.
fn checks(daemon: &Daemon) -> BTreeMap<String, Value> {
    let checked = daemon.plateau(&["lab", "check", "office", "--format", "json"]);
    let answer: Value = serde_json::from_str(&checked.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", checked.stdout, checked.stderr));
    let tasks = answer["grade"]["tasks"].as_array().expect("tasks");
    let checks = tasks
        .iter()
        .flat_map(|task| task["checks"].as_array().expect("checks"));
    let named = |check: &Value| {
        (
            check["id"].as_str().expect("a name").to_owned(),
            check.clone(),
        )
    };
    checks.map(named).collect()
}

fn seen<'a>(check: &'a Value, attribute: &str) -> Option<&'a str> {
    let findings = check["findings"].as_array().expect("findings");
    let finding = findings.iter().find(|one| one["attribute"] == attribute);
    finding.expect("the attribute")["seen"].as_str()
}

fn each_passes_or_fails_as_it_has_to(checks: &BTreeMap<String, Value>) {
    let fails: BTreeMap<_, _> = FAILS
        .iter()
        .map(|(check, attribute, seen)| (*check, (*attribute, *seen)))
        .collect();
    for (name, check) in checks {
        match fails.get(name.as_str()) {
            Some((attribute, expected)) => {
                assert_eq!(check["verdict"], "fail", "{check:#}");
                assert_eq!(seen(check, attribute), *expected, "{check:#}");
            }
            // The server runs.
            None if name.ends_with("/silent") => assert_eq!(check["verdict"], "fail", "{check:#}"),
            None => assert_eq!(check["verdict"], "pass", "{check:#}"),
        }
        assert!(
            !check["asked"].to_string().contains("wonderland"),
            "{check:#}"
        );
        assert!(!check["asked"].to_string().contains("builder"), "{check:#}");
    }
}

fn nothing_is_left_behind(daemon: &Daemon) {
    let sh = |line: &str| daemon.sh("office", "srv", line);
    assert_eq!(
        sh("find /home/bob/Maildir -type f -path '*/cur/*' -o -type f -path '*/new/*'"),
        ""
    );
    assert_eq!(sh("ls -A /srv/commun"), "lisez-moi.txt");
    assert_eq!(
        sh("cat /srv/commun/lisez-moi.txt"),
        "Bienvenue dans le commun."
    );
    assert_eq!(sh("nfs-ls nfs://127.0.0.1/commun | wc -l"), "1");
    let tables = "cd /; runuser -u postgres -- psql -At shop -c \"SELECT relname FROM pg_class \
                  WHERE relname IN ('kept', 'trace')\"";
    assert_eq!(sh(tables), "kept");
    assert_eq!(sh("mariadb -N shop -e 'SELECT line FROM log'"), "8");
    let running = "cd /; runuser -u postgres -- psql -At -c \"SELECT count(*) FROM pg_stat_activity \
                   WHERE application_name = 'plateau'\"";
    wait_until("no statement goes on", LIMIT, || sh(running) == "0");
}

fn power_off(daemon: &Daemon, node: &str) {
    // The connection dies with the node, so how the command ends says nothing.
    let _ = daemon.plateau(&["lab", "exec", "office", node, "--", "systemctl", "poweroff"]);
    wait_until("the node is off", LIMIT, || {
        daemon.labs()[0].nodes[node].state == NodeState::Stopped
    });
}

#[test]
fn office_services_are_seen_as_they_are() {
    build("office");
    let daemon = Daemon::new();
    daemon.up(&root().join("tests/scenarios/office"), "office");
    each_passes_or_fails_as_it_has_to(&checks(&daemon));
    nothing_is_left_behind(&daemon);

    // A server that is off answers nobody, which is seen: only who expects that is content.
    power_off(&daemon, "srv");
    for (name, check) in checks(&daemon) {
        let expected = match name.ends_with("/silent") {
            true => "pass",
            false => "fail",
        };
        assert_eq!(check["verdict"], expected, "{check:#}");
    }
    // Through a client that is off nobody can look.
    power_off(&daemon, "client");
    let blind = checks(&daemon);
    let from_client = blind.values().filter(|check| check["observer"] == "client");
    assert!(from_client.clone().count() > 30);
    for check in from_client {
        assert_eq!(check["verdict"], "unknown", "{check:#}");
    }
}
