//! A backup from anywhere: its members are read within bounds, or it is refused.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use plateau_core::backup;

/// Most that is read of a member.
const MOST: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let _ = backup::read(bytes, |_, member| {
        io::copy(&mut member.take(MOST), &mut io::sink()).map(drop)
    });
});
