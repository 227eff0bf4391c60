//! An HTTP request.

use std::collections::BTreeMap;


question! {
    /// An HTTP or HTTPS request. Redirects are not followed.
    HttpCheck, HttpQuestion, HttpSeen;
    asks {
        /// `http://` or `https://` URL.
        url: String,
        /// Method; `GET` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// Request headers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        request_headers: BTreeMap<String, String>,
        /// Address or name to connect to instead of the one that the URL's host resolves to; the port stays the URL's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connect: Option<String>,
        /// Path, on the asking node, of the authorities' certificates (PEM) for `trusted`; its
        /// `/etc/ssl/certs/ca-certificates.crt` where absent. A missing file is one without authorities.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    }
    sees {
        /// Whether a whole response (or its first 256 KiB) came back within 5 seconds. Where it broke off, `status` and `headers` may be there without it.
        answered: bool,
        /// Status code.
        status: i64,
        /// Response headers as `name: value`, names in lower case, sorted.
        headers: Vec<String>,
        /// Body: its first 256 KiB, other than UTF-8 replaced.
        body: String,
        /// Whether the certificate is valid for the host, now, by the authorities; absent without TLS.
        ///
        /// The host has to be among the alternative names: the common name does not count. A
        /// self-signed certificate is trusted where it stands in the authorities' file itself.
        trusted: bool,
    }
    or answered = true;
    example r#"http: { url: "http://www.atelier.lan/", status: 200, body: { contains: Bienvenue } }"#;
}
