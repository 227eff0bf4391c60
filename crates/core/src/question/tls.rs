//! A TLS handshake and the server's certificate.


question! {
    /// A TLS handshake and the certificate that the server shows, trusted or not.
    TlsCheck, TlsQuestion, TlsSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 443 where absent.
        #[serde(default = "https_port")]
        port: u16,
        /// Server name to ask for (SNI); `host` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Path, on the asking node, of the authority's certificate for `trusted`; its `/etc/ssl/certs/ca-certificates.crt` where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    }
    sees {
        /// Whether the handshake was completed.
        connected: bool,
        /// `TLSv1.2` or `TLSv1.3`.
        version: String,
        /// Subject, such as `CN=www.atelier.lan`.
        subject: String,
        /// Issuer, written like the subject.
        issuer: String,
        /// DNS names and addresses that the certificate is for, sorted.
        names: Vec<String>,
        /// Whole days until it expires; negative afterwards.
        days_left: i64,
        /// Whether subject and issuer are the same.
        self_signed: bool,
        /// Whether the certificate is valid for the name by the authority.
        trusted: bool,
    }
    or connected = true;
}

fn https_port() -> u16 {
    443
}
