//! Modes of a terminal that its emulator does not keep: keypad, mouse, paste, focus, cursor, title.

use std::fmt::Write as _;

use vte::{Params, Parser, Perform};

/// Longest title in characters.
const TITLE: usize = 256;

/// The modes and the output's parser. Numbers are those of xterm's control sequences.
#[derive(Default)]
pub(super) struct Modes {
    parser: Parser,
    set: ModeState,
}

#[derive(Default)]
struct ModeState {
    /// What the mouse reports: 9, 1000, 1001, 1002 or 1003, of which the last one counts.
    mouse: Option<u16>,
    /// How it is reported: 1005, 1006, 1015 or 1016.
    reports: Option<u16>,
    focus: bool,
    paste: bool,
    keypad: bool,
    cursor: Option<u16>,
    title: String,
}

impl Modes {
    /// Takes output, which may end within a sequence.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.set, bytes);
    }

    /// What sets the modes on a terminal that was reset.
    pub(super) fn write(&self, text: &mut String) {
        let set = &self.set;
        let modes = [
            set.mouse,
            set.reports,
            set.focus.then_some(1004),
            set.paste.then_some(2004),
        ];
        for mode in modes.into_iter().flatten() {
            // Writing into a text does not fail.
            let _ = write!(text, "\u{1b}[?{mode}h");
        }
        if set.keypad {
            text.push_str("\u{1b}=");
        }
        if let Some(style) = set.cursor {
            let _ = write!(text, "\u{1b}[{style} q");
        }
        if !set.title.is_empty() {
            let _ = write!(text, "\u{1b}]2;{}\u{1b}\\", set.title);
        }
    }
}

impl ModeState {
    fn private(&mut self, mode: u16, on: bool) {
        match mode {
            9 | 1000..=1003 => self.mouse = on.then_some(mode),
            1005 | 1006 | 1015 | 1016 => self.reports = on.then_some(mode),
            1004 => self.focus = on,
            2004 => self.paste = on,
            66 => self.keypad = on,
            _ => {}
        }
    }
}

impl Perform for ModeState {
    fn csi_dispatch(&mut self, params: &Params, between: &[u8], ignore: bool, action: char) {
        if ignore {
            return;
        }
        let first = params.iter().next().and_then(|param| param.first());
        match (between, action) {
            (b"?", 'h' | 'l') => {
                for mode in params.iter().flatten() {
                    self.private(*mode, action == 'h');
                }
            }
            (b" ", 'q') => self.cursor = first.copied().filter(|style| *style != 0),
            (b"!", 'p') => {
                self.keypad = false;
                self.cursor = None;
            }
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, between: &[u8], ignore: bool, byte: u8) {
        match (between, byte) {
            _ if ignore => {}
            ([], b'=') => self.keypad = true,
            ([], b'>') => self.keypad = false,
            ([], b'c') => *self = Self::default(),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _bell: bool) {
        if let [b"0" | b"2", title, ..] = params {
            let title = String::from_utf8_lossy(title);
            let shown = title.chars().filter(|c| !c.is_control());
            self.title = shown.take(TITLE).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(output: &[u8]) -> String {
        let mut modes = Modes::default();
        // Byte by byte, as the worst case has it.
        for byte in output {
            modes.see(&[*byte]);
        }
        let mut text = String::new();
        modes.write(&mut text);
        text
    }

    #[test]
    fn modes_are_set_as_they_were() {
        for output in [
            "\u{1b}[?1002h\u{1b}[?1006h\u{1b}[?1004h\u{1b}[?2004h\u{1b}=\u{1b}[5 q\u{1b}]2;a title\u{1b}\\",
            "\u{1b}[?2004h",
            "",
        ] {
            assert_eq!(written(output.as_bytes()), output);
        }
        assert_eq!(written(b"\x1b[?1000;1006h"), "\u{1b}[?1000h\u{1b}[?1006h");
    }

    #[test]
    fn what_is_reset_is_no_longer_set() {
        assert_eq!(written(b"\x1b[?1003;1006;2004h\x1b[?1003;1006;2004l"), "");
        assert_eq!(written(b"\x1b[?1003h\x1b=\x1b[3 q\x1b]0;t\x07\x1bc"), "");
        assert_eq!(written(b"\x1b=\x1b[3 q\x1b[!p"), "");
        assert_eq!(written(b"\x1b=\x1b[3 q\x1b>\x1b[0 q"), "");
    }
}
