//! Servers that answer, ask for a proof, or say nothing of use.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::across::{closed, serve, silent};
use crate::ask::{ask, ask_all, inner, reason, see, seen};
use crate::datagrams::{answering, mute, nonsense, unbound};

fn sip(port: u16, transport: &str) -> Value {
    json!({ "sip": { "host": "127.0.0.1", "port": port, "transport": transport } })
}

/// A response to a request, with some lines of its own.
fn response(request: &[u8], status: &str, more: &str) -> Vec<u8> {
    let request = String::from_utf8_lossy(request).into_owned();
    let same = ["Via", "From", "To", "Call-ID", "CSeq"];
    let copied = request.lines().filter(|line| {
        same.iter()
            .any(|name| line.starts_with(&format!("{name}:")))
    });
    let copied: Vec<&str> = copied.collect();
    format!(
        "SIP/2.0 {status}\r\n{}\r\n{more}Content-Length: 0\r\n\r\n",
        copied.join("\r\n")
    )
    .into_bytes()
}

#[test]
fn an_answer_is_seen_by_udp_and_tcp() {
    let wanted = json!({ "answered": true, "code": 200, "reason": "Here", "server": "atelier" });
    let ringing = answering(|request| {
        vec![
            response(request, "100 Trying", ""),
            response(request, "200 Here", "Server: atelier\r\n"),
        ]
    });
    assert_eq!(see(sip(ringing, "udp"), &[]), wanted);
    let stream = serve(|mut stream| {
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let answer = response(&request[..length], "200 Here", "Server: atelier\r\n");
        // In two parts, as streams do.
        stream.write_all(&answer[..40]).unwrap();
        stream.flush().unwrap();
        stream.write_all(&answer[40..]).unwrap();
    });
    assert_eq!(see(sip(stream, "tcp"), &[]), wanted);
}

#[test]
fn a_wrong_password_ends_after_one_proof() {
    let challenge =
        "WWW-Authenticate: Digest realm=\"atelier.lan\", nonce=\"abc\", qop=\"auth\"\r\n";
    let port = answering(move |request| vec![response(request, "401 Unauthorized", challenge)]);
    let mut question = sip(port, "udp");
    question["sip"]["method"] = json!("register");
    question["sip"]["user"] = json!("101");
    question["sip"]["password"] = json!("wrong");
    let seen = see(question, &[]);
    assert_eq!(
        seen,
        json!({ "answered": true, "code": 401, "reason": "Unauthorized", "registered": false })
    );
}

#[test]
fn silence_is_seen_and_nonsense_is_not() {
    let none = json!({ "answered": false });
    assert_eq!(see(sip(unbound(), "udp"), &[]), none);
    assert_eq!(see(sip(closed(), "tcp"), &[]), none);
    let quiet = vec![
        (sip(mute(), "udp"), &[][..], 1500),
        (sip(silent(), "tcp"), &[], 1500),
    ];
    for answer in ask_all(quiet).answers {
        assert!(answer.took_ms < 1500, "{}", answer.took_ms);
        assert_eq!(inner(&seen(answer.fact)), none);
    }
    assert!(reason(ask(sip(nonsense(), "udp"), &[])).contains("cannot read"));
    let bomb = serve(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    assert!(reason(ask(sip(bomb, "tcp"), &[])).contains("larger than"));
    let liar = serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"SIP/2.0 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
    });
    assert!(reason(ask(sip(liar, "tcp"), &[])).contains("larger than"));
}
