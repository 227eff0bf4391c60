//! Who looks at a node cannot be seen in it, stopped or answered for.

use plateau_core::grade::Verdict;
use plateau_tests::Daemon;

use super::{check, wishes};

/// Watches for programs of ours in the node and kills each at once, after it has written what it would
/// like to be true to the program's standard output.
const LURK: &str = r#"
cat >/usr/local/sbin/lurk <<'SCRIPT'
while :; do
  for process in /proc/[0-9]*; do
    line=$(tr '\0' ' ' 2>/dev/null <$process/cmdline) || continue
    case $line in
      *plateau-grader* | *plateau-agent\ probe*)
        kill -STOP ${process#/proc/} 2>/dev/null
        echo "$line" >>/root/seen
        timeout 0.2 head -n 1 $process/fd/0 >>/root/batches 2>/dev/null
        { echo '{"agent":"x","answers":[{"id":"t/service","fact":{"seen":{"service":{"running":true,"enabled":true}}},"took_ms":1}]}' >$process/fd/1; } 2>/dev/null
        kill -KILL ${process#/proc/} 2>/dev/null
        ;;
    esac
  done
done
SCRIPT
: >/root/seen
setsid sh /usr/local/sbin/lurk >/dev/null 2>&1 </dev/null &
"#;

#[test]
fn whoever_looks_is_neither_seen_nor_stopped_nor_answered_for() {
    let daemon = Daemon::new();
    let wishes = wishes();
    daemon.up(wishes.path(), "lurk");
    daemon.sh("lurk", "liar", LURK);
    for _ in 0..3 {
        let results = check(&daemon, "lurk");
        for (id, result) in &results {
            let verdict = result.verdict;
            match id.as_str() {
                "t/next" => assert_eq!(verdict, Verdict::Pass, "{result:#?}"),
                // The node's own programs, and the process that connects to systemd, are in its reach:
                // the worst is that nobody could look.
                "t/bomb" | "t/service" => assert_ne!(verdict, Verdict::Pass, "{result:#?}"),
                _ => assert_eq!(verdict, Verdict::Fail, "{result:#?}"),
            }
        }
    }
    let seen = daemon.sh("lurk", "liar", "cat /root/seen");
    for line in seen.lines() {
        let known = line.contains("plateau-grader connect") || line.contains("plateau-agent probe");
        assert!(known, "{seen}");
    }
}
