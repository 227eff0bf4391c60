//! Every kind of question once.

use serde_json::{Value as Json, json};

/// One check of every kind with all its attributes, and an observation with values of the right types.
#[allow(
    clippy::too_many_lines,
    reason = "a table: a line a kind, as rustfmt breaks it"
)]
pub(super) fn vocabulary() -> Vec<(Json, Json)> {
    let is = |kind: &str, asks: Json, sees: Json| {
        let mut check = asks;
        for (name, value) in sees.as_object().expect("an object") {
            check[name] = value.clone();
        }
        (json!({ kind: check }), json!({ kind: sees }))
    };
    vec![
        is(
            "file",
            json!({"path": "/a"}),
            json!({"exists": true, "type": "file", "mode": "0644", "owner": "root", "group": "root", "size": 3, "target": "x", "content": "abc", "sha256": "00"}),
        ),
        is(
            "package",
            json!({"name": "nginx"}),
            json!({"installed": true, "version": "1-2"}),
        ),
        is(
            "service",
            json!({"name": "nginx"}),
            json!({"exists": true, "running": true, "enabled": true, "state": "active", "unit_file": "enabled"}),
        ),
        is(
            "process",
            json!({"name": "nginx"}),
            json!({"running": true, "count": 2, "users": ["root"], "commands": ["nginx -g"]}),
        ),
        is(
            "port",
            json!({"number": 80}),
            json!({"listening": true, "addresses": ["::"], "programs": ["nginx"]}),
        ),
        is(
            "user",
            json!({"name": "a"}),
            json!({"exists": true, "uid": 1, "group": "a", "groups": ["b"], "home": "/", "shell": "/bin/sh", "comment": "", "password": "set"}),
        ),
        is(
            "group",
            json!({"name": "a"}),
            json!({"exists": true, "gid": 1, "members": ["a"]}),
        ),
        is(
            "mount",
            json!({"path": "/"}),
            json!({"mounted": true, "source": "x", "type": "tmpfs", "options": ["rw"], "at_boot": true}),
        ),
        is(
            "interface",
            json!({"name": "eth0"}),
            json!({"exists": true, "up": true, "carrier": true, "mac": "02:00:00:00:00:01", "mtu": 1500}),
        ),
        is(
            "address",
            json!({"interface": "eth0"}),
            json!({"assigned": true, "ipv4": ["10.0.0.1/8"], "ipv6": []}),
        ),
        is(
            "route",
            json!({"to": "default"}),
            json!({"exists": true, "via": "10.0.0.1", "interface": "eth0", "metric": 0}),
        ),
        is(
            "resolver",
            json!({}),
            json!({"configured": true, "nameservers": ["10.0.0.1"], "search": ["lan"]}),
        ),
        is(
            "sysctl",
            json!({"key": "a.b"}),
            json!({"exists": true, "value": "1"}),
        ),
        (
            json!({"schedule": {"kind": "cron", "when": "@daily", "user": "root", "command": "x"}}),
            json!({"schedule": {"jobs": [{"kind": "cron", "source": "/etc/crontab", "when": "@daily", "user": "root", "command": "x"}]}}),
        ),
        is(
            "command",
            json!({"run": "true"}),
            json!({"exit": 0, "stdout": "", "stderr": ""}),
        ),
        is(
            "ping",
            json!({"host": "10.0.0.1"}),
            json!({"reachable": true, "loss": 0, "rtt": 1}),
        ),
        is(
            "tcp",
            json!({"host": "10.0.0.1", "port": 80}),
            json!({"state": "open", "banner": ""}),
        ),
        is(
            "dns",
            json!({"name": "a.lan"}),
            json!({"answered": true, "code": "NOERROR", "answers": ["10.0.0.1"], "authoritative": true}),
        ),
        is(
            "http",
            json!({"url": "http://a/"}),
            json!({"answered": true, "status": 200, "headers": ["a: b"], "body": "x", "trusted": true}),
        ),
        is(
            "tls",
            json!({"host": "a"}),
            json!({"connected": true, "version": "TLSv1.3", "subject": "CN=a", "issuer": "CN=b", "names": ["a"], "days_left": 9, "self_signed": false, "trusted": true}),
        ),
        is(
            "ssh",
            json!({"host": "a", "user": "b"}),
            json!({"logged_in": true, "methods": ["publickey"], "exit": 0, "stdout": "", "host_key": "SHA256:x"}),
        ),
        is(
            "mail",
            json!({"host": "a", "from": "b@a", "to": "c@a", "imap": {"user": "c", "password": "d"}}),
            json!({"connected": true, "accepted": true, "code": 250, "reply": "ok", "opened": true, "delivered": true, "seconds": 1, "headers": ["to: c@a"], "trusted": true}),
        ),
        is(
            "ldap",
            json!({"host": "a", "base": "dc=a"}),
            json!({"connected": true, "trusted": true, "bound": true, "code": 0, "count": 1, "entries": ["dn: dc=a"]}),
        ),
        is(
            "sql",
            json!({"engine": "postgresql", "host": "a", "user": "b", "statement": "SELECT 1"}),
            json!({"connected": true, "logged_in": true, "ran": true, "code": "42501", "error": "x", "columns": ["a"], "types": ["int4"], "rows": ["1"], "count": 1}),
        ),
        is(
            "smb",
            json!({"host": "a", "share": "b"}),
            json!({"connected": true, "logged_in": true, "shares": ["b"], "opened": true, "exists": true, "type": "directory", "readable": true, "entries": ["c"], "content": "d", "writable": true}),
        ),
        is(
            "nfs",
            json!({"host": "a", "export": "/b"}),
            json!({"connected": true, "exports": ["/b"], "clients": ["*"], "mounted": true, "exists": true, "type": "directory", "readable": true, "entries": ["c"], "content": "d", "writable": true}),
        ),
    ]
}
