//! Files of certificates: whole, disordered, foreign, outdated, garbage.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use serde_json::{Value, json};

use crate::ask::{ask, reason, see};

const ALL: &[&str] = &["matches_key", "trusted"];

/// A folder with an authority's `ca.pem`, its server's `www.pem` and `www.key`, and `both.pem`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "Forge CA");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let names = vec!["www.forge.lan".to_owned(), "10.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "www.forge.lan");
    params.not_before = date_time_ymd(2020, 1, 2);
    params.not_after = date_time_ymd(2999, 1, 1);
    params.serial_number = Some(vec![1, 0xab].into());
    let key = KeyPair::generate().unwrap();
    let www = params.signed_by(&key, &ca).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", &ca.pem());
    write("www.pem", &www.pem());
    write("both.pem", &format!("{}{}", www.pem(), ca.pem()));
    write("turned.pem", &format!("{}{}", ca.pem(), www.pem()));
    write("www.key", &key.serialize_pem());
    write("other.key", &KeyPair::generate().unwrap().serialize_pem());
    write(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    write("garbage", "no certificate at all");
    std::fs::write(folder.path().join("www.der"), www.der()).unwrap();
    folder
}

fn question(folder: &Path, file: &str, key: &str) -> Value {
    let path = |name: &str| folder.join(name).display().to_string();
    json!({ "certificate": { "path": path(file), "key": path(key), "ca": path("ca.pem") } })
}

#[test]
fn a_certificate_is_seen_with_all_that_stands_in_it() {
    let folder = folder();
    let seen = see(question(folder.path(), "both.pem", "www.key"), ALL);
    assert_eq!(seen["subject"], "CN=www.forge.lan");
    assert_eq!(seen["issuer"], "CN=Forge CA");
    assert_eq!(seen["names"], json!(["10.0.0.1", "www.forge.lan"]));
    assert_eq!(seen["not_before"], "2020-01-02T00:00:00Z");
    assert_eq!(seen["not_after"], "2999-01-01T00:00:00Z");
    assert!(seen["days_left"].as_i64().unwrap() > 300_000);
    assert_eq!(
        (&seen["self_signed"], &seen["is_ca"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(
        (&seen["key_type"], &seen["key_bits"]),
        (&json!("EC"), &json!(256))
    );
    assert_eq!(seen["serial"], "01:ab");
    assert_eq!(seen["fingerprint"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&seen["count"], &seen["ordered"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(
        (&seen["matches_key"], &seen["trusted"]),
        (&json!(true), &json!(true))
    );
    let der = see(question(folder.path(), "www.der", "www.key"), ALL);
    assert_eq!(der["fingerprint"], seen["fingerprint"]);
}

#[test]
fn what_is_wrong_with_a_certificate_is_seen() {
    let folder = folder();
    let turned = see(question(folder.path(), "turned.pem", "other.key"), ALL);
    assert_eq!(
        (&turned["subject"], &turned["ordered"]),
        (&json!("CN=Forge CA"), &json!(false))
    );
    assert_eq!(
        (&turned["is_ca"], &turned["matches_key"]),
        (&json!(true), &json!(false))
    );
    let mut foreign = question(folder.path(), "www.pem", "nothing.key");
    foreign["certificate"]["ca"] = json!(folder.path().join("nothing.pem"));
    let foreign = see(foreign, ALL);
    assert_eq!(
        (&foreign["matches_key"], &foreign["trusted"]),
        (&json!(false), &json!(false))
    );
    for missing in ["garbage", "nothing.pem", "."] {
        let seen = see(question(folder.path(), missing, "www.key"), ALL);
        assert_eq!(seen, json!({ "exists": false }), "{missing}");
    }
}

#[test]
fn what_cannot_be_read_cannot_be_looked_at() {
    let folder = folder();
    let locked = ask(question(folder.path(), "www.pem", "locked.key"), ALL);
    assert!(reason(locked).contains("is encrypted"));
    let huge = std::fs::File::create(folder.path().join("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let huge = ask(question(folder.path(), "huge", "www.key"), ALL);
    assert!(reason(huge).contains("is larger than"));
    let relative = ask(json!({ "certificate": { "path": "a.pem" } }), ALL);
    assert!(reason(relative).contains("not an absolute path"));
}
