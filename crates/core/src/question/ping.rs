//! ICMP echo.


question! {
    /// ICMP echo requests to a host.
    PingCheck, PingQuestion, PingSeen;
    asks {
        /// Address or name.
        host: String,
    }
    sees {
        /// Whether at least one of three requests was answered; `false`, and nothing else, where the host has no address.
        reachable: bool,
        /// Requests without an answer, in percent.
        loss: i64,
        /// Median time to the answer, in milliseconds, rounded up.
        rtt: i64,
    }
    or reachable = true;
    example r#"ping: { host: 192.168.10.1, loss: { at_most: 10 } }"#;
}
