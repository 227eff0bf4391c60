//! Directories that refuse, say nothing, or say nonsense.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::across::{closed, serve, silent};
use crate::ask::{ask, ask_all, inner, reason, see, seen};

fn question(port: u16, more: Value) -> Value {
    let mut question = json!({ "host": "127.0.0.1", "port": port });
    for (name, value) in more.as_object().unwrap() {
        question[name] = value.clone();
    }
    json!({ "ldap": question })
}

#[test]
fn a_refused_bind_has_the_servers_code() {
    // Message 1, BindResponse: invalidCredentials, no matched name, no text (RFC 4511, 4.2.2).
    let port = serve(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let refusal = [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 49, 4, 0, 4, 0];
        let _ = stream.write_all(&refusal);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let asked = question(
        port,
        json!({ "dn": "cn=admin", "password": "wrong", "base": "dc=a" }),
    );
    assert_eq!(
        see(asked, &["count"]),
        json!({ "connected": true, "bound": false, "code": 49 })
    );
}

#[test]
fn silence_nonsense_and_a_closed_port_bind_nobody() {
    let nothing = json!({ "connected": false, "bound": false });
    let bomb = serve(|mut stream| while stream.write_all(&[b'0'; 4096]).is_ok() {});
    // The start of a message of four gigabytes.
    let endless = serve(|mut stream| {
        let _ = stream.write_all(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]);
        while stream.write_all(&[4; 4096]).is_ok() {}
    });
    let ports = [closed(), silent(), bomb, endless];
    let tls = ["none", "starttls", "implicit"];
    let asked = ports
        .iter()
        .flat_map(|port| tls.map(|tls| (question(*port, json!({ "tls": tls })), &[][..], 1500)));
    for answer in ask_all(asked.collect()).answers {
        assert_eq!(inner(&seen(answer.fact)), nothing);
    }
}

#[test]
fn what_cannot_be_asked_is_not_asked() {
    let asked = question(closed(), json!({ "filter": "(uid=alice" }));
    assert!(reason(ask(asked, &[])).contains("is not a valid filter"));
    let asked = question(closed(), json!({ "dn": "cn=admin", "password": "" }));
    assert!(reason(ask(asked, &[])).contains("without a password"));
}
