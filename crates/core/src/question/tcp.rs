//! A TCP connection.


question! {
    /// An attempt to open a TCP connection.
    TcpCheck, TcpQuestion, TcpSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number.
        port: u16,
    }
    sees {
        /// `open`, `refused` (a reset came back), `filtered` (nothing, or an ICMP error, came back) or
        /// `unresolved` (the asking node finds no address for the host).
        state: String,
        /// What the server says first within two seconds: at most 1 KiB; empty where it waits for us.
        banner: String,
    }
    or state = "open";
    example r#"tcp: { host: 192.168.10.1, port: 23, state: { one_of: [refused, filtered] } }"#;
}
