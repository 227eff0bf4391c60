//! Repetitions of a character (REP, ECMA-48, 8.3.103), bounded before anything draws them.
//!
//! `CSI 65535 b` is eight bytes and draws 65535 characters: a thousand times what other output costs,
//! here and in the browser of each viewer. Programs repeat characters within a line only.

use super::WindowSize;

/// Most characters of a repetition: the longest line.
const MOST: u32 = WindowSize::LARGEST.cols as u32;

/// Cancels a sequence in every terminal (ECMA-48, 8.3.6, and DEC STD 070).
const CAN: u8 = 0x18;

const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// Looks at output, which may end within a sequence, and cancels repetitions that are too long.
#[derive(Debug, Default)]
pub(super) struct Repetitions {
    state: State,
    /// Whether the last byte is the first of a C1 control in UTF-8.
    before_c1: bool,
}

/// Where in a control sequence the output is. Emulators leave a sequence at bytes that do not belong in
/// it, and differ in which: here it ends as late as any of them may have it.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Sequence {
        /// The parameter so far.
        parameter: u32,
        /// The largest of those before.
        largest: u32,
    },
}

impl State {
    const BEGUN: Self = Self::Sequence {
        parameter: 0,
        largest: 0,
    };
}

impl Repetitions {
    /// Bounds the repetitions of some output. A sequence that is not performed is cancelled at its last
    /// byte, so that the output stays as long as it is.
    pub(super) fn bound(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            let is_csi = std::mem::replace(&mut self.before_c1, *byte == 0xc2) && *byte == 0x9b;
            self.state = match (self.state, *byte) {
                _ if is_csi => State::BEGUN,
                (_, ESC) => State::Escape,
                (_, CAN | SUB) => State::Ground,
                (State::Escape, b'[') => State::BEGUN,
                (State::Escape, 0x20..=0x7e) => State::Ground,
                (State::Sequence { parameter, largest }, digit @ b'0'..=b'9') => State::Sequence {
                    parameter: parameter
                        .saturating_mul(10)
                        .saturating_add((digit - b'0').into()),
                    largest,
                },
                (State::Sequence { parameter, largest }, 0x20..=0x3f) => State::Sequence {
                    parameter: 0,
                    largest: largest.max(parameter),
                },
                (State::Sequence { parameter, largest }, last @ 0x40..=0x7e) => {
                    if last == b'b' && largest.max(parameter) > MOST {
                        *byte = CAN;
                    }
                    State::Ground
                }
                (state, _) => state,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use avt::parser::{Function, Parser};

    use super::*;

    fn bounded(output: &str) -> String {
        let mut at_once = output.as_bytes().to_vec();
        Repetitions::default().bound(&mut at_once);
        let mut repetitions = Repetitions::default();
        let mut by_byte = output.as_bytes().to_vec();
        for byte in &mut by_byte {
            repetitions.bound(std::slice::from_mut(byte));
        }
        assert_eq!(at_once, by_byte);
        String::from_utf8(at_once).unwrap()
    }

    #[test]
    fn a_repetition_longer_than_any_line_is_cancelled() {
        for (output, wanted) in [
            ("x\u{1b}[65535b", "x\u{1b}[65535\u{18}"),
            ("x\u{1b}[501b", "x\u{1b}[501\u{18}"),
            ("x\u{9b}99999999999999b", "x\u{9b}99999999999999\u{18}"),
            ("\u{1b}\n[65\r535b", "\u{1b}\n[65\r535\u{18}"),
            ("\u{1b}]0;\u{1b}[1;600b", "\u{1b}]0;\u{1b}[1;600\u{18}"),
        ] {
            assert_eq!(bounded(output), wanted);
        }
        for same in [
            "x\u{1b}[500b",
            "x\u{1b}[b",
            "\u{1b}[999;999H65535b",
            "\u{1b}[38;2;255;255;255mb",
            "\u{1b}[65535\u{18}b",
            "65535b é ê",
        ] {
            assert_eq!(bounded(same), same);
        }
    }

    #[test]
    fn no_way_to_write_one_gets_past() {
        // All outputs of six of these, and then the rest of a long repetition.
        let parts = [
            "\u{1b}", "[", "\u{9b}", "9", ";", "?", " ", "\n", "é", "b", "\u{90}", "]",
        ];
        let count = parts.len();
        for number in 0..count.pow(5) {
            let mut output = String::new();
            let mut rest = number;
            for _ in 0..5 {
                output += parts[rest % count];
                rest /= count;
            }
            output += "9999b";
            let mut parser = Parser::new();
            for character in bounded(&output).chars() {
                if let Some(Function::Rep(count)) = parser.feed(character) {
                    assert!(u32::from(count) <= MOST, "{output:?}");
                }
            }
        }
    }
}
