//! The screen of a terminal, kept for viewers that join later.

use std::fmt::Write as _;

use avt::{Color, Line, Pen, Terminal};

use super::WindowSize;
use super::modes::Modes;

/// Lines above the screen that are kept.
const SCROLLBACK: usize = 1000;

/// Most bytes of the lines above the screen in one drawing; the newest count.
const SCROLLBACK_BYTES: usize = 256 << 10;

/// Bytes after which it is asked whether more may be shown: what they cost at most is little.
const PART: usize = 128;

/// Longest character in UTF-8.
const CHARACTER: usize = 4;

/// A screen and the lines above it.
pub(super) struct Screen {
    terminal: Terminal,
    modes: Modes,
    /// The bytes at the end of the output that are only the beginning of a character.
    rest: Vec<u8>,
}

impl Screen {
    /// An empty screen.
    pub(super) fn new(size: WindowSize) -> Self {
        let WindowSize { cols, rows } = size.bounded();
        let made = Terminal::with_scrollback(cols.into(), rows.into(), Some(SCROLLBACK));
        Self {
            // A bounded size is never zero.
            terminal: made.unwrap_or_else(|never| unreachable!("{never}")),
            modes: Modes::default(),
            rest: Vec::new(),
        }
    }

    /// Its size.
    pub(super) fn size(&self) -> WindowSize {
        let (cols, rows) = self.terminal.size();
        let short = |size: usize| u16::try_from(size).unwrap_or(u16::MAX);
        WindowSize {
            cols: short(cols),
            rows: short(rows),
        }
    }

    /// Gives it another size.
    pub(super) fn resize(&mut self, size: WindowSize) {
        let WindowSize { cols, rows } = size.bounded();
        self.terminal.resize(cols.into(), rows.into());
    }

    /// Shows output, and returns it as text: a character that is cut off at its end comes with the
    /// next output, and what is not UTF-8 is replaced.
    pub(super) fn show(&mut self, bytes: &[u8]) -> String {
        self.modes.see(bytes);
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        self.rest = all.split_off(all.len() - cut_off(&all));
        let text = match String::from_utf8(all) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        self.terminal.feed(text.as_str());
        text
    }

    /// Shows the first part of some output, and more for as long as that may go on. Returns how many
    /// bytes were shown, and their text.
    pub(super) fn show_while(
        &mut self,
        bytes: &[u8],
        mut goes_on: impl FnMut() -> bool,
    ) -> (usize, String) {
        let mut text = String::new();
        let mut count = 0;
        for part in bytes.chunks(PART) {
            text += &self.show(part);
            count += part.len();
            if !goes_on() {
                break;
            }
        }
        (count, text)
    }

    /// What draws it on a terminal of the same size, whatever that showed before.
    pub(super) fn redraw_sequence(&self) -> String {
        let mut drawing = String::from("\u{1b}c");
        self.draw_scrollback(&mut drawing);
        self.modes.write(&mut drawing);
        // Last, since it ends with a sequence that the output has only begun.
        drawing.push_str(&self.terminal.dump());
        drawing
    }

    /// What comes after [`Self::redraw_sequence`] for who is sent bytes and not text.
    pub(super) fn rest(&self) -> &[u8] {
        &self.rest
    }

    fn draw_scrollback(&self, drawing: &mut String) {
        let rows = self.terminal.size().1;
        let lines: Vec<&Line> = self.terminal.primary_screen().all_lines().collect();
        let above = &lines[..lines.len().saturating_sub(rows)];
        let mut bytes = 0;
        let mut drawn: Vec<String> = above
            .iter()
            .rev()
            .map(|line| draw_line(line))
            .take_while(|line| {
                bytes += line.len();
                bytes <= SCROLLBACK_BYTES
            })
            .collect();
        if drawn.is_empty() {
            return;
        }
        drawn.reverse();
        drawing.extend(drawn);
        // Up and out of the screen, which is drawn from its first line on.
        drawing.push_str("\u{1b}[0m\r");
        drawing.extend(std::iter::repeat_n('\n', rows - 1));
        drawing.push_str("\u{1b}[H");
    }
}

