//! Processes that hide, pose, crowd out or attack whoever looks.

use super::{Trick, play};

pub(super) const TRICKS: &[Trick] = &[
    Trick::new(
        "a process that calls itself another",
        "setsid bash -c 'exec -a nginx sleep 600' >/dev/null 2>&1 </dev/null &",
    )
    .undo("pkill -x sleep"),
    Trick::new(
        "a program of another name that listens",
        "setsid perl -MIO::Socket::INET -e '$0 = \"nginx: master process\"; my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 5) or die; sleep 600' >/dev/null 2>&1 </dev/null & timeout 20 sh -c 'until ss -ltn | grep -q :80; do sleep 0.1; done'",
    )
    .undo("pkill -f nginx"),
    Trick::new(
        "a copy of a program under the wanted name",
        "cp /usr/bin/sleep /usr/sbin/nginx; setsid /usr/sbin/nginx 600 >/dev/null 2>&1 </dev/null &",
    )
    .undo("pkill -f /usr/sbin/nginx; rm -f /usr/sbin/nginx")
    .deceives(&["process"]),
    Trick::new(
        "all processes stopped",
        "for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = 1 ] || [ $p = $$ ] || [ $p = $PPID ] || kill -STOP $p 2>/dev/null; done; true",
    )
    .undo("kill -CONT -1"),
    Trick::new(
        "every process traced as it appears",
        // PTRACE_SEIZE is 0x4206, system call 101 of x86-64.
        "setsid perl -e 'sleep 1; my %seen; while (1) { opendir(my $d, \"/proc\"); for (readdir $d) { next unless /^\\d+$/ and not $seen{$_}++; syscall(101, 0x4206, $_ + 0, 0, 0) } }' >/dev/null 2>&1 </dev/null & sleep 0.2",
    )
    .locks_the_node(),
    Trick::new(
        "memory of every process written over",
        "setsid sh -c 'while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe 2>/dev/null) in */plateau-*) printf x | dd of=$p/mem bs=1 seek=4194304 conv=notrunc 2>/dev/null && echo wrote >>/root/wrote;; esac; done; done' >/dev/null 2>&1 </dev/null & echo $! >/run/writer",
    )
    .undo("kill -9 $(cat /run/writer)"),
    Trick::new(
        "our programs replaced or covered",
        "for f in /plateau/plateau-*; do { echo x >$f; } 2>/dev/null && echo REACHED; rm -f $f 2>/dev/null && [ ! -e $f ] && echo REACHED; mount --bind /bin/true $f 2>/dev/null && echo REACHED; done; true",
    ),
    Trick::new(
        "a thousand descriptors in every process",
        "setsid perl -e 'for (1 .. 20) { next if fork; my @all; while (@all < 1000 and open(my $f, \"<\", \"/dev/null\")) { push @all, $f } sleep 600 }' >/dev/null 2>&1 </dev/null & sleep 0.5; pgrep perl >/dev/null",
    )
    .undo("pkill -9 perl"),
    Trick::new(
        "hundreds of processes with long command lines",
        "setsid perl -e 'for (1 .. 200) { next if fork; exec {\"/bin/sleep\"} \"nginx\" . (\"x\" x 100000), \"600\" }' >/dev/null 2>&1 </dev/null & sleep 1",
    )
    .undo("pkill -9 sleep"),
    Trick::new(
        "a namespace of its own to hide in",
        "unshare --user --map-root-user --pid --fork --mount-proc true 2>/dev/null && echo REACHED; unshare --mount true 2>/dev/null && echo REACHED; true",
    ),
    Trick::new(
        "memory filled to its limit",
        "dd if=/dev/zero of=/dev/shm/full bs=1M count=100000 2>/dev/null; true",
    )
    .undo("rm -f /dev/shm/full"),
    Trick::new(
        "the highest priority for itself",
        "chrt -f 99 true 2>/dev/null && echo REACHED; nice -n -20 sh -c '[ $(nice) -lt 0 ]' 2>/dev/null && echo REACHED; true",
    ),
];

#[test]
fn processes_that_hide_pose_crowd_out_or_attack() {
    play("tricks-processes", "", TRICKS);
}
