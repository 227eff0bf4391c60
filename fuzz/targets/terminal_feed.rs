//! What a terminal shows: any bytes, cut anywhere, at any size.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// The modules as they are in `plateau-labs`, which keeps them to itself.
#[allow(dead_code, unreachable_pub, reason = "a part of what they have is used here")]
#[path = "../../crates/labs/src/terminals"]
mod terminals {
    pub(crate) use plateau_labs::terminals::WindowSize;

    mod modes;
    mod repetitions;
    mod screen;

    /// Shows output in two parts.
    pub(crate) fn show(cols: u16, rows: u16, first: &[u8], second: &[u8]) {
        let mut repetitions = repetitions::Repetitions::default();
        let mut screen = screen::Screen::new(WindowSize { cols, rows });
        for part in [first, second] {
            let mut part = part.to_vec();
            let length = part.len();
            repetitions.bound(&mut part);
            assert_eq!(part.len(), length);
            let _ = screen.show(&part);
            screen.resize(WindowSize {
                cols: rows,
                rows: cols,
            });
        }
        let _ = screen.redraw_sequence();
    }
}

fuzz_target!(|input: (u16, u16, u16, &[u8])| {
    let (cols, rows, cut, bytes) = input;
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    terminals::show(cols, rows, first, second);
});
