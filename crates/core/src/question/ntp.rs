//! A time server.


question! {
    /// A question for the time, by SNTP (RFC 5905).
    NtpCheck, NtpQuestion, NtpSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 123 where absent.
        #[serde(default = "ntp_port")]
        port: u16,
    }
    sees {
        /// Whether the server answers within 5 seconds, be it that it has no time.
        answered: bool,
        /// Whether it says that its clock is synchronized: stratum 1 to 15, no alarm.
        synchronized: bool,
        /// Its stratum; absent where it is not synchronized.
        stratum: i64,
        /// Its clock less the asking node's, in milliseconds; absent where it is not synchronized.
        offset_ms: i64,
        /// What it is synchronized to: an address, or a name such as `GPS` or `LOCL` at stratum 1.
        /// Where it refuses, the code of its refusal (RFC 5905, section 7.4), such as `DENY` or `RATE`.
        reference: String,
    }
    or synchronized = true;
    example r#"ntp: { host: srv1, stratum: { at_most: 10 }, offset_ms: { all: [ { at_least: -500 }, { at_most: 500 } ] } }"#;
}

fn ntp_port() -> u16 {
    123
}
