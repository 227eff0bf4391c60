//! What a terminal has shown lately, for all who are attached to it.

use std::collections::{BTreeMap, VecDeque};

/// Bytes of output that are kept for those who attach later: what fits into their first frame.
pub(super) const KEPT: usize = plateau_core::terminal::DATA_LIMIT;

/// How far behind a reader may be before the terminal is held back for it.
const BEHIND: u64 = KEPT as u64 / 2;

/// The end of the stream of output, and where in it each reader is.
#[derive(Debug, Default)]
pub(super) struct Output {
    kept: VecDeque<u8>,
    /// All bytes that were ever shown.
    shown: u64,
    readers: BTreeMap<u64, u64>,
    next_reader: u64,
}

impl Output {
    /// Adds what was shown and forgets the oldest.
    pub(super) fn show(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        self.shown += bytes.len() as u64;
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
    }

    /// A new reader, who begins with the oldest that is kept.
    pub(super) fn attach(&mut self) -> u64 {
        self.next_reader += 1;
        self.readers.insert(self.next_reader, self.oldest());
        self.next_reader
    }

    /// Forgets a reader.
    pub(super) fn detach(&mut self, reader: u64) {
        self.readers.remove(&reader);
    }

    /// The next bytes for a reader, at most `limit`; none when he has seen everything.
    pub(super) fn next(&mut self, reader: u64, limit: usize) -> Vec<u8> {
        let oldest = self.oldest();
        let Some(place) = self.readers.get_mut(&reader) else {
            return Vec::new();
        };
        // Who was too slow misses something.
        let from = usize::try_from(place.saturating_sub(oldest)).unwrap_or(0);
        let bytes: Vec<u8> = self.kept.range(from..).take(limit).copied().collect();
        *place = oldest.max(*place) + bytes.len() as u64;
        bytes
    }

    /// Whether to wait with more: there are readers, and none of them keeps up.
    pub(super) fn is_ahead(&self) -> bool {
        !self.readers.is_empty()
            && self
                .readers
                .values()
                .all(|place| self.shown - place > BEHIND)
    }

    fn oldest(&self) -> u64 {
        self.shown - self.kept.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Output};

    #[test]
    fn who_attaches_later_sees_what_was_shown_before() {
        let mut output = Output::default();
        output.show(b"hello ");
        let first = output.attach();
        output.show(b"world");
        let second = output.attach();
        assert_eq!(output.next(first, 8), b"hello wo");
        assert_eq!(output.next(first, 8), b"rld");
        assert_eq!(output.next(first, 8), b"");
        assert_eq!(output.next(second, 100), b"hello world");
    }

    #[test]
    fn only_the_latest_is_kept_and_a_slow_reader_misses_the_rest() {
        let mut output = Output::default();
        let slow = output.attach();
        output.show(&vec![b'a'; KEPT]);
        assert!(output.is_ahead());
        output.show(b"bc");
        let seen = output.next(slow, 2 * KEPT);
        assert_eq!(seen.len(), KEPT);
        assert!(seen.ends_with(b"abc"));
        assert!(!output.is_ahead());
    }

    #[test]
    fn one_quick_reader_is_enough_to_go_on() {
        let mut output = Output::default();
        let (slow, quick) = (output.attach(), output.attach());
        output.show(&vec![b'a'; KEPT]);
        assert_eq!(output.next(quick, KEPT).len(), KEPT);
        assert!(!output.is_ahead());
        output.detach(quick);
        assert!(output.is_ahead());
        output.detach(slow);
        assert!(!output.is_ahead());
    }
}
