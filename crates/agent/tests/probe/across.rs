//! What the probe sees of servers: open, refusing, silent, and talking nonsense.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, MX, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use plateau_core::probe::Fact;
use serde_json::{Value, json};

use crate::ask::{ask, ask_all, inner, reason, see, seen};

/// A server that does the same with each connection, and its port.
pub(crate) fn serve(each: impl Fn(std::net::TcpStream) + Send + Sync + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
    port
}

/// A server that accepts and never says a word.
pub(crate) fn silent() -> u16 {
    serve(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// A port on which nobody listens.
pub(crate) fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn tcp(host: &str, port: u16) -> Value {
    json!({ "tcp": { "host": host, "port": port } })
}

#[test]
fn a_port_is_open_with_its_banner_refused_or_unresolved() {
    let talks = serve(|mut stream| stream.write_all(b"220 mail\r\n").unwrap());
    let seen = see(tcp("127.0.0.1", talks), &["banner"]);
    assert_eq!(seen, json!({ "state": "open", "banner": "220 mail\r\n" }));
    // `/etc/hosts` is read before any server is asked.
    assert_eq!(
        see(tcp("localhost", talks), &[]),
        json!({ "state": "open" })
    );
    let seen = see(tcp("127.0.0.1", silent()), &["banner"]);
    assert_eq!(seen, json!({ "state": "open", "banner": "" }));
    let seen = see(tcp("127.0.0.1", closed()), &["banner"]);
    assert_eq!(seen, json!({ "state": "refused" }));
    let seen = see(tcp("no-such-host.invalid", 80), &[]);
    assert_eq!(seen, json!({ "state": "unresolved" }));
}

#[test]
fn a_banner_is_cut_at_its_bound() {
    let bomb = serve(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    let seen = see(tcp("127.0.0.1", bomb), &["banner"]);
    assert_eq!(seen["banner"].as_str().unwrap().len(), 1 << 10);
}

#[test]
fn the_loopback_address_answers_pings() {
    let seen = see(json!({ "ping": { "host": "127.0.0.1" } }), &[]);
    assert_eq!(
        (&seen["reachable"], &seen["loss"]),
        (&json!(true), &json!(0))
    );
    assert!(seen["rtt"].as_i64().unwrap() >= 1);
    let seen = see(json!({ "ping": { "host": "no-such-host.invalid" } }), &[]);
    assert_eq!(seen, json!({ "reachable": false }));
}

#[test]
fn silence_is_an_observation_that_comes_before_the_limit() {
    let port = silent();
    let url = format!("http://127.0.0.1:{port}/");
    let host = json!("127.0.0.1");
    let questions = [
        json!({ "http": { "url": url } }),
        json!({ "tls": { "host": host, "port": port } }),
        json!({ "ssh": { "host": host, "port": port, "user": "a", "password": "b" } }),
    ];
    let started = Instant::now();
    let wants: &[&str] = &[];
    let questions = questions.map(|question| (question, wants, 1500)).to_vec();
    let answers = ask_all(questions).answers;
    assert!(started.elapsed() < Duration::from_secs(3));
    let seen: Vec<_> = answers
        .into_iter()
        .map(|answer| inner(&seen(answer.fact)))
        .collect();
    assert_eq!(seen[0], json!({ "answered": false }));
    assert_eq!(seen[1], json!({ "connected": false }));
    assert_eq!(seen[2], json!({ "logged_in": false }));
}

/// A name server that knows `forge.lan` and cuts every text over UDP.
fn name_server() -> String {
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = datagrams.local_addr().unwrap();
    let streams = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = datagrams.recv_from(&mut buffer) {
            let mut answer = answer_to(&buffer[..length]);
            if answer.queries[0].query_type() == RecordType::TXT {
                answer.answers.clear();
                answer.metadata.truncation = true;
            }
            let _ = datagrams.send_to(&answer.to_vec().unwrap(), from);
        }
    });
    thread::spawn(move || {
        for mut stream in streams.incoming().flatten() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            let answer = answer_to(&query).to_vec().unwrap();
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &answer].concat()).unwrap();
            let _ = stream.read(&mut [0]);
        }
    });
    address.to_string()
}

