//! Database servers that refuse, say nothing, or say nonsense.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::across::{closed, serve, silent};
use crate::ask::{ask_all, inner, see, seen};

fn question(engine: &str, port: u16, tls: bool) -> Value {
    json!({ "sql": {
        "engine": engine, "host": "127.0.0.1", "port": port, "user": "shop", "password": "wrong",
        "statement": "SELECT 1", "tls": tls,
    } })
}

#[test]
fn a_refused_log_in_has_the_servers_code() {
    let postgresql = serve(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let fields = b"SFATAL\0VFATAL\0C28P01\0Mno entry\0\0";
        let length = u32::try_from(fields.len() + 4).unwrap();
        let _ = stream.write_all(&[&b"E"[..], &length.to_be_bytes(), fields].concat());
    });
    let refused = |code: &str, error: &str| json!({ "connected": true, "logged_in": false, "ran": false, "code": code, "error": error });
    let seen = see(question("postgresql", postgresql, false), &[]);
    assert_eq!(seen, refused("28P01", "no entry"));

    let mariadb = serve(|mut stream| {
        let text = [&b"\xff\x6a\x04"[..], b"no entry from there"].concat();
        let length = u8::try_from(text.len()).unwrap();
        let _ = stream.write_all(&[&[length, 0, 0, 0][..], &text].concat());
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let seen = see(question("mariadb", mariadb, false), &[]);
    assert_eq!(seen, refused("1130", "no entry from there"));
}

#[test]
fn silence_nonsense_and_a_closed_port_run_nothing() {
    let nothing = json!({ "connected": false, "logged_in": false, "ran": false });
    let bomb = serve(|mut stream| while stream.write_all(&[b'S'; 4096]).is_ok() {});
    let zeros = serve(|mut stream| while stream.write_all(&[0; 4096]).is_ok() {});
    let mut asked = Vec::new();
    for port in [closed(), silent(), bomb, zeros] {
        asked.push((question("postgresql", port, false), &["types"][..], 1500));
        asked.push((question("postgresql", port, true), &[][..], 1500));
        asked.push((question("mariadb", port, false), &[][..], 1500));
    }
    for answer in ask_all(asked).answers {
        assert_eq!(inner(&seen(answer.fact)), nothing);
    }
}
