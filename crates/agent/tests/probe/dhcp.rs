//! Where nobody can be asked for an address; servers are asked in labs.

use serde_json::json;

use crate::ask::{ask, reason};

#[test]
fn an_interface_that_is_not_there_cannot_be_asked_from() {
    let question = json!({ "dhcp": { "interface": "nowhere0" } });
    assert!(reason(ask(question, &[])).contains("no interface named `nowhere0`"));
}
