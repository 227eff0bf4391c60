//! Requests to the wirer: what is read is read the same after it was written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plateau_core::wire::WireRequest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<WireRequest>(bytes) {
        let again = serde_json::to_vec(&request).expect("a request can be written");
        let again: WireRequest = serde_json::from_slice(&again).expect("and read");
        assert_eq!(request, again);
    }
});
