//! Services of the node that pose as the system's, or that hold nothing of what they are named for.

use super::{Trick, play};

pub(super) const TRICKS: &[Trick] = &[
    Trick::new(
        "a socket that poses as systemd's",
        "mv /run/systemd/private /run/systemd/private.kept; setsid perl -MIO::Socket::UNIX -e '$SIG{PIPE} = \"IGNORE\"; my $s = IO::Socket::UNIX->new(Local => \"/run/systemd/private\", Listen => 50) or die; while (my $c = $s->accept) { sysread($c, my $b, 4096); syswrite($c, \"OK 0123456789abcdef0123456789abcdef\\r\\nAGREE_UNIX_FD\\r\\n\" . \"l\\2\\1\\1\" x 500) }' >/dev/null 2>&1 </dev/null & sleep 0.5; [ -S /run/systemd/private ]",
    )
    .undo("pkill -9 perl; mv -f /run/systemd/private.kept /run/systemd/private"),
    Trick::new(
        "a socket that takes questions and never answers",
        "mv /run/systemd/private /run/systemd/private.kept; setsid perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Local => \"/run/systemd/private\", Listen => 50) or die; sleep 600' >/dev/null 2>&1 </dev/null & sleep 0.5; [ -S /run/systemd/private ]",
    )
    .undo("pkill -9 perl; mv -f /run/systemd/private.kept /run/systemd/private"),
    Trick::new(
        "a socket that poses as systemd's and sends a line without an end",
        "mv /run/systemd/private /run/systemd/private.kept; setsid perl -MIO::Socket::UNIX -e '$SIG{PIPE} = \"IGNORE\"; my $s = IO::Socket::UNIX->new(Local => \"/run/systemd/private\", Listen => 50) or die; while (my $c = $s->accept) { while (syswrite($c, \"x\" x 65536)) {} }' >/dev/null 2>&1 </dev/null & sleep 0.5; [ -S /run/systemd/private ]",
    )
    .undo("pkill -9 perl; mv -f /run/systemd/private.kept /run/systemd/private"),
    Trick::new(
        "a link in place of systemd's socket",
        "mv /run/systemd/private /run/systemd/private.kept; ln -s /run/dbus/system_bus_socket /run/systemd/private",
    )
    .undo("rm -f /run/systemd/private; mv -f /run/systemd/private.kept /run/systemd/private"),
    Trick::new(
        "a unit of the wanted name that does nothing",
        "printf '[Service]\\nExecStart=/bin/sleep 600\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/nginx.service; systemctl daemon-reload; systemctl enable --now nginx",
    )
    .undo("systemctl disable --now nginx; rm -f /etc/systemd/system/nginx.service; systemctl daemon-reload")
    .deceives(&["service"]),
    Trick::new(
        "a unit of the wanted name that always fails",
        "printf '[Service]\\nExecStart=/bin/false\\nRestart=always\\nRestartSec=100ms\\n[Unit]\\nStartLimitIntervalSec=0\\n' >/etc/systemd/system/nginx.service; systemctl daemon-reload; systemctl start nginx",
    )
    .undo("systemctl stop nginx; rm -f /etc/systemd/system/nginx.service; systemctl daemon-reload"),
    Trick::new(
        "lines of the journal in another's name",
        "logger -t nginx done; logger --journald <<'X'\nSYSLOG_IDENTIFIER=nginx\n_COMM=nginx\nMESSAGE=done\nX\njournalctl --sync",
    )
    // Root may write any line into a journal: the reference says so.
    .undo("journalctl --rotate >/dev/null 2>&1; journalctl --vacuum-time=1s >/dev/null 2>&1; rm -rf /run/log/journal/*; systemctl restart systemd-journald")
    .deceives(&["journal"]),
    Trick::new(
        "a database of packages written by hand",
        "cp -a /var/lib/dpkg/status /run/status; printf '\\nPackage: nginx\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n' >>/var/lib/dpkg/status",
    )
    .undo("cp -a /run/status /var/lib/dpkg/status")
    // Root may write that file: the reference says so.
    .deceives(&["package"]),
    Trick::new(
        "files of packages and accounts that are not read",
        "cp -a /etc/passwd /run/passwd; echo 'alice:x:1001' >>/etc/passwd; echo '# alice:x:1001:1001::/:/bin/sh' >>/etc/passwd; echo 'Package: nginx' >>/var/lib/dpkg/available",
    )
    .undo("cp -a /run/passwd /etc/passwd; rm -f /var/lib/dpkg/available"),
    Trick::new(
        "a table of rules that is dormant",
        "nft add table inet f '{ flags dormant; }'; nft add chain inet f in '{ type filter hook input priority 0; policy drop; }'; nft list table inet f | grep -q dormant",
    )
    .undo("nft delete table inet f"),
    Trick::new(
        "a route that leads nowhere",
        "ip route add unreachable 10.77.0.0/16; ip route | grep -q unreachable",
    )
    .undo("ip route del unreachable 10.77.0.0/16"),
    Trick::new(
        "a job in a table that cron refuses",
        "mkdir -p /etc/cron.d; printf 'this line is broken\n* * * * * root backup-of-the-firm\n' >/etc/cron.d/lie",
    )
    .undo("rm -f /etc/cron.d/lie"),
    Trick::new(
        "the system's bus stopped",
        "systemctl stop dbus.socket dbus 2>/dev/null; rm -f /run/dbus/system_bus_socket; true",
    )
    .undo("systemctl start dbus.socket 2>/dev/null; true"),
];

#[test]
fn services_that_pose_as_others() {
    play("tricks-services", "", TRICKS);
}
