//! Servers with a file, without one, and with one that never ends.

use serde_json::{Value, json};

use crate::ask::{ask, ask_all, inner, reason, see, seen};
use crate::datagrams::{answering, mute, nonsense, unbound};

fn tftp(port: u16) -> Value {
    json!({ "tftp": { "host": "127.0.0.1", "port": port, "path": "boot.cfg" } })
}

fn data(number: u16, bytes: &[u8]) -> Vec<u8> {
    [&[0, 3], number.to_be_bytes().as_slice(), bytes].concat()
}

/// The block that is due: the first for a request, the next for an acknowledgement.
fn due(packet: &[u8]) -> u16 {
    match packet[1] {
        1 => 1,
        _ => u16::from_be_bytes([packet[2], packet[3]]) + 1,
    }
}

#[test]
fn a_file_comes_with_and_without_options() {
    let file: Vec<u8> = (0..1200).map(|at| b'a' + (at % 26) as u8).collect();
    let whole = String::from_utf8(file.clone()).unwrap();
    let wanted = json!({ "answered": true, "exists": true, "content": whole, "size": 1200 });
    let of = file.clone();
    let plain = answering(move |packet| {
        let number = due(packet);
        let Some(block) = of.chunks(512).nth(usize::from(number) - 1) else {
            return vec![];
        };
        // A network that doubles packets must not double the file.
        vec![data(number, block), data(number, block)]
    });
    assert_eq!(see(tftp(plain), &[]), wanted);
    let agreeing = answering(move |packet| match packet[1] {
        1 => vec![b"\0\x06blksize\x00800\0tsize\x001200\0".to_vec()],
        _ => {
            let number = due(packet);
            let block = file.chunks(800).nth(usize::from(number) - 1);
            block.map(|block| data(number, block)).into_iter().collect()
        }
    });
    assert_eq!(see(tftp(agreeing), &[]), wanted);
}

#[test]
fn a_missing_file_is_the_server_s_word() {
    let port = answering(|_| vec![b"\0\x05\0\x01File not found\0".to_vec()]);
    assert_eq!(
        see(tftp(port), &[]),
        json!({ "answered": true, "exists": false, "error": "File not found" })
    );
}

#[test]
fn a_file_that_never_ends_is_cut_at_its_bound() {
    let port = answering(|packet| match packet[1] {
        1 | 4 => vec![data(due(packet), &[b'x'; 512])],
        _ => vec![],
    });
    let seen = see(tftp(port), &[]);
    assert_eq!(
        (&seen["exists"], &seen["size"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(seen["content"].as_str().unwrap().len(), 256 << 10);
}

#[test]
fn silence_is_seen_and_nonsense_is_not() {
    let none = json!({ "answered": false, "exists": false });
    assert_eq!(see(tftp(unbound()), &[]), none);
    // From the start, and in the middle of the file.
    let broken = answering(|packet| match due(packet) {
        1 => vec![data(1, &[b'x'; 512])],
        _ => vec![],
    });
    let silent = ask_all(vec![(tftp(mute()), &[], 1500), (tftp(broken), &[], 1500)]);
    let facts = silent.answers.into_iter().map(|answer| answer.fact);
    let facts: Vec<_> = facts.collect();
    assert_eq!(inner(&seen(facts[0].clone())), none);
    // It answered, and whether the file is there nobody can tell.
    assert!(reason(facts[1].clone()).contains("did not end"));
    assert!(reason(ask(tftp(nonsense()), &[])).contains("cannot read"));
    let huge = answering(|_| vec![b"\0\x06blksize\x0060000\0".to_vec()]);
    assert!(reason(ask(tftp(huge), &[])).contains("blocks of 60000 bytes"));
}
