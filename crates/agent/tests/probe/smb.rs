//! File servers of Windows networks that say nothing, or nonsense.

use std::io::Write;

use serde_json::{Value, json};

use crate::across::{closed, serve, silent};
use crate::ask::{ask_all, inner, seen};

fn question(port: u16) -> Value {
    json!({ "smb": {
        "host": "127.0.0.1", "port": port, "user": "alice", "password": "secret", "share": "commun",
    } })
}

#[test]
fn silence_nonsense_and_a_closed_port_let_nobody_in() {
    let nothing = json!({ "connected": false, "logged_in": false });
    let bomb = serve(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    let zeros = serve(|mut stream| while stream.write_all(&[0; 4096]).is_ok() {});
    let ports = [closed(), silent(), bomb, zeros];
    let asked = ports.map(|port| (question(port), &["entries"][..], 1500));
    for answer in ask_all(asked.to_vec()).answers {
        assert_eq!(inner(&seen(answer.fact)), nothing);
    }
}
