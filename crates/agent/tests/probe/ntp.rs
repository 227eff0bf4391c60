//! Servers that have the time, have none, or will not tell.

use serde_json::{Value, json};

use crate::ask::{ask, ask_all, inner, reason, see, seen};
use crate::datagrams::{answering, mute, nonsense, unbound};

fn ntp(port: u16) -> Value {
    json!({ "ntp": { "host": "127.0.0.1", "port": port } })
}

/// A server that gives the asker's own time back (RFC 5905, section 7.3).
fn server(leap: u8, stratum: u8, reference: [u8; 4]) -> u16 {
    answering(move |request| {
        let mut answer = vec![0; 48];
        answer[0] = leap << 6 | 4 << 3 | 4;
        answer[1] = stratum;
        answer[12..16].copy_from_slice(&reference);
        for at in [16, 24, 32, 40] {
            answer[at..at + 8].copy_from_slice(&request[40..48]);
        }
        vec![answer]
    })
}

#[test]
fn a_server_has_the_time_or_says_that_it_has_none() {
    let seen = see(ntp(server(0, 2, [10, 0, 0, 1])), &[]);
    assert_eq!(
        (&seen["synchronized"], &seen["stratum"], &seen["reference"]),
        (&json!(true), &json!(2), &json!("10.0.0.1"))
    );
    assert!(seen["offset_ms"].as_i64().unwrap().abs() < 1000);
    let none = json!({ "answered": true, "synchronized": false });
    assert_eq!(see(ntp(server(3, 0, [0; 4])), &[]), none);
    assert_eq!(see(ntp(server(3, 16, [0; 4])), &[]), none);
    let refusal = json!({ "answered": true, "synchronized": false, "reference": "RATE" });
    assert_eq!(see(ntp(server(0, 0, *b"RATE")), &[]), refusal);
}

#[test]
fn silence_is_seen_and_nonsense_is_not() {
    let none = json!({ "answered": false, "synchronized": false });
    assert_eq!(see(ntp(unbound()), &[]), none);
    let silent = ask_all(vec![(ntp(mute()), &[], 1500)]).answers.remove(0);
    assert!(silent.took_ms < 1500, "{}", silent.took_ms);
    assert_eq!(inner(&seen(silent.fact)), none);
    assert!(reason(ask(ntp(nonsense()), &[])).contains("cannot read"));
}
