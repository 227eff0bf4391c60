//! What a rehearsal found.

use plateau_core::exam::rehearsal::{Limit, Rehearsal};

use super::{lines, table};
use crate::style::{GOOD, UNSURE, WRONG, styled};

/// A rehearsal, whole.
pub(crate) fn rehearsal(rehearsal: &Rehearsal) -> String {
    let mut table = table([
        "SCENARIO",
        "LABS",
        "NODES",
        "BUILT IN",
        "SLOWEST",
        "GRADED IN",
        "MEMORY EACH",
        "DISK EACH",
    ]);
    for one in &rehearsal.scenarios {
        table.add_row([
            one.scenario.clone(),
            format!("{} of {}", one.built, one.labs),
            one.nodes.to_string(),
            seconds(one.building_ms),
            seconds(one.slowest_ms),
            seconds(one.grading_ms),
            bytes(one.each.memory),
            bytes(one.each.disk),
        ]);
    }
    let mut text = lines(&table);
    let (before, least) = (&rehearsal.before, &rehearsal.least);
    for (what, before, least) in [
        ("memory", before.memory, least.memory),
        ("disk", before.disk, least.disk),
    ] {
        let (before, least) = (bytes(before), bytes(least));
        text.push_str(&format!(
            "{what}: {before} free before, {least} at the least\n"
        ));
    }
    for one in &rehearsal.scenarios {
        for check in &one.passed {
            let said = format!("{}: `{check}` passes although nobody worked", one.scenario);
            text.push_str(&format!("{}\n", styled(UNSURE, said)));
        }
        for check in &one.unknown {
            let said = format!("{}: nobody could look at `{check}`", one.scenario);
            text.push_str(&format!("{}\n", styled(WRONG, said)));
        }
    }
    for problem in &rehearsal.problems {
        text.push_str(&format!("{}\n", styled(WRONG, problem)));
    }
    text.push_str(&verdict(rehearsal));
    text.push('\n');
    text
}

/// What is to be thought of it, in a line.
pub(crate) fn verdict(rehearsal: &Rehearsal) -> String {
    let seats = rehearsal.seats;
    let margin = match (rehearsal.verdict.seats, rehearsal.verdict.limit) {
        (Some(bears), Some(limit)) => {
            let limit = match limit {
                Limit::Memory => "memory",
                Limit::Disk => "disk",
            };
            let more = i64::from(bears) - i64::from(seats);
            if more >= 0 {
                format!(" and {more} more; {limit} ends first")
            } else {
                format!(", {} too many; {limit} ends first", -more)
            }
        }
        _ => String::new(),
    };
    if rehearsal.verdict.holds {
        styled(GOOD, format!("this room holds {seats} seat(s){margin}"))
    } else {
        styled(
            WRONG,
            format!("this room does not hold {seats} seat(s){margin}"),
        )
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

fn bytes(bytes: Option<u64>) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        None => "?".to_owned(),
        Some(bytes) if bytes >= 1024 * MIB => {
            let tenths = bytes / (MIB * 1024 / 10);
            format!("{}.{} GiB", tenths / 10, tenths % 10)
        }
        Some(bytes) => format!("{} MiB", bytes.div_ceil(MIB)),
    }
}