fn answer_to(query: &[u8]) -> Message {
    let mut message = Message::from_vec(query).unwrap();
    message.metadata.message_type = MessageType::Response;
    message.metadata.authoritative = true;
    let query = message.queries[0].clone();
    let name = query.name().to_string();
    let zone = |text: &str| Name::from_str(text).unwrap();
    let data = match (name.as_str(), query.query_type()) {
        ("www.forge.lan.", RecordType::A) => {
            vec![RData::A(A::new(10, 0, 0, 7)), RData::A(A::new(10, 0, 0, 5))]
        }
        ("forge.lan.", RecordType::MX) => vec![RData::MX(MX::new(10, zone("mail.forge.lan.")))],
        ("forge.lan.", RecordType::TXT) => {
            vec![RData::TXT(TXT::new(vec![
                "v=spf1 mx".into(),
                " -all".into(),
            ]))]
        }
        ("5.0.0.10.in-addr.arpa.", RecordType::PTR) => {
            vec![RData::PTR(hickory_proto::rr::rdata::PTR(zone(
                "www.forge.lan.",
            )))]
        }
        ("forge.lan." | "www.forge.lan.", _) => Vec::new(),
        ("elsewhere.example.", _) => {
            message.metadata.response_code = ResponseCode::Refused;
            Vec::new()
        }
        _ => {
            message.metadata.response_code = ResponseCode::NXDomain;
            Vec::new()
        }
    };
    for data in data {
        message.add_answer(Record::from_rdata(query.name().clone(), 60, data));
    }
    message
}

#[test]
fn a_name_server_is_seen_with_codes_and_sorted_records() {
    let server = name_server();
    let dns = |name: &str, kind: &str| {
        see(
            json!({ "dns": { "name": name, "type": kind, "server": server } }),
            &[],
        )
    };
    let seen = dns("www.forge.lan", "A");
    assert_eq!(seen["answers"], json!(["10.0.0.5", "10.0.0.7"]));
    assert_eq!(
        (&seen["code"], &seen["authoritative"]),
        (&json!("NOERROR"), &json!(true))
    );
    assert_eq!(
        dns("forge.lan.", "MX")["answers"],
        json!(["10 mail.forge.lan"])
    );
    // Cut over UDP, and asked again over TCP.
    assert_eq!(
        dns("forge.lan", "TXT")["answers"],
        json!(["v=spf1 mx -all"])
    );
    assert_eq!(dns("10.0.0.5", "PTR")["answers"], json!(["www.forge.lan"]));
    let none = dns("forge.lan", "AAAA");
    assert_eq!(
        (&none["answered"], &none["code"]),
        (&json!(false), &json!("NOERROR"))
    );
    assert_eq!(dns("nowhere.lan", "A")["code"], "NXDOMAIN");
    assert_eq!(dns("elsewhere.example", "A")["code"], "REFUSED");
}

#[test]
fn a_name_server_that_keeps_silent_has_no_code() {
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = deaf.local_addr().unwrap().to_string();
    let question = json!({ "dns": { "name": "forge.lan", "server": server } });
    let answers = ask_all(vec![(question, &[], 1200)]).answers;
    assert_eq!(
        inner(&seen(answers[0].fact.clone())),
        json!({ "answered": false })
    );
}

#[test]
fn a_question_to_dns_that_makes_no_sense_cannot_be_asked() {
    let question = json!({ "dns": { "name": "a.lan", "type": "NONSENSE", "server": "127.0.0.1" } });
    assert!(reason(ask(question, &[])).contains("is not a valid record type"));
    let question = json!({ "dns": { "name": "a.lan", "server": "ns1.lan" } });
    assert!(reason(ask(question, &[])).contains("is not a valid server address"));
}

/// Answers whose records say that they are longer, or more, than what was sent.
#[test]
fn a_name_server_that_lies_about_lengths_makes_nothing_pass() {
    for lie in [
        // Name by pointer, A, IN, a time to live, and 65535 bytes of which four come.
        &b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\xff\xff\x0a\x00\x00\x01"[..],
        // A name that points to itself.
        &b"\xc0\x1d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"[..],
        // No record at all where one is announced.
        &b""[..],
    ] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = server.recv_from(&mut buffer) {
                let mut answer = buffer[..length].to_vec();
                // A response, with one record and no other sections.
                answer[2] |= 0x80;
                answer[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
                answer.truncate(12 + "\x01a\x03lan\x00".len() + 4);
                answer.extend_from_slice(lie);
                let _ = server.send_to(&answer, from);
            }
        });
        let question = json!({ "dns": { "name": "a.lan", "type": "A", "server": address } });
        let begun = Instant::now();
        match ask(question, &[]) {
            Fact::CouldNotLook { .. } => {}
            Fact::Seen(observation) => {
                assert_eq!(inner(&observation)["answered"], false, "{observation:?}");
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
