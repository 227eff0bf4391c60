//! HTTP and TLS: certificates that are trusted, self-signed, foreign, outdated.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::across::{closed, serve};
use crate::ask::{ask, reason, see};

const NAME: &str = "www.forge.lan";

fn read_request(stream: &mut impl std::io::Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn page(request: &str) -> Vec<u8> {
    let line = request.lines().next().unwrap_or_default().to_owned();
    let body = match line.split(' ').nth(1) {
        Some("/huge") => "x".repeat(1 << 20),
        Some(_) | None => request.to_owned(),
    };
    let status = if line.contains("/moved") {
        "302 Found"
    } else {
        "200 OK"
    };
    format!(
        "HTTP/1.1 {status}\r\nX-Exam: yes\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn http(mut question: Value, url: String) -> Value {
    question["url"] = json!(url);
    see(json!({ "http": question }), &[])
}

#[test]
fn a_page_is_seen_with_status_headers_and_body() {
    let port = serve(|mut stream| {
        let request = read_request(&mut stream);
        let _ = stream.write_all(&page(&request));
    });
    let question =
        json!({ "method": "POST", "request_headers": { "X-Asked": "1" }, "connect": "127.0.0.1" });
    let seen = http(question, format!("http://www.forge.lan:{port}/a?b"));
    assert_eq!(
        (&seen["answered"], &seen["status"]),
        (&json!(true), &json!(200))
    );
    assert!(
        seen["headers"]
            .as_array()
            .unwrap()
            .contains(&json!("x-exam: yes"))
    );
    let body = seen["body"].as_str().unwrap();
    assert!(body.starts_with("POST /a?b HTTP/1.1\r\n"));
    assert!(body.contains("x-asked: 1"));
    assert!(body.contains(&format!("host: www.forge.lan:{port}")));
    assert_eq!(seen["trusted"], Value::Null);

    let seen = http(json!({}), format!("http://127.0.0.1:{port}/moved"));
    assert_eq!(seen["status"], 302);
    let seen = http(json!({}), format!("http://127.0.0.1:{port}/huge"));
    assert_eq!(seen["body"].as_str().unwrap().len(), 256 << 10);
}

#[test]
fn no_answer_half_an_answer_and_nonsense_are_not_whole_answers() {
    let none = json!({ "answered": false });
    assert_eq!(
        http(json!({}), format!("http://127.0.0.1:{}/", closed())),
        none
    );
    assert_eq!(
        http(json!({}), "http://no-such-host.invalid/".to_owned()),
        none
    );
    let nonsense = serve(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-nonsense\r\n\r\n");
    });
    assert_eq!(
        http(json!({}), format!("http://127.0.0.1:{nonsense}/")),
        none
    );
    let half = serve(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    let seen = http(json!({}), format!("http://127.0.0.1:{half}/"));
    assert_eq!(
        (&seen["answered"], &seen["status"]),
        (&json!(false), &json!(200))
    );
    let fact = ask(json!({ "http": { "url": "ftp://forge.lan/" } }), &[]);
    assert!(reason(fact).contains("neither http nor https"));
}

/// A TLS server on a port of its own that shows this certificate.
fn secure(certificate: CertificateDer<'static>, key: &KeyPair) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    serve(move |mut stream| {
        let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut stream);
        let request = read_request(&mut stream);
        let _ = stream.write_all(&page(&request));
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params
}

fn bundle(folder: &tempfile::TempDir, pem: &str) -> PathBuf {
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    path
}

fn tls(port: u16, ca: &std::path::Path) -> Value {
    see(
        json!({ "tls": { "host": "127.0.0.1", "port": port, "name": NAME, "ca": ca } }),
        &[],
    )
}

#[test]
fn a_certificate_of_the_authority_is_trusted_for_its_names_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(DnType::CommonName, "Forge CA");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let ca = bundle(&folder, &authority.pem());
    let key = KeyPair::generate().unwrap();

    let made = params(&[NAME, "forge.lan", "10.0.0.5"])
        .signed_by(&key, &authority)
        .unwrap();
    let port = secure(made.der().clone(), &key);
    let seen = tls(port, &ca);
    assert_eq!(seen["connected"], true);
    assert_eq!(seen["version"], "TLSv1.3");
    assert_eq!(seen["subject"], "CN=www.forge.lan");
    assert_eq!(seen["issuer"], "CN=Forge CA");
    assert_eq!(seen["names"], json!(["10.0.0.5", "forge.lan", NAME]));
    assert_eq!(
        (&seen["self_signed"], &seen["trusted"]),
        (&json!(false), &json!(true))
    );
    assert!(seen["days_left"].as_i64().unwrap() > 365);
    assert_eq!(tls(port, "/nonexistent".as_ref())["trusted"], false);

    let question = json!({ "connect": "127.0.0.1", "ca": ca });
    let seen = http(question.clone(), format!("https://{NAME}:{port}/"));
    assert_eq!(
        (&seen["answered"], &seen["trusted"]),
        (&json!(true), &json!(true))
    );
    let seen = http(question, format!("https://other.lan:{port}/"));
    assert_eq!(
        (&seen["answered"], &seen["trusted"]),
        (&json!(true), &json!(false))
    );

    let mut outdated = params(&[NAME]);
    outdated.not_before = date_time_ymd(2020, 1, 1);
    outdated.not_after = date_time_ymd(2021, 1, 1);
    let made = outdated.signed_by(&key, &authority).unwrap();
    let seen = tls(secure(made.der().clone(), &key), &ca);
    assert_eq!(
        (&seen["connected"], &seen["trusted"]),
        (&json!(true), &json!(false))
    );
    assert!(seen["days_left"].as_i64().unwrap() < -365);
}

#[test]
fn a_self_signed_authority_is_trusted_where_it_was_installed_itself() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    // What `openssl req -x509` makes.
    let mut usual = params(&[NAME]);
    usual.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let made = usual.self_signed(&key).unwrap();
    let port = secure(made.der().clone(), &key);
    let seen = tls(port, &bundle(&folder, &made.pem()));
    assert_eq!(
        (&seen["self_signed"], &seen["trusted"]),
        (&json!(true), &json!(true))
    );

    let other = params(&[NAME])
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap();
    let seen = tls(port, &bundle(&folder, &other.pem()));
    assert_eq!(
        (&seen["connected"], &seen["trusted"]),
        (&json!(true), &json!(false))
    );

    // A common name alone does not count.
    let mut nameless = params(&[]);
    nameless.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let made = nameless.self_signed(&key).unwrap();
    let seen = tls(
        secure(made.der().clone(), &key),
        &bundle(&folder, &made.pem()),
    );
    assert_eq!(
        (&seen["names"], &seen["trusted"]),
        (&json!([]), &json!(false))
    );
}

#[test]
fn what_speaks_no_tls_is_not_connected() {
    let plain = serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let question = json!({ "tls": { "host": "127.0.0.1", "port": plain } });
    assert_eq!(see(question, &[]), json!({ "connected": false }));
    let question = json!({ "tls": { "host": "127.0.0.1", "port": closed() } });
    assert_eq!(see(question, &[]), json!({ "connected": false }));
    let fact = ask(
        json!({ "tls": { "host": "127.0.0.1", "name": "no name" } }),
        &[],
    );
    assert!(reason(fact).contains("is not a valid server name"));
}
