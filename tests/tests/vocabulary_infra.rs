//! Questions about the services of a network, asked of real ones: FTP, TFTP, NTP, SNMP, DHCP, SIP
//! and syslog.

use std::collections::BTreeMap;
use std::time::Duration;

use plateau_core::api::{LabGradeView, LabView, NodeState};
use plateau_core::grade::{CheckResult, Reason, Verdict};
use plateau_tests::{Daemon, image, root, wait_until};

/// The checks of a task, by their names in it.
fn task(daemon: &Daemon, lab: &str, name: &str) -> BTreeMap<String, CheckResult> {
    let checked = daemon.plateau(&["lab", "check", lab, "--format", "json"]);
    let view: LabGradeView = serde_json::from_str(&checked.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", checked.stdout, checked.stderr));
    let checks = view.grade.checks().filter_map(|check| {
        let (task, check_name) = check.id.split_once('/')?;
        (task == name).then(|| (check_name.to_owned(), check.clone()))
    });
    checks.collect()
}

fn shown(check: &CheckResult) -> String {
    format!(
        "{} ({}): {:?} {:?} {:?}",
        check.id, check.asked, check.verdict, check.reason, check.findings
    )
}

/// All verdicts that are not as expected, in words.
fn others(checks: &BTreeMap<String, CheckResult>, expected: Verdict) -> Vec<String> {
    let others = checks.values().filter(|check| check.verdict != expected);
    others.map(shown).collect()
}

#[test]
fn every_service_is_seen_as_it_is_and_missed_when_it_stops() {
    image::build("infra");
    let daemon = Daemon::new();
    let lab = "infra";
    daemon.up(&root().join("tests/scenarios/infra"), lab);

    let there = task(&daemon, lab, "there");
    assert_eq!(there.len(), 20);
    assert_eq!(others(&there, Verdict::Pass), Vec::<String>::new());
    let missing = task(&daemon, lab, "not-there");
    assert_eq!(missing.len(), 12);
    assert_eq!(others(&missing, Verdict::Fail), Vec::<String>::new());

    // What is asked for is said, and no secret with it.
    let secret = daemon.sh(
        lab,
        "srv",
        "cat /var/lib/snmp/snmpd.conf; cat /etc/snmp/snmpd.conf",
    );
    let community = secret
        .lines()
        .find_map(|line| line.strip_prefix("rocommunity "))
        .expect("a community");
    for check in there.values() {
        assert!(!check.asked.contains(community), "{}", check.asked);
    }

    // Neither a leased address nor a stored file nor a registration is left behind.
    let left = daemon.sh(
        lab,
        "srv",
        "cat /var/lib/misc/dnsmasq.leases; ls /home/alice/depot",
    );
    assert_eq!(left, "a.txt\nb.txt");
    let registered = daemon.sh(lab, "srv", "kamcmd ul.dump");
    assert!(!registered.contains("101"), "{registered}");

    // A service that is stopped is a fact, and nobody is in doubt about it.
    daemon.sh(
        lab,
        "srv",
        "systemctl stop vsftpd vsftpd-implicit tftpd-hpa chrony snmpd dnsmasq kamailio rsyslog syslog.socket",
    );
    let mut stopped = task(&daemon, lab, "there");
    // The client's own journal goes on.
    let journal = stopped.remove("syslog-journal").expect("a check");
    assert_eq!(journal.verdict, Verdict::Pass, "{}", shown(&journal));
    assert_eq!(others(&stopped, Verdict::Fail), Vec::<String>::new());
}

#[test]
fn where_nobody_can_look_or_send_nobody_fails() {
    image::build("infra");
    let daemon = Daemon::new();
    let lab = "infra-dark";
    daemon.up(&root().join("tests/scenarios/infra"), lab);
    let _ = daemon.plateau(&["lab", "exec", lab, "client", "--", "systemctl", "poweroff"]);
    wait_until("the client is off", Duration::from_secs(60), || {
        let node = |lab: &LabView| lab.nodes["client"].state == NodeState::Stopped;
        daemon.labs().iter().any(node)
    });
    let there = task(&daemon, lab, "there");
    let from_elsewhere = [
        "ftp-file",
        "tftp-large",
        "snmp-v3",
        "dhcp-rogue",
        "sip-tcp",
        "syslog-udp",
    ];
    for (name, check) in &there {
        let expected = match from_elsewhere.contains(&name.as_str()) {
            true => Verdict::Pass,
            false => Verdict::Unknown,
        };
        assert_eq!(check.verdict, expected, "{}", shown(check));
    }
    let sent = &there["syslog"].reason;
    assert!(
        matches!(sent, Some(Reason::CouldNotLook(why)) if why.contains("could not be sent")),
        "{sent:?}"
    );
}
