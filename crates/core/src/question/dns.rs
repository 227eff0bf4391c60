//! A DNS query.


question! {
    /// A DNS query.
    DnsCheck, DnsQuestion, DnsSeen;
    asks {
        /// The name asked for, taken as fully qualified; for `PTR` an address may stand here.
        name: String,
        /// Record type: `A` (the default), `AAAA`, `CNAME`, `MX`, `NS`, `PTR`, `SOA`, `SRV`, `TXT`.
        #[serde(default = "a_record", rename = "type")]
        kind: String,
        /// Address of the server, with `:port` where that is not 53; the asking node's own resolver configuration where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<String>,
    }
    sees {
        /// Whether there is at least one record of the type asked for. `false` with no `code` where no server answers.
        answered: bool,
        /// Response code: `NOERROR`, `NXDOMAIN`, `REFUSED`, `SERVFAIL`, …
        code: String,
        /// Record data of the type asked for, as in a zone file, names without their last dot and
        /// texts without quotes, sorted; at most 256.
        answers: Vec<String>,
        /// Whether the answer is authoritative.
        authoritative: bool,
    }
    or answered = true;
    example r#"dns: { name: www.atelier.lan, type: A, server: 192.168.10.1, answers: { contains: 192.168.10.20 } }"#;
}

fn a_record() -> String {
    "A".to_owned()
}
