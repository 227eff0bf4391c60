//! Frames of a terminal, as an agent in a node writes them: what is read is written the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plateau_core::terminal::Frame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(frame.encode(), bytes);
    }
});
