//! Mail servers that refuse, say nothing, or say nonsense.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::across::{closed, serve, silent};
use crate::ask::{ask, ask_all, inner, reason, see, seen};

/// A server that greets, and answers each line by its first word.
fn scripted(answer: fn(&str) -> &'static str) -> u16 {
    serve(move |mut stream: TcpStream| {
        let _ = stream.write_all(b"220 mail ESMTP\r\n");
        let reader = BufReader::new(stream.try_clone().unwrap());
        for line in reader.lines().map_while(Result::ok) {
            let said = answer(line.split([' ', ':']).next().unwrap_or_default());
            if stream.write_all(said.as_bytes()).is_err() {
                break;
            }
        }
    })
}

fn question(port: u16, more: Value) -> Value {
    let mut question = json!({ "host": "127.0.0.1", "port": port, "from": "a@forge.lan", "to": "b@elsewhere.lan" });
    for (name, value) in more.as_object().unwrap() {
        question[name] = value.clone();
    }
    json!({ "mail": question })
}

fn mailbox(port: u16) -> Value {
    json!({ "imap": { "port": port, "user": "b", "password": "secret" } })
}

#[test]
fn a_server_that_does_not_relay_says_so() {
    let port = scripted(|word| match word {
        "EHLO" => "250-mail\r\n250 8BITMIME\r\n",
        "RCPT" => "554 5.7.1 Relay access denied\r\n",
        _ => "250 ok\r\n",
    });
    let refused = json!({
        "connected": true, "accepted": false, "code": 554, "reply": "5.7.1 Relay access denied",
    });
    assert_eq!(see(question(port, json!({})), &[]), refused);
    // What was not taken cannot arrive, and nobody looks for it.
    let seen = see(question(port, mailbox(closed())), &[]);
    assert_eq!(
        (&seen["opened"], &seen["delivered"]),
        (&json!(false), &json!(false))
    );
}

#[test]
fn what_is_accepted_is_not_delivered_where_no_mailbox_answers() {
    let port = scripted(|word| match word {
        "EHLO" => "250 mail\r\n",
        "DATA" => "354 go on\r\n",
        "MAIL" | "RCPT" | "." => "250 ok\r\n",
        "QUIT" => "221 bye\r\n",
        _ => "",
    });
    for mailbox_port in [closed(), silent()] {
        let asked = (
            question(port, mailbox(mailbox_port)),
            &["delivered"][..],
            1500,
        );
        let answers = ask_all(vec![asked]).answers;
        let seen = inner(&seen(answers[0].fact.clone()));
        assert_eq!(
            seen,
            json!({
                "connected": true, "accepted": true, "code": 250, "reply": "ok",
                "opened": false, "delivered": false,
            })
        );
    }
}

#[test]
fn a_wrong_password_and_a_missing_starttls_are_seen() {
    let port = scripted(|word| match word {
        "EHLO" => "250-mail\r\n250 AUTH PLAIN\r\n",
        "AUTH" => "535 5.7.8 authentication failed\r\n",
        _ => "250 ok\r\n",
    });
    let login = json!({ "user": "a", "password": "wrong" });
    let seen = see(question(port, login), &[]);
    assert_eq!(
        (&seen["accepted"], &seen["code"]),
        (&json!(false), &json!(535))
    );
    let seen = see(question(port, json!({ "tls": "starttls" })), &[]);
    assert_eq!(seen, json!({ "connected": false, "accepted": false }));
}

#[test]
fn silence_nonsense_and_a_closed_port_accept_nothing() {
    let nothing = json!({ "connected": false, "accepted": false });
    let bomb = serve(|mut stream| while stream.write_all(&[b'2'; 4096]).is_ok() {});
    let ports = [closed(), silent(), bomb];
    let tls = ["none", "starttls", "implicit"];
    let asked = ports
        .iter()
        .flat_map(|port| tls.map(|tls| (question(*port, json!({ "tls": tls })), &[][..], 1500)));
    for answer in ask_all(asked.collect()).answers {
        assert_eq!(inner(&seen(answer.fact)), nothing);
    }
}

#[test]
fn an_address_that_is_none_cannot_be_written_to() {
    let asked = question(closed(), json!({ "from": "a@b>\r\nDATA" }));
    assert!(reason(ask(asked, &[])).contains("is not a valid mail address"));
}
