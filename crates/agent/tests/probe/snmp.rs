//! Agents that answer, repeat themselves, or say nothing of use.

use serde_json::{Value, json};

use crate::ask::{ask, ask_all, inner, reason, see, seen};
use crate::datagrams::{answering, mute, nonsense, unbound};

fn snmp(port: u16) -> Value {
    json!({ "snmp": { "host": "127.0.0.1", "port": port, "oid": "1.3.6.1.2.1.1.5.0" } })
}

/// The request as its own response (RFC 3416: their shapes are the same), and no error in it.
fn echo(request: &[u8]) -> Vec<u8> {
    let mut answer = request.to_vec();
    let at = answer
        .iter()
        .position(|byte| [0xa0, 0xa5].contains(byte))
        .unwrap();
    answer[at] = 0xa2;
    // The repetitions of a bulk request stand where a response has the index of its error.
    for window in at..answer.len() - 3 {
        if answer[window..].starts_with(&[2, 1, 20]) {
            answer[window + 2] = 0;
        }
    }
    answer
}

#[test]
fn an_agent_s_answer_is_seen() {
    let seen = see(snmp(answering(|request| vec![echo(request)])), &[]);
    assert_eq!(
        seen,
        json!({
            "answered": true, "authorized": true, "exists": true,
            "value": "", "type": "null", "values": [""],
        })
    );
}

#[test]
fn an_agent_that_repeats_itself_is_not_walked_for_ever() {
    let mut question = snmp(answering(|request| vec![echo(request)]));
    question["snmp"]["walk"] = json!(true);
    let seen = see(question, &[]);
    assert_eq!(
        (&seen["answered"], &seen["exists"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn silence_is_seen_and_nonsense_is_not() {
    let none = json!({ "answered": false });
    assert_eq!(see(snmp(unbound()), &[]), none);
    let mut with_user = snmp(mute());
    with_user["snmp"]["user"] = json!({ "name": "eva", "auth_password": "secret99" });
    let silent = ask_all(vec![(snmp(mute()), &[], 1500), (with_user, &[], 1500)]);
    for answer in silent.answers {
        assert!(answer.took_ms < 1500, "{}", answer.took_ms);
        assert_eq!(inner(&seen(answer.fact)), none);
    }
    assert!(reason(ask(snmp(nonsense()), &[])).contains("cannot read"));
}
