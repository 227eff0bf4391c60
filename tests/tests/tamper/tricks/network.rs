//! Networks that are not what they seem from the machine that its root has changed.

use super::{ACROSS, Trick, play};

/// A server that says `done` to everybody, on a port.
macro_rules! server {
    ($port:literal) => {
        concat!(
            "setsid perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => ",
            $port,
            ", Listen => 50, ReuseAddr => 1) or die; while (my $c = $s->accept) { sysread($c, my $b, 4096); print $c \"HTTP/1.0 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\ndone\"; close $c }' >/dev/null 2>&1 </dev/null & sleep 0.3; pgrep perl >/dev/null; "
        )
    };
}

const CLEAN: &str = "pkill -9 perl; nft flush ruleset; ip addr del 10.9.0.99/24 dev lo 2>/dev/null; ip link del fake 2>/dev/null; true";

pub(super) const TRICKS: &[Trick] = &[
    Trick::new(
        "a rule that answers for a machine that is not there",
        concat!(
            server!("8099"),
            "nft add table ip lie; nft add chain ip lie out '{ type nat hook output priority -100; }'; nft add rule ip lie out ip daddr 10.9.0.99 tcp dport '{ 22, 80 }' redirect to :8099"
        ),
    )
    .undo(CLEAN)
    // Across the network from a machine that the candidate enters: the reference says so.
    .deceives(&["tcp", "http"]),
    Trick::new(
        "the address of a machine that is not there taken over",
        concat!("ip addr add 10.9.0.99/32 dev lo; ", server!("80")),
    )
    .undo("pkill -9 perl; ip addr del 10.9.0.99/32 dev lo")
    .deceives(&["ping", "http", "seen-from-next", "seen-from-outside"]),
    Trick::new(
        "a name server of its own",
        "ip addr add 10.9.0.99/32 dev lo; setsid perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => \"10.9.0.99\", LocalPort => 53, Proto => \"udp\") or die; while (1) { my $who = recv($s, my $q, 512, 0) // next; my $end = index($q, \"\\0\", 12) + 5; send($s, substr($q, 0, 2) . \"\\x85\\x80\\0\\1\\0\\1\\0\\0\\0\\0\" . substr($q, 12, $end - 12) . \"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\x0a\\x09\\0\\x63\", 0, $who) }' >/dev/null 2>&1 </dev/null & sleep 0.5; pgrep perl >/dev/null",
    )
    .undo("pkill -9 perl; ip addr del 10.9.0.99/32 dev lo")
    .deceives(&["ping", "dns"]),
    Trick::new(
        "names that its own file gives",
        "cp -a /etc/hosts /run/hosts; echo '127.0.0.1 10.9.0.99 www.firm.lan' >>/etc/hosts",
    )
    .undo("cat /run/hosts >/etc/hosts"),
    Trick::new(
        "all packets thrown away",
        "nft add table inet none; for hook in input output; do nft add chain inet none $hook \"{ type filter hook $hook priority 0; }\"; nft add rule inet none $hook drop; done",
    )
    .undo(CLEAN),
    Trick::new(
        "the interface renamed and another in its place",
        "ip link add fake type bridge; ip addr add 10.9.0.77/24 dev fake; ip link set fake up; ip route add 10.77.0.0/16 dev fake table 77",
    )
    .undo(CLEAN),
    Trick::new(
        "a server that sends a byte a second",
        "ip addr add 10.9.0.99/32 dev lo; setsid perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 50, ReuseAddr => 1) or die; while (my $c = $s->accept) { next if fork; $c->autoflush; print $c \"HTTP/1.0 200 OK\\r\\n\"; while (1) { print $c \"X\" or last; sleep 1 } exit }' >/dev/null 2>&1 </dev/null & sleep 0.3; pgrep perl >/dev/null",
    )
    .undo("pkill -9 perl; ip addr del 10.9.0.99/32 dev lo")
    .deceives(&["ping"]),
    Trick::new(
        "a server whose answer never ends",
        "ip addr add 10.9.0.99/32 dev lo; setsid perl -MIO::Socket::INET -e '$SIG{PIPE} = sub { exit }; my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 50, ReuseAddr => 1) or die; while (my $c = $s->accept) { next if fork; print $c \"HTTP/1.0 200 OK\\r\\n\\r\\n\"; while (1) { print $c \"x\" x 65536 or exit } }' >/dev/null 2>&1 </dev/null & sleep 0.3; pgrep perl >/dev/null",
    )
    .undo("pkill -9 perl; ip addr del 10.9.0.99/32 dev lo")
    .deceives(&["ping"]),
    Trick::new(
        "raw sockets that listen to other labs",
        "timeout 3 perl -e 'socket(my $s, 17, 3, unpack(\"n\", pack(\"S\", 3))) or exit 1; my $end = time + 2; while (time < $end) { my $r = \"\"; vec($r, fileno($s), 1) = 1; next unless select($r, undef, undef, 0.2); recv($s, my $b, 65536, 0); print \"REACHED\" if $b =~ /works|seat/ }'; true",
    ),
    Trick::new(
        "addresses of the host and of its services",
        "for a in 172.17.0.1 169.254.169.254 192.168.0.1 10.0.2.2; do for p in 22 80 2375 7417; do timeout 0.3 bash -c \"echo >/dev/tcp/$a/$p\" 2>/dev/null && echo REACHED $a $p; done; done; true",
    ),
    Trick::new(
        "a hundred interfaces",
        "for n in $(seq 100); do ip link add many$n type bridge 2>/dev/null || break; done; ip link show many100 >/dev/null",
    )
    .undo("for n in $(seq 100); do ip link del many$n 2>/dev/null || break; done"),
];

#[test]
fn networks_that_are_not_what_they_seem() {
    play("tricks-network", ACROSS, TRICKS);
}
