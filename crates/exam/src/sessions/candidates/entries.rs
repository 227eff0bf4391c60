//! Which entries about candidates who came in are written: whoever has a code can come in as often as they
//! like, and the log keeps everything for ever.

use std::collections::BTreeMap;

/// So long one entry stands for all of a seat's from the same place, in milliseconds.
const STANDS_MS: u64 = 60_000;

/// Most entries of a seat in that time, from wherever.
const MOST: usize = 8;

/// Entries that were written a short time ago: seat and place → when, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct RecentEntries(BTreeMap<(String, String), u64>);

impl RecentEntries {
    /// Whether an entry is to be written at a moment.
    pub(super) fn is_due(&mut self, seat: &str, from: &str, now_ms: u64) -> bool {
        self.0
            .retain(|_, at_ms| now_ms.saturating_sub(*at_ms) < STANDS_MS);
        let of_the_seat = self.0.keys().filter(|(of, _)| of == seat).count();
        let key = (seat.to_owned(), from.to_owned());
        of_the_seat < MOST && !self.0.contains_key(&key)
    }

    /// An entry was written.
    pub(super) fn written(&mut self, seat: &str, from: &str, now_ms: u64) {
        self.0.insert((seat.to_owned(), from.to_owned()), now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_has_one_entry_a_minute_from_each_place_and_eight_in_all() {
        let mut recent = RecentEntries::default();
        assert!(recent.is_due("001", "192.0.2.1", 0));
        recent.written("001", "192.0.2.1", 0);
        assert!(!recent.is_due("001", "192.0.2.1", 59_999));
        assert!(recent.is_due("002", "192.0.2.1", 59_999));
        assert!(recent.is_due("001", "192.0.2.1", 60_000));
        for place in 0..8 {
            assert!(recent.is_due("001", &place.to_string(), 60_000));
            recent.written("001", &place.to_string(), 60_000);
        }
        assert!(!recent.is_due("001", "another", 60_001));
        assert!(recent.is_due("001", "another", 120_000));
    }
}
