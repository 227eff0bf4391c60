//! How long each part of the work takes: written at its end, so that whoever makes it shorter sees where
//! the time goes.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::screen::say;

/// The kernel's unit for a process's times, on every Linux of ours.
const TICKS_A_SECOND: u64 = 100;

/// What was done, in order; the last is still being done.
static PARTS: Mutex<Vec<Part>> = Mutex::new(Vec::new());

struct Part {
    name: String,
    begun: Instant,
    /// Of what had ended when it began.
    cpu_before: Duration,
    /// Wall clock and processor, once it is over.
    took: Option<(Duration, Duration)>,
    /// Done beside the others, which it takes no time from.
    beside: bool,
}

/// The part before is over, and this one begins.
pub(crate) fn begin(name: &str) {
    let mut parts = parts();
    end_last(&mut parts);
    parts.push(Part {
        name: name.to_owned(),
        begun: Instant::now(),
        cpu_before: cpu_of_children(),
        took: None,
        beside: false,
    });
}

/// Something that went on beside the other parts.
pub(crate) fn beside(name: &str, took: Duration) {
    let mut parts = parts();
    let at = parts.len().saturating_sub(1);
    let part = Part {
        name: name.to_owned(),
        begun: Instant::now(),
        cpu_before: Duration::ZERO,
        took: Some((took, Duration::ZERO)),
        beside: true,
    };
    parts.insert(at, part);
}

/// Writes what took how long, and forgets it.
pub(crate) fn write() {
    let mut parts = parts();
    end_last(&mut parts);
    say("\nseconds  of CPU  part");
    let (mut wall, mut cpu) = (0.0, 0.0);
    for part in parts.drain(..) {
        let (took, used) = part.took.unwrap_or_default();
        let (took, used) = (took.as_secs_f64(), used.as_secs_f64());
        if part.beside {
            say(&format!(
                "{took:>7.0}       -  {} (beside the others)",
                part.name
            ));
            continue;
        }
        say(&format!("{took:>7.0} {used:>7.0}  {}", part.name));
        wall += took;
        cpu += used;
    }
    say(&format!("{wall:>7.0} {cpu:>7.0}  all"));
}

fn parts() -> std::sync::MutexGuard<'static, Vec<Part>> {
    PARTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn end_last(parts: &mut [Part]) {
    if let Some(last) = parts.last_mut() {
        let used = cpu_of_children().saturating_sub(last.cpu_before);
        last.took.get_or_insert((last.begun.elapsed(), used));
    }
}

/// What our children and theirs used of the processor, of those that have ended.
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    children_in(&stat)
}

/// From `pid (name) state …`: `cutime` and `cstime`, the 16th and 17th fields.
fn children_in(stat: &str) -> Duration {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields = after_name.split(' ').skip(13).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_children_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 105 2 0 0 11 12 150 50 20 0 1 0 100 3 0";
        assert_eq!(children_in(stat), Duration::from_secs(2));
        assert_eq!(children_in(""), Duration::ZERO);
    }
}
