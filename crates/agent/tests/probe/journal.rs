//! Journals that are not there or make no sense; whole ones are looked at in real nodes.

use serde_json::json;

use crate::ask::reason;
use crate::elsewhere::ask_by;

/// Hides this machine's own journals.
const HIDDEN: &str = "
    mkdir -p /run/log /var/log
    mount -t tmpfs none /run/log
    mount -t tmpfs none /var/log";

fn reason_after(script: &str) -> String {
    let question = json!({ "journal": { "unit": "ssh" } });
    let script = format!("{HIDDEN}\n{script}");
    reason(ask_by(&["unshare", "--mount"], &script, question, &[]))
}

#[test]
fn where_no_journal_is_kept_nobody_can_look() {
    let reason = reason_after("true");
    assert!(reason.contains("the node keeps no journal"), "{reason}");
}

#[test]
fn a_journal_of_garbage_cannot_be_looked_at() {
    let script = "
        mkdir /var/log/journal
        head -c 100000 /dev/urandom > /var/log/journal/system.journal
        mkfifo /var/log/journal/pipe.journal";
    assert!(reason_after(script).contains("cannot read the journal"));
}
