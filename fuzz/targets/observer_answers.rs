//! What an observer and its workers say, and what they are told.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plateau_core::probe::{ObserverRequest, ObserverResponse, ProbeRequest, ProbeResponse};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = ObserverRequest::decode(bytes) {
        let again = ObserverRequest::decode(&request.encode());
        assert_eq!(again.ok(), Some(request));
    }
    if let Ok(response) = ObserverResponse::decode(bytes) {
        if let Ok(answer) = &response.answer {
            let _ = serde_json::from_slice::<ProbeResponse>(answer);
        }
        let again = ObserverResponse::decode(&response.encode());
        assert_eq!(again.ok(), Some(response));
    }
    let _ = serde_json::from_slice::<ProbeRequest>(bytes);
    let _ = serde_json::from_slice::<ProbeResponse>(bytes);
});
