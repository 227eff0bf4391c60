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
        /// Address to connect to instead of the one that the URL's host resolves to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connect: Option<String>,
        /// Path, on the asking node, of the authority's certificate for `trusted`; its `/etc/ssl/certs/ca-certificates.crt` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    }
    sees {
        /// Whether a whole response came back.
        answered: bool,
        /// Status code.
        status: i64,
        /// Response headers as `name: value`, names in lower case, sorted.
        headers: Vec<String>,
        /// Body: its first 256 KiB, other than UTF-8 replaced.
        body: String,
        /// Whether the certificate is valid for the host by the authority; absent without TLS.
        trusted: bool,
    }
    or answered = true;
}