/// How many bytes at the end are the beginning of a character.
fn cut_off(bytes: &[u8]) -> usize {
    let begins = |length: &usize| {
        let tail = bytes.len().checked_sub(*length).map(|from| &bytes[from..]);
        tail.is_some_and(|tail| {
            std::str::from_utf8(tail)
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
    };
    (1..CHARACTER).find(begins).unwrap_or(0)
}

/// A line with its colours; one that goes on in the next has no end.
fn draw_line(line: &Line) -> String {
    let mut drawn = String::new();
    let mut pen = Pen::default();
    for cells in line.chunks(|one, next| one.pen() != next.pen()) {
        if cells.first().is_some_and(|cell| *cell.pen() != pen) {
            pen = *cells[0].pen();
            let _ = write!(drawn, "\u{1b}[{}m", rendition(&pen));
        }
        drawn.extend(cells.iter().map(avt::Cell::char));
    }
    if pen.is_default() && !line.is_wrapped() {
        drawn.truncate(drawn.trim_end_matches(' ').len());
    }
    if !pen.is_default() {
        drawn.push_str("\u{1b}[0m");
    }
    if !line.is_wrapped() {
        drawn.push_str("\r\n");
    }
    drawn
}

/// The parameters of SGR (ECMA-48, 8.3.117) that make a pen.
fn rendition(pen: &Pen) -> String {
    let mut parameters = String::from("0");
    for (set, parameter) in [
        (pen.is_bold(), ";1"),
        (pen.is_faint(), ";2"),
        (pen.is_italic(), ";3"),
        (pen.is_underline(), ";4"),
        (pen.is_blink(), ";5"),
        (pen.is_inverse(), ";7"),
        (pen.is_strikethrough(), ";9"),
    ] {
        if set {
            parameters.push_str(parameter);
        }
    }
    for (color, selector) in [(pen.foreground(), 38), (pen.background(), 48)] {
        // Writing into a text does not fail.
        let _ = match color {
            Some(Color::Indexed(index)) => write!(parameters, ";{selector};5;{index}"),
            Some(Color::RGB(rgb)) => {
                write!(parameters, ";{selector};2;{};{};{}", rgb.r, rgb.g, rgb.b)
            }
            None => Ok(()),
        };
    }
    parameters
}

#[cfg(test)]
mod tests {
    use avt::ScreenKind;

    use super::*;

    const SIZE: WindowSize = WindowSize { cols: 40, rows: 6 };

    /// What a client has on its screen after it was drawn.
    fn redrawn(screen: &Screen) -> Screen {
        let mut other = Screen::new(screen.size());
        // Whatever was there before.
        other.show(b"\x1b[?1049h\x1b[31mnothing of this\x1b[?1000h\r\n\n\n\n\n\n\n\n");
        other.show(screen.redraw_sequence().as_bytes());
        other.show(screen.rest());
        other
    }

    fn lines(screen: &Screen) -> Vec<String> {
        let lines = screen.terminal.primary_screen().all_lines();
        let mut drawn: Vec<String> = lines.map(draw_line).collect();
        while drawn.last().is_some_and(|line| line == "\r\n") {
            drawn.pop();
        }
        drawn
    }

    fn same(one: &Screen, other: &Screen) {
        assert_eq!(lines(one), lines(other));
        assert_eq!(one.terminal.dump(), other.terminal.dump());
        let modes = |screen: &Screen| {
            let mut text = String::new();
            screen.modes.write(&mut text);
            text
        };
        assert_eq!(modes(one), modes(other));
    }

    #[test]
    fn a_screen_with_lines_above_it_is_drawn_as_it_is() {
        let mut screen = Screen::new(SIZE);
        for line in 0..30 {
            screen.show(format!("\x1b[1;3{}mline {line}\x1b[0m of many\r\n", line % 8).as_bytes());
        }
        screen.show("x".repeat(100).as_bytes());
        screen.show("\r\nprompt été $ ".as_bytes());
        same(&screen, &redrawn(&screen));
    }

    #[test]
    fn a_few_lines_above_the_screen_are_above_it_again() {
        for count in 1..14 {
            let mut screen = Screen::new(SIZE);
            for line in 0..count {
                screen.show(format!("line {line}\r\n").as_bytes());
            }
            same(&screen, &redrawn(&screen));
        }
    }

    #[test]
    fn a_full_screen_program_comes_back_with_what_is_under_it() {
        let mut screen = Screen::new(SIZE);
        screen.show(b"under\r\n$ vim\r\n");
        screen.show(b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[2 q\x1b[H\x1b[7mtitle\x1b[0m\x1b[3;1Hbody");
        let mut again = redrawn(&screen);
        same(&screen, &again);
        assert_eq!(again.terminal.active_screen_kind(), ScreenKind::Alternate);
        assert!(again.terminal.cursor_key_app_mode());
        for side in [&mut screen, &mut again] {
            side.show(b"\x1b[?1049l\x1b[?1l\x1b>\x1b[?2004l\x1b[?1002l\x1b[?1006l");
            assert!(lines(side)[0].starts_with("under"));
        }
        same(&screen, &again);
    }

    #[test]
    fn characters_cut_in_two_are_whole_again() {
        let mut screen = Screen::new(SIZE);
        let mut text = String::new();
        for byte in "é ê ñ € 😀".as_bytes() {
            text += &screen.show(&[*byte]);
        }
        assert_eq!(text, "é ê ñ € 😀");
        screen.show(b"\xe2\x82");
        let mut again = redrawn(&screen);
        for side in [&mut screen, &mut again] {
            assert_eq!(side.show(b"\xac"), "€");
        }
        same(&screen, &again);
        assert_eq!(screen.show(b"\xff\xc3"), "\u{fffd}");
        assert_eq!(screen.show(b"a"), "\u{fffd}a");
    }

    #[test]
    fn a_sequence_cut_in_two_is_whole_again() {
        let mut screen = Screen::new(SIZE);
        screen.show(b"plain \x1b[3");
        let mut again = redrawn(&screen);
        for side in [&mut screen, &mut again] {
            side.show(b"1mred");
        }
        same(&screen, &again);
    }

    #[test]
    fn sizes_are_bounded() {
        let huge = WindowSize {
            cols: u16::MAX,
            rows: u16::MAX,
        };
        let mut screen = Screen::new(WindowSize { cols: 0, rows: 0 });
        assert_eq!(screen.size(), WindowSize { cols: 1, rows: 1 });
        screen.resize(huge);
        assert_eq!(screen.size(), huge.bounded());
    }
}
