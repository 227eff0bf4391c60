//! Messages between daemon and agent for terminals: frames over the standard input and output of `plateau-agent shell`.
//!
//! Each frame on the wire is a length of 4 bytes, big-endian, which does not count itself, then one
//! byte of kind, then the body. This module knows the kind and the body; the length is the work of
//! a codec such as tokio-util's `LengthDelimitedCodec` with its defaults.
//!
//! | kind | frame | to the terminal | from the terminal | body |
//! | --- | --- | --- | --- | --- |
//! | 0 | data | what was typed | what the terminal shows | the bytes, at most [`DATA_LIMIT`] |
//! | 1 | resize | its new size | the size that it has now | columns, rows: 2 bytes each, big-endian |
//! | 2 | exit | – | the shell ended, nothing follows | exit status, 4 bytes, big-endian |
//! | 3 | past | – | what it showed before | terminal and place: 8 bytes each; columns, rows: 2 bytes each; all big-endian; the bytes, at most [`DATA_LIMIT`] |
//!
//! The agent, on attaching, at once sends its recent output as *past* frames: one for each size that
//! the window had meanwhile, and at least one, which may hold no bytes; what follows is live. The
//! number of the terminal is drawn when it begins and the place counts its bytes from then on, so
//! that whoever attaches again knows what they have seen. What is past must not be answered: its
//! queries were when they were new.
//!
//! The daemon, which keeps the screen, sends its clients sizes and data alone: first the size, then
//! data that draw the screen as it is, from a reset on, whatever was there before. The same comes
//! again when a client was too slow to be shown everything.
//!
//! A shell that was killed by signal *n* ends with 128 + *n*, as shells say it. End of the input
//! only detaches.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most bytes of one data frame, and of recent output that a terminal keeps.
pub const DATA_LIMIT: usize = 256 << 10;

/// Longest frame, kind included; both sides refuse more.
pub const FRAME_LIMIT: usize = DATA_LIMIT + 1 + PAST_HEAD;

/// Bytes of a past frame before what was shown.
const PAST_HEAD: usize = 8 + 8 + 2 + 2;

/// What takes back all that programs do to a terminal, and leaves what it shows: both screens and all
/// the modes that its programs may have set.
pub const RESTORE: &str = "\u{1b}[?1049l\u{1b}[!p\u{1b}[?25h\u{1b}[?9;1000;1001;1002;1003l\
     \u{1b}[?1004;1005;1006;1015;1016;2004l\u{1b}>\u{1b}[0m";

const DATA: u8 = 0;
const RESIZE: u8 = 1;
const EXIT: u8 = 2;
const PAST: u8 = 3;

/// A recording of a terminal, in asciicast version 3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordingView {
    /// Its name, by which it can be had.
    pub name: String,
    /// Node and name of the terminal.
    pub title: String,
    /// When it began (RFC 3339).
    pub begun: String,
    /// Its size so far.
    pub bytes: u64,
    /// Whether it ends before its terminal does, since it, or all recordings of the lab, reached the
    /// limit in bytes.
    #[serde(default)]
    pub truncated: bool,
}

/// One thing said, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Bytes typed or shown.
    Data(Vec<u8>),
    /// The window has another size.
    Resize {
        /// Width in characters.
        cols: u16,
        /// Height in lines.
        rows: u16,
    },
    /// The shell ended.
    Exit(i32),
    /// Something that was shown before the attachment.
    Backlog(Backlog),
}

/// A part of what a terminal showed, while its window kept its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Which terminal: a number that is drawn when it begins.
    pub terminal: u64,
    /// Bytes that it had shown before these.
    pub place: u64,
    /// Width in characters.
    pub cols: u16,
    /// Height in lines.
    pub rows: u16,
    /// What it showed.
    pub bytes: Vec<u8>,
}

