//! A file of a TFTP server.


question! {
    /// A read request to a TFTP server, in octet mode.
    TftpCheck, TftpQuestion, TftpSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 69 where absent.
        #[serde(default = "tftp_port")]
        port: u16,
        /// The file's path as the server knows it.
        path: String,
    }
    sees {
        /// Whether the server answers anything within 5 seconds, be it an error.
        answered: bool,
        /// Whether the file comes: whole, or its first 4 MiB.
        exists: bool,
        /// Content: its first 256 KiB, other than UTF-8 replaced.
        content: String,
        /// Size in bytes; absent where the file is larger than 4 MiB and the server does not say (RFC 2349).
        size: i64,
        /// The server's error message, such as `File not found`.
        error: String,
    }
    or exists = true;
    example r#"tftp: { host: 192.168.10.1, path: pxelinux.0, size: { at_least: 10000 } }"#;
}

fn tftp_port() -> u16 {
    69
}
