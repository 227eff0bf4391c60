//! Messages sent to this test, and looked for in its files.

use std::io::Read;
use std::net::UdpSocket;
use std::sync::mpsc;
use std::time::Duration;

use plateau_core::question::syslog::digest;
use serde_json::{Value, json};

use crate::across::{closed, serve};
use crate::ask::{ask_all, inner, see, seen};

const MARKER: &str = "plateau-0123456789abcdef0123456789abcdef";

fn send(port: u16, protocol: &str, format: &str) -> Value {
    json!({ "syslog": { "send": {
        "host": "127.0.0.1", "port": port, "protocol": protocol, "format": format,
        "priority": 36, "marker": MARKER,
    } } })
}

fn look(path: &std::path::Path) -> Value {
    json!({ "syslog": { "path": path, "digest": digest(MARKER) } })
}

#[test]
fn a_message_goes_out_in_both_formats() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut buffer = [0; 1024];
    let mut heard = |format| {
        assert_eq!(see(send(port, "udp", format), &[])["arrived"], true);
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let text = heard("rfc5424");
    let words: Vec<&str> = text.split(' ').collect();
    assert_eq!(
        (words.len(), words[0], words[7]),
        (8, "<36>1", MARKER),
        "{text}"
    );
    // RFC 5424, section 6.2.3: at most six digits of a second, and a zone.
    assert!(words[1].len() == 24 && words[1].ends_with('Z'), "{text}");
    let text = heard("rfc3164");
    assert!(
        text.starts_with("<36>") && text.ends_with(&format!(" plateau: {MARKER}")),
        "{text}"
    );

    let (sender, receiver) = mpsc::channel();
    let stream = serve(move |mut stream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        sender.send(text).unwrap();
    });
    assert_eq!(see(send(stream, "tcp", "rfc5424"), &[])["arrived"], true);
    let text = receiver.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(text.ends_with(&format!("{MARKER}\n")), "{text}");
    assert_eq!(see(send(closed(), "tcp", "rfc5424"), &[])["arrived"], false);
}

#[test]
fn a_message_is_found_wherever_it_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("2026/client.log");
    std::fs::create_dir_all(deep.parent().unwrap()).unwrap();
    std::fs::write(
        &deep,
        "Nov 1 client old: plateau-ffffffffffffffffffffffffffffffff\n",
    )
    .unwrap();
    let writing = deep.clone();
    let late = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(500));
        let mut file = std::fs::File::options().append(true).open(writing).unwrap();
        std::io::Write::write_all(&mut file, format!("Nov 2 client: {MARKER} x\n").as_bytes())
            .unwrap();
    });
    let seen = see(look(folder.path()), &[]);
    late.join().unwrap();
    assert_eq!(
        (&seen["arrived"], &seen["line"], &seen["files"]),
        (
            &json!(true),
            &json!(format!("Nov 2 client: {MARKER} x")),
            &json!([deep])
        )
    );
}

#[test]
fn what_is_not_a_file_and_what_is_endless_hold_up_no_search() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    let sparse = std::fs::File::create(folder.path().join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let missing = folder.path().join("missing");
    let questions = vec![
        (look(folder.path()), &[][..], 2000),
        (look(&missing), &[], 2000),
    ];
    for answer in ask_all(questions).answers {
        assert!(answer.took_ms < 2000, "{}", answer.took_ms);
        assert_eq!(inner(&seen(answer.fact))["arrived"], false);
    }
}
