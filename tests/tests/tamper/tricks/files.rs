//! Files that are not what they seem, where somebody looks.

use super::{Trick, play};

const CLEAN: &str = "rm -rf /srv/checked /srv/folder /srv/www.pem /srv/elsewhere";

pub(super) const TRICKS: &[Trick] = &[
    Trick::new("a link to an endless device", "ln -sf /dev/zero /srv/checked").undo(CLEAN),
    Trick::new("a pipe that nobody writes to", "mkfifo /srv/checked").undo(CLEAN),
    Trick::new(
        "a pipe that is written to for ever",
        "mkfifo /srv/checked; setsid sh -c 'yes nothing >/srv/checked' >/dev/null 2>&1 </dev/null &",
    )
    .undo("pkill yes; rm -rf /srv/checked"),
    Trick::new("a link to the kernel's memory", "ln -sf /proc/kcore /srv/checked").undo(CLEAN),
    Trick::new(
        "a link to the memory of the first process",
        "ln -sf /proc/1/mem /srv/checked",
    )
    .undo(CLEAN),
    Trick::new(
        "a link to the descriptors of whoever looks",
        "ln -sf /proc/self/fd/0 /srv/checked; mkdir -p /srv/folder; ln -sf /dev/stdin /srv/folder/checked",
    )
    .undo(CLEAN),
    Trick::new("a link to itself", "ln -sf /srv/checked /srv/checked").undo(CLEAN),
    Trick::new(
        "a folder that is a link upwards",
        "ln -sfn ../../../../../../../../../../proc/1/root/srv /srv/folder",
    )
    .undo(CLEAN),
    Trick::new(
        "a folder that becomes a link again and again",
        "setsid sh -c 'while :; do mkdir /srv/folder; rmdir /srv/folder; ln -s /etc /srv/folder; rm /srv/folder; done' \
         >/dev/null 2>&1 </dev/null & echo $! >/run/swap",
    )
    .undo("kill $(cat /run/swap); rm -rf /srv/folder"),
    Trick::new("a file as large as its disk, all of it a hole", "truncate -s 4G /srv/checked").undo(CLEAN),
    Trick::new("a socket in place of a file", "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"/srv/checked\", Listen => 1) or die'")
        .undo(CLEAN),
    Trick::new(
        "a character device made by hand",
        "mknod /srv/checked c 1 1 && head -c 16 /srv/checked >/dev/null && echo REACHED; true",
    )
    .undo(CLEAN),
    Trick::new(
        "the host's disk made by hand",
        "for n in 0 16 32; do for m in 8 253 254 259; do rm -f /srv/checked; mknod /srv/checked b $m $n && head -c 16 /srv/checked 2>/dev/null | grep -q . && echo REACHED; done; done; true",
    )
    .undo(CLEAN),
    Trick::new(
        "lines of megabytes of bytes that are not text",
        "head -c 8000000 /dev/urandom | tr '\\n' x >/srv/checked",
    )
    .undo(CLEAN),
    Trick::new(
        "accounts read from a pipe",
        "cp -a /etc/passwd /run/passwd; rm /etc/passwd; mkfifo /etc/passwd",
    )
    .locks_the_node(),
    Trick::new(
        "groups without end",
        "cp -a /etc/group /run/group; ln -sf /dev/zero /etc/group",
    )
    .locks_the_node(),
    Trick::new(
        "packages read from a device",
        "cp -a /var/lib/dpkg/status /run/status; ln -sf /dev/zero /var/lib/dpkg/status",
    )
    .undo("rm /var/lib/dpkg/status; cp -a /run/status /var/lib/dpkg/status"),
    Trick::new(
        "a resolver that blocks",
        "cp -a /etc/resolv.conf /run/resolv; rm /etc/resolv.conf; mkfifo /etc/resolv.conf",
    )
    .undo("rm /etc/resolv.conf; cp -a /run/resolv /etc/resolv.conf"),
    Trick::new(
        "five thousand tables of jobs",
        "cd /etc/cron.d && for n in $(seq 5000); do echo '* * * * * root true' >many-$n; done",
    )
    .undo("find /etc/cron.d -name 'many-*' -delete"),
    Trick::new(
        "tables of jobs that lead to pipes and devices",
        "mkdir -p /etc/cron.d; mkfifo /etc/cron.d/pipe; ln -s /dev/zero /etc/cron.d/zero; ln -s /proc/kmsg /etc/cron.d/kmsg",
    )
    .undo("rm -f /etc/cron.d/pipe /etc/cron.d/zero /etc/cron.d/kmsg"),
    Trick::new(
        "a certificate of a gigabyte",
        "echo '-----BEGIN CERTIFICATE-----' >/srv/www.pem; truncate -s 1G /srv/www.pem",
    )
    .undo(CLEAN),
    Trick::new(
        "units that lead to pipes and to themselves",
        "mkfifo /etc/systemd/system/nginx.service; ln -s loop.service /etc/systemd/system/loop.service",
    )
    .undo("rm -f /etc/systemd/system/nginx.service /etc/systemd/system/loop.service"),
    Trick::new(
        "a journal of rubbish",
        "mkdir -p /var/log/journal/$(cat /etc/machine-id); for n in 1 2 3; do head -c 1000000 /dev/urandom >/var/log/journal/$(cat /etc/machine-id)/x$n.journal; done; \
         truncate -s 4G /var/log/journal/$(cat /etc/machine-id)/huge.journal; mkfifo /var/log/journal/$(cat /etc/machine-id)/pipe.journal",
    )
    .undo("rm -rf /var/log/journal"),
];

#[test]
fn files_that_are_not_what_they_seem() {
    play("tricks-files", "", TRICKS);
}
