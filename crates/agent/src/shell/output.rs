//! What a terminal has shown lately, for all who are attached to it.

use std::collections::{BTreeMap, VecDeque};

use plateau_core::terminal::Past;

/// Bytes of output that are kept for those who attach later: what fits into their first frame.
pub(super) const KEPT: usize = plateau_core::terminal::DATA_LIMIT;

/// How far behind a reader may be before the terminal is held back for it.
const BEHIND: u64 = KEPT as u64 / 2;

/// Changes of the window's size that are kept with it. Who drags a window makes many.
const SIZES: usize = 256;

/// The end of the stream of output, and where in it each reader is.
#[derive(Debug)]
pub(super) struct Output {
    terminal: u64,
    kept: VecDeque<u8>,
    /// Columns and rows of the window, each from a place in the stream on; at least one.
    sizes: VecDeque<(u64, (u16, u16))>,
    /// All bytes that were ever shown.
    shown: u64,
    readers: BTreeMap<u64, u64>,
    next_reader: u64,
}

impl Output {
    /// The output of a terminal that has shown nothing yet.
    pub(super) fn new(terminal: u64, size: (u16, u16)) -> Self {
        Self {
            terminal,
            kept: VecDeque::new(),
            sizes: VecDeque::from([(0, size)]),
            shown: 0,
            readers: BTreeMap::new(),
            next_reader: 0,
        }
    }

    /// Notes a new size of the window.
    pub(super) fn resize(&mut self, size: (u16, u16)) {
        if self
            .sizes
            .back()
            .is_some_and(|(from, _)| *from == self.shown)
        {
            self.sizes.pop_back();
        }
        self.sizes.push_back((self.shown, size));
        if self.sizes.len() > SIZES {
            self.sizes.pop_front();
        }
    }

    /// Adds what was shown and forgets the oldest.
    pub(super) fn show(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        self.shown += bytes.len() as u64;
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
        let oldest = self.oldest();
        while self.sizes.get(1).is_some_and(|(from, _)| *from <= oldest) {
            self.sizes.pop_front();
        }
    }

    /// A new reader, who begins with the oldest that is kept.
    pub(super) fn attach(&mut self) -> u64 {
        self.next_reader += 1;
        self.readers.insert(self.next_reader, self.oldest());
        self.next_reader
    }

    /// Everything that is kept, for a reader who has just attached, size by size. The last may be
    /// empty, and has the size that the window has now.
    pub(super) fn past(&mut self, reader: u64) -> Vec<Past> {
        let oldest = self.oldest();
        let ends = self.sizes.iter().skip(1).map(|(from, _)| *from);
        let ends: Vec<u64> = ends.chain([self.shown]).collect();
        let mut place = oldest;
        let mut parts = Vec::new();
        for ((_, (cols, rows)), end) in self.sizes.clone().into_iter().zip(ends) {
            let bytes = self.range(place, usize::try_from(end - place).unwrap_or(0));
            parts.push(Past {
                terminal: self.terminal,
                place,
                cols,
                rows,
                bytes,
            });
            place = end;
        }
        self.readers.insert(reader, self.shown);
        parts
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
        let from = oldest.max(*place);
        *place = from.saturating_add(limit as u64).min(self.shown);
        self.range(from, limit)
    }

    /// At most `limit` bytes from a place that is kept on.
    fn range(&self, place: u64, limit: usize) -> Vec<u8> {
        let from = usize::try_from(place - self.oldest()).unwrap_or(0);
        self.kept.range(from..).take(limit).copied().collect()
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
    use super::{KEPT, Output, SIZES};

    fn output() -> Output {
        Output::new(7, (80, 24))
    }

    /// Place, columns and text of each part.
    fn past(output: &mut Output) -> Vec<(u64, u16, String)> {
        let reader = output.attach();
        let parts = output.past(reader);
        assert!(output.next(reader, KEPT).is_empty());
        assert!(parts.iter().all(|part| part.terminal == 7));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let parts = parts.iter();
        parts
            .map(|part| (part.place, part.cols, text(&part.bytes)))
            .collect()
    }

    #[test]
    fn the_past_has_the_sizes_that_the_window_had() {
        let mut output = output();
        assert_eq!(past(&mut output), [(0, 80, String::new())]);
        output.show(b"narrow");
        output.resize((100, 24));
        output.resize((132, 24));
        let (narrow, wide) = ("narrow".to_owned(), "wide".to_owned());
        assert_eq!(
            past(&mut output),
            [(0, 80, narrow.clone()), (6, 132, String::new())]
        );
        output.show(b"wide");
        assert_eq!(past(&mut output), [(0, 80, narrow), (6, 132, wide)]);
        output.show(&vec![b'x'; KEPT]);
        let parts = past(&mut output);
        assert_eq!((parts.len(), parts[0].0, parts[0].1), (1, 10, 132));
        for cols in 0..2 * SIZES {
            output.show(b"y");
            output.resize((cols as u16, 24));
        }
        assert_eq!(past(&mut output).len(), SIZES);
    }

    #[test]
    fn who_attaches_later_sees_what_was_shown_before() {
        let mut output = output();
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
        let mut output = output();
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
        let mut output = output();
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
