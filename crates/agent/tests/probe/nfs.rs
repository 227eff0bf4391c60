//! File servers that say nothing, nonsense, or speak another version.

use std::io::Write;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::across::{closed, serve, silent};
use crate::ask::{ask, ask_all, inner, reason, seen};

fn question(host: &str, port: u16) -> Value {
    json!({ "nfs": { "host": host, "port": port, "export": "/srv" } })
}

#[test]
fn silence_nonsense_and_a_closed_port_export_nothing() {
    let nothing = json!({ "connected": false, "mounted": false });
    let bomb = serve(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    let zeros = serve(|mut stream| while stream.write_all(&[0; 4096]).is_ok() {});
    let gone = serve(drop);
    let ports = [closed(), silent(), bomb, zeros, gone];
    let asked = ports.map(|port| (question("127.0.0.1", port), &["exports"][..], 1500));
    for answer in ask_all(asked.to_vec()).answers {
        assert_eq!(inner(&seen(answer.fact)), nothing);
    }
}

#[test]
fn a_server_of_version_4_alone_cannot_be_looked_at() {
    // An address of its own, where the port may be a fixed one.
    let _listening = TcpListener::bind("127.0.4.1:2049").unwrap();
    let fact = ask(question("127.0.4.1", closed()), &[]);
    assert!(reason(fact).contains("version 3 of NFS is not offered"));
}