impl Backlog {
    fn encode(&self) -> Vec<u8> {
        [
            &[PAST][..],
            &self.terminal.to_be_bytes(),
            &self.place.to_be_bytes(),
            &self.cols.to_be_bytes(),
            &self.rows.to_be_bytes(),
            &self.bytes,
        ]
        .concat()
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let (terminal, body) = body.split_first_chunk()?;
        let (place, body) = body.split_first_chunk()?;
        let (cols, body) = body.split_first_chunk()?;
        let (rows, bytes) = body.split_first_chunk()?;
        (bytes.len() <= DATA_LIMIT).then(|| Self {
            terminal: u64::from_be_bytes(*terminal),
            place: u64::from_be_bytes(*place),
            cols: u16::from_be_bytes(*cols),
            rows: u16::from_be_bytes(*rows),
            bytes: bytes.to_vec(),
        })
    }
}

/// Why bytes are not a valid frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not even a kind.
    #[error("a frame without a kind")]
    Empty,
    /// A kind that this version does not know.
    #[error("a frame of unknown kind `{0}`")]
    Kind(u8),
    /// A body of the wrong length for its kind.
    #[error("a frame of kind `{kind}` with {bytes} bytes")]
    Length {
        /// The kind.
        kind: u8,
        /// Length of the body.
        bytes: usize,
    },
}

impl Frame {
    /// Kind and body, without the length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Data(bytes) => [&[DATA], bytes.as_slice()].concat(),
            Self::Resize { cols, rows } => {
                [&[RESIZE][..], &cols.to_be_bytes(), &rows.to_be_bytes()].concat()
            }
            Self::Exit(status) => [&[EXIT][..], &status.to_be_bytes()].concat(),
            Self::Backlog(past) => past.encode(),
        }
    }

    /// The frame of this kind and body.
    ///
    /// # Errors
    ///
    /// When the kind is unknown or the body has a length that the kind does not allow.
    pub fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (&kind, body) = frame.split_first().ok_or(FrameError::Empty)?;
        let wrong = FrameError::Length {
            kind,
            bytes: body.len(),
        };
        match (kind, body) {
            (DATA, body) if body.len() <= DATA_LIMIT => Ok(Self::Data(body.to_vec())),
            (RESIZE, &[cols, cols_low, rows, rows_low]) => Ok(Self::Resize {
                cols: u16::from_be_bytes([cols, cols_low]),
                rows: u16::from_be_bytes([rows, rows_low]),
            }),
            (EXIT, body) => body
                .try_into()
                .map(|status| Self::Exit(i32::from_be_bytes(status)))
                .map_err(|_| wrong),
            (PAST, body) => Backlog::decode(body).map(Self::Backlog).ok_or(wrong),
            (DATA | RESIZE, _) => Err(wrong),
            (unknown, _) => Err(FrameError::Kind(unknown)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_look_as_the_protocol_says() {
        assert_eq!(Frame::Data(b"ls\r".to_vec()).encode(), b"\0ls\r");
        let resize = Frame::Resize {
            cols: 258,
            rows: 24,
        };
        assert_eq!(resize.encode(), [1, 1, 2, 0, 24]);
        assert_eq!(Frame::Exit(-1).encode(), [2, 255, 255, 255, 255]);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert_eq!(Frame::decode(&[]), Err(FrameError::Empty));
        assert_eq!(Frame::decode(&[9, 1]), Err(FrameError::Kind(9)));
        for (kind, bytes) in [
            (RESIZE, 3),
            (RESIZE, 5),
            (EXIT, 0),
            (DATA, DATA_LIMIT + 1),
            (PAST, PAST_HEAD - 1),
            (PAST, PAST_HEAD + DATA_LIMIT + 1),
        ] {
            let mut frame = vec![kind];
            frame.resize(bytes + 1, 0);
            assert_eq!(
                Frame::decode(&frame),
                Err(FrameError::Length { kind, bytes })
            );
        }
    }

    proptest! {
        #[test]
        fn every_frame_comes_back_as_it_was(
            frame in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300).prop_map(Frame::Data),
                (any::<u16>(), any::<u16>()).prop_map(|(cols, rows)| Frame::Resize { cols, rows }),
                any::<i32>().prop_map(Frame::Exit),
                (any::<u64>(), any::<u64>(), any::<u16>(), any::<u16>(), proptest::collection::vec(any::<u8>(), 0..300))
                    .prop_map(|(terminal, place, cols, rows, bytes)| Frame::Backlog(Backlog { terminal, place, cols, rows, bytes })),
            ]
        ) {
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }
}
