//! A certificate's file.

question! {
    /// A file with X.509 certificates on the node, as PEM or DER. The first certificate is the one
    /// that is looked at; a file that holds none counts as not there.
    ///
    /// Whether a server shows it is another question: `tls`.
    CertificateCheck, CertificateQuestion, CertificateSeen;
    asks {
        /// Absolute path in the node.
        path: String,
        /// Path in the node of the private key, as PEM or DER, for `matches_key`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Path in the node of the authorities' certificates (PEM) for `trusted`; its
        /// `/etc/ssl/certs/ca-certificates.crt` where absent. A missing file is one without authorities.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    }
    sees {
        /// Whether a certificate stands there.
        exists: bool,
        /// Subject, such as `C=FR, O=Forge, CN=www.forge.lan`.
        subject: String,
        /// Issuer, written like the subject.
        issuer: String,
        /// DNS names and addresses that the certificate is for, sorted.
        names: Vec<String>,
        /// From when it is valid, such as `2026-11-24T08:00:00Z`.
        not_before: String,
        /// Until when it is valid, written likewise.
        not_after: String,
        /// Whole days until it expires; negative afterwards.
        days_left: i64,
        /// Whether subject and issuer are the same.
        self_signed: bool,
        /// Whether it may sign others, by its basic constraints.
        is_ca: bool,
        /// Kind of its key: `RSA`, `EC`, `Ed25519` or the identifier of another.
        key_type: String,
        /// Size of its key in bits; absent where the kind has no name here.
        key_bits: i64,
        /// Serial number in lower-case hexadecimal, two digits a byte with colons between.
        serial: String,
        /// SHA-256 of the certificate in lower-case hexadecimal.
        fingerprint: String,
        /// Number of certificates in the file; at most 100 are looked at.
        count: i64,
        /// Whether each certificate's issuer is the subject of the one after it, as in a server's
        /// file; also `true` for a single one.
        ordered: bool,
        /// Whether the private key belongs to the certificate; absent without `key`, and `false`
        /// where no key stands there.
        matches_key: bool,
        /// Whether it is a server's, valid now, and signed by one of the authorities or by way of
        /// the file's other certificates. Names are not looked at. A self-signed certificate is
        /// trusted where it stands in the authorities' file itself.
        trusted: bool,
    }
    or exists = true;
    example r#"certificate: { path: /etc/ssl/certs/www.pem, key: /etc/ssl/private/www.key, names: { contains: www.atelier.lan }, matches_key: true }"#;
}
