//! The latest output of a terminal, for all attachments.

use std::collections::{BTreeMap, VecDeque};

use plateau_core::terminal::Backlog;

/// Bytes of output that are stored for later attachments: what fits into their first frame.
pub(super) const CAPACITY: usize = plateau_core::terminal::DATA_LIMIT;

/// How far a reader may lag before the terminal waits for it.
const MAX_LAG: u64 = CAPACITY as u64 / 2;

/// Most stored changes of the window's size. Dragging a window makes many.
const MAX_SIZES: usize = 256;

/// The end of the output, and the position of each reader.
#[derive(Debug)]
pub(super) struct Output {
    terminal: u64,
    buffer: VecDeque<u8>,
    /// Columns and rows of the window, each with the offset where it starts; at least one.
    sizes: VecDeque<(u64, (u16, u16))>,
    /// Number of all bytes so far.
    total: u64,
    readers: BTreeMap<u64, u64>,
    next_reader: u64,
}

impl Output {
    /// The output of a new terminal.
    pub(super) fn new(terminal: u64, size: (u16, u16)) -> Self {
        Self {
            terminal,
            buffer: VecDeque::new(),
            sizes: VecDeque::from([(0, size)]),
            total: 0,
            readers: BTreeMap::new(),
            next_reader: 0,
        }
    }

    /// Records a new size of the window.
    pub(super) fn resize(&mut self, size: (u16, u16)) {
        if self
            .sizes
            .back()
            .is_some_and(|(from, _)| *from == self.total)
        {
            self.sizes.pop_back();
        }
        self.sizes.push_back((self.total, size));
        if self.sizes.len() > MAX_SIZES {
            self.sizes.pop_front();
        }
    }

    /// Adds output and drops the oldest.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
        self.total += bytes.len() as u64;
        let surplus = self.buffer.len().saturating_sub(CAPACITY);
        self.buffer.drain(..surplus);
        let oldest = self.oldest();
        while self.sizes.get(1).is_some_and(|(from, _)| *from <= oldest) {
            self.sizes.pop_front();
        }
    }

    /// Adds a reader, which starts with the oldest stored byte.
    pub(super) fn attach(&mut self) -> u64 {
        self.next_reader += 1;
        self.readers.insert(self.next_reader, self.oldest());
        self.next_reader
    }

    /// Everything that is stored, for a new reader, one part for each size of the window. The last
    /// part has the current size and may be empty.
    pub(super) fn history(&mut self, reader: u64) -> Vec<Backlog> {
        let oldest = self.oldest();
        let ends = self.sizes.iter().skip(1).map(|(from, _)| *from);
        let ends: Vec<u64> = ends.chain([self.total]).collect();
        let mut offset = oldest;
        let mut parts = Vec::new();
        for ((_, (cols, rows)), end) in self.sizes.clone().into_iter().zip(ends) {
            let bytes = self.range(offset, usize::try_from(end - offset).unwrap_or(0));
            parts.push(Backlog {
                terminal: self.terminal,
                place: offset,
                cols,
                rows,
                bytes,
            });
            offset = end;
        }
        self.readers.insert(reader, self.total);
        parts
    }

    /// Removes a reader.
    pub(super) fn detach(&mut self, reader: u64) {
        self.readers.remove(&reader);
    }

    /// The next bytes for a reader, at most `limit`; empty if it has read everything.
    pub(super) fn read(&mut self, reader: u64, limit: usize) -> Vec<u8> {
        let oldest = self.oldest();
        let Some(position) = self.readers.get_mut(&reader) else {
            return Vec::new();
        };
        // A reader that is too slow misses some output.
        let from = oldest.max(*position);
        *position = from.saturating_add(limit as u64).min(self.total);
        self.range(from, limit)
    }

    /// At most `limit` bytes from a stored offset on.
    fn range(&self, offset: u64, limit: usize) -> Vec<u8> {
        let from = usize::try_from(offset - self.oldest()).unwrap_or(0);
        self.buffer.range(from..).take(limit).copied().collect()
    }

    /// Whether to read no more for now: there are readers, and all of them lag.
    pub(super) fn all_readers_lag(&self) -> bool {
        !self.readers.is_empty()
            && self
                .readers
                .values()
                .all(|position| self.total - position > MAX_LAG)
    }

    fn oldest(&self) -> u64 {
        self.total - self.buffer.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, MAX_SIZES, Output};

    fn output() -> Output {
        Output::new(7, (80, 24))
    }

    /// Offset, columns and text of each part.
    fn history(output: &mut Output) -> Vec<(u64, u16, String)> {
        let reader = output.attach();
        let parts = output.history(reader);
        assert!(output.read(reader, CAPACITY).is_empty());
        assert!(parts.iter().all(|part| part.terminal == 7));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let parts = parts.iter();
        parts
            .map(|part| (part.place, part.cols, text(&part.bytes)))
            .collect()
    }

    #[test]
    fn the_history_has_the_sizes_that_the_window_had() {
        let mut output = output();
        assert_eq!(history(&mut output), [(0, 80, String::new())]);
        output.push(b"narrow");
        output.resize((100, 24));
        output.resize((132, 24));
        let (narrow, wide) = ("narrow".to_owned(), "wide".to_owned());
        assert_eq!(
            history(&mut output),
            [(0, 80, narrow.clone()), (6, 132, String::new())]
        );
        output.push(b"wide");
        assert_eq!(history(&mut output), [(0, 80, narrow), (6, 132, wide)]);
        output.push(&vec![b'x'; CAPACITY]);
        let parts = history(&mut output);
        assert_eq!((parts.len(), parts[0].0, parts[0].1), (1, 10, 132));
        for cols in 0..2 * MAX_SIZES {
            output.push(b"y");
            output.resize((cols as u16, 24));
        }
        assert_eq!(history(&mut output).len(), MAX_SIZES);
    }

    #[test]
    fn a_later_attachment_reads_the_earlier_output() {
        let mut output = output();
        output.push(b"hello ");
        let first = output.attach();
        output.push(b"world");
        let second = output.attach();
        assert_eq!(output.read(first, 8), b"hello wo");
        assert_eq!(output.read(first, 8), b"rld");
        assert_eq!(output.read(first, 8), b"");
        assert_eq!(output.read(second, 100), b"hello world");
    }

    #[test]
    fn only_the_latest_output_is_stored_and_a_slow_reader_misses_the_rest() {
        let mut output = output();
        let slow = output.attach();
        output.push(&vec![b'a'; CAPACITY]);
        assert!(output.all_readers_lag());
        output.push(b"bc");
        let seen = output.read(slow, 2 * CAPACITY);
        assert_eq!(seen.len(), CAPACITY);
        assert!(seen.ends_with(b"abc"));
        assert!(!output.all_readers_lag());
    }

    #[test]
    fn one_quick_reader_is_enough_to_go_on() {
        let mut output = output();
        let (slow, quick) = (output.attach(), output.attach());
        output.push(&vec![b'a'; CAPACITY]);
        assert_eq!(output.read(quick, CAPACITY).len(), CAPACITY);
        assert!(!output.all_readers_lag());
        output.detach(quick);
        assert!(output.all_readers_lag());
        output.detach(slow);
        assert!(!output.all_readers_lag());
    }
}
