//! Servers that refuse, fall silent, or talk nonsense; real ones are asked in labs.

use std::io::{BufRead, BufReader, Write};

use serde_json::{Value, json};

use crate::across::{closed, serve, silent};
use crate::ask::{ask_all, inner, see, seen};

fn ftp(port: u16, tls: &str) -> Value {
    json!({ "ftp": { "host": "127.0.0.1", "port": port, "tls": tls, "user": "alice", "password": "secret" } })
}

/// A server that says one line after another, each after the client's.
fn reciting(lines: &'static [&'static str]) -> u16 {
    serve(move |mut stream| {
        let mut client = BufReader::new(stream.try_clone().unwrap());
        for line in lines {
            let _ = stream.write_all(line.as_bytes());
            let _ = client.read_line(&mut String::new());
        }
        let _ = client.read_line(&mut String::new());
    })
}

#[test]
fn a_log_in_that_is_refused_is_told_from_a_server_that_is_not_there() {
    let none = json!({ "connected": false, "logged_in": false });
    let refused = json!({ "connected": true, "logged_in": false });
    for tls in ["none", "explicit", "implicit"] {
        assert_eq!(see(ftp(closed(), tls), &[]), none, "{tls}");
    }
    let strict = reciting(&["220 here\r\n", "331 password\r\n", "530 no\r\n"]);
    assert_eq!(see(ftp(strict, "none"), &[]), refused);
    let plain = reciting(&["220 here\r\n", "502 no TLS\r\n"]);
    assert_eq!(see(ftp(plain, "explicit"), &[]), none);
}

#[test]
fn neither_silence_nor_endless_talk_holds_up_the_probe() {
    let bomb = serve(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    let lines = serve(|mut stream| while stream.write_all(b"220-more\r\n").is_ok() {});
    let stuck = reciting(&["220 here\r\n", ""]);
    let questions = vec![
        (ftp(silent(), "none"), &[][..], 2000),
        (ftp(silent(), "implicit"), &[], 2000),
        (ftp(bomb, "none"), &[], 2000),
        (ftp(lines, "none"), &[], 2000),
        (ftp(stuck, "none"), &[], 2000),
    ];
    let answers = ask_all(questions).answers;
    for (answer, connected) in answers.into_iter().zip([false, false, false, false, true]) {
        assert!(answer.took_ms < 2000, "{}", answer.took_ms);
        assert_eq!(
            inner(&seen(answer.fact)),
            json!({ "connected": connected, "logged_in": false })
        );
    }
}
