//! What root asks the kernel for that would reach the host or other seats. Numbers of system calls are
//! those of x86-64.

use super::{Trick, play};

pub(super) const TRICKS: &[Trick] = &[
    Trick::new(
        "another kernel",
        "perl -e 'exit(syscall(246, 0, 0, 0, 0) == 0 ? 0 : 1)' && echo REACHED; perl -e 'exit(syscall(320, -1, -1, 0, \"\", 0) == 0 ? 0 : 1)' && echo REACHED; true",
    ),
    Trick::new(
        "a module",
        "perl -e 'my $m = \"\\x7fELF\"; syscall(175, $m, 4, \"\"); exit($!{EPERM} ? 1 : 0)' && echo REACHED; modprobe dummy 2>/dev/null && echo REACHED; true",
    ),
    Trick::new(
        "keys of other users",
        // add_key, request_key, keyctl: refused before the kernel looks for a key.
        "perl -e 'syscall(250, 0, -3, 1); exit($!{EPERM} ? 1 : 0)' && echo REACHED; cat /proc/keys 2>/dev/null | grep -v '^$' | grep -q plateau && echo REACHED; true",
    ),
    Trick::new(
        "a program for the kernel",
        "perl -e 'syscall(321, 0, \"\\0\" x 128, 128); exit($!{EPERM} ? 1 : 0)' && echo REACHED; perl -e 'syscall(298, \"\\0\" x 128, 0, -1, -1, 0); exit(($!{EPERM} or $!{EACCES} or $!{ENOSYS}) ? 1 : 0)' && echo REACHED; true",
    ),
    Trick::new(
        "files by handle, past every folder",
        "perl -e 'syscall(304, -100, \"\\0\" x 128, 0); exit($!{EPERM} ? 1 : 0)' && echo REACHED; true",
    ),
    Trick::new(
        "the namespaces of the first process and of others",
        "for n in mnt pid net uts ipc; do nsenter --$n=/proc/1/ns/$n true 2>/dev/null && [ $n = mnt ] && echo REACHED; done; ls /proc | grep -E '^[0-9]+$' | while read p; do tr '\\0' ' ' </proc/$p/cmdline 2>/dev/null; done | grep -qE 'docker[d]|container[d]|plateau[d]' && echo REACHED; true",
    ),
    Trick::new(
        "the kernel's log",
        "dmesg 2>/dev/null | grep -q . && echo REACHED; head -c 1 /dev/kmsg 2>/dev/null | grep -q . && echo REACHED; timeout 1 head -c 1 /proc/kmsg 2>/dev/null | grep -q . && echo REACHED; true",
    ),
    Trick::new(
        "settings of the host",
        "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hostname /proc/sys/kernel/panic /proc/sys/vm/drop_caches /proc/sys/fs/file-max /proc/sysrq-trigger /sys/kernel/uevent_helper /proc/irq/default_smp_affinity; do \
         [ ! -e $f ] || { old=$(cat $f 2>/dev/null); { echo ${old:-1} >$f; } 2>/dev/null && echo REACHED $f; }; done; true",
    ),
    Trick::new(
        "settings of the network that are the host's",
        "f=/proc/sys/net/netfilter/nf_hooks_lwtunnel; [ ! -e $f ] || { echo 1 >$f; } 2>/dev/null && [ -e $f ] && echo REACHED; true",
    ),
    Trick::new(
        "the host's clock",
        "date -s 2035-01-01 >/dev/null 2>&1 && echo REACHED; perl -e 'exit(syscall(159, \"\\1\" . \"\\0\" x 207) == 5 ? 1 : 1)'; hwclock --systohc 2>/dev/null && echo REACHED; true",
    ),
    Trick::new(
        "the host's memory and ports",
        "for f in /dev/mem /dev/port /dev/kmem; do [ ! -e $f ] || { head -c 1 $f >/dev/null 2>&1 && echo REACHED; }; done; mknod /root/mem c 1 1 2>/dev/null; head -c 1 /root/mem >/dev/null 2>&1 && echo REACHED; mknod /root/port c 1 4 2>/dev/null; head -c 1 /root/port >/dev/null 2>&1 && echo REACHED; rm -f /root/mem /root/port; true",
    ),
    Trick::new(
        "mounts of every kind",
        "for t in proc sysfs tmpfs cgroup cgroup2 overlay devtmpfs debugfs tracefs bpf securityfs; do mount -t $t none /mnt 2>/dev/null && echo REACHED $t; done; mount -o remount,rw /proc/sys 2>/dev/null && echo REACHED; mount -o remount,rw /sys 2>/dev/null && echo REACHED; true",
    ),
    Trick::new(
        "swap, quotas and accounting",
        "truncate -s 1M /root/swap; mkswap /root/swap >/dev/null 2>&1; swapon /root/swap 2>/dev/null && echo REACHED; perl -e 'exit(syscall(163, \"/root/swap\") == 0 ? 0 : 1)' && echo REACHED; rm -f /root/swap; true",
    ),
    Trick::new(
        "faults of pages handled by itself",
        "perl -e 'syscall(323, 0); exit(($!{EPERM} or $!{ENOSYS}) ? 1 : 0)' && echo REACHED; true",
    ),
    Trick::new(
        "watches on files until none are left",
        "setsid perl -e 'for (1 .. 100) { next if fork; for (1 .. 200) { last if syscall(253) < 0 } sleep 600 }' >/dev/null 2>&1 </dev/null & sleep 1; pgrep perl >/dev/null",
    )
    .undo("pkill -9 perl"),
    Trick::new(
        "descriptors in flight until none are left",
        // Sends a socket over itself, again and again, without ever receiving one.
        "setsid perl -MSocket -e 'my @kept; for my $n (1 .. 2000) { socketpair(my $a, my $b, 1, 1, 0) or last; push @kept, $a, $b; my $data = \"x\"; my $iov = pack(\"P Q\", $data, 1); my $fds = pack(\"Q l l l50\", 216, 1, 1, (fileno $b) x 50); my $msg = pack(\"Q L x4 P Q P Q L x4\", 0, 0, $iov, 1, $fds, 216, 0); for (1 .. 200) { last if syscall(46, fileno $a, $msg, 0x40) < 0; $sent++ } } open(my $f, \">\", \"/run/sent\"); print $f $sent + 0; close $f; sleep 600' >/dev/null 2>&1 </dev/null & timeout 20 sh -c 'until [ -s /run/sent ]; do sleep 0.1; done'; [ $(cat /run/sent) -ge 10 ]",
    )
    .undo("pkill -9 perl"),
];

#[test]
fn what_the_kernel_gives_to_nobody_in_a_node() {
    play("tricks-kernel", "", TRICKS);
}
