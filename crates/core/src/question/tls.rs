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
        /// Path, on the asking node, of the authorities' certificates (PEM) for `trusted`; its
        /// `/etc/ssl/certs/ca-certificates.crt` where absent. A missing file is one without authorities.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    }
    sees {
        /// Whether the handshake was completed within 5 seconds.
        connected: bool,
        /// `TLSv1.2` or `TLSv1.3`.
        version: String,
        /// Subject, such as `C=FR, O=Forge, CN=www.forge.lan`.
        subject: String,
        /// Issuer, written like the subject.
        issuer: String,
        /// DNS names and addresses that the certificate is for, sorted.
        names: Vec<String>,
        /// Whole days until it expires; negative afterwards.
        days_left: i64,
        /// Whether subject and issuer are the same.
        self_signed: bool,
        /// Whether the certificate is valid for the name, now, by the authorities.
        ///
        /// The name has to be among `names`: the common name does not count. A self-signed
        /// certificate is trusted where it stands in the authorities' file itself.
        trusted: bool,
    }
    or connected = true;
    example r#"tls: { host: www.atelier.lan, trusted: true, days_left: { at_least: 30 } }"#;
}

fn https_port() -> u16 {
    443
}
