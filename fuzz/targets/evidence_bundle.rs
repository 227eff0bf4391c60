//! A bundle from anywhere: it is verified step by step, or it is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plateau_core::exam::bundle::{Trust, verify};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(verification) = verify(bytes, &Trust::Inside, None) {
        assert!(!verification.trusted, "the key came with the bundle");
    }
});
