//! What DHCP servers offer.


question! {
    /// A DHCPDISCOVER, broadcast from the asking node's interface, which needs no address for it.
    /// No offer is ever taken up, so nothing is leased.
    DhcpCheck, DhcpQuestion, DhcpSeen;
    asks {
        /// Interface to ask from; `eth0` where absent, which an examiner's is called, too.
        #[serde(default = "eth0")]
        interface: String,
        /// Hardware address to ask for, such as `02:00:00:00:00:07`; the interface's own where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<String>,
        /// Client identifier, as text; none where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        /// Numbers of options to ask for beside mask, router, servers, domain and times.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        request: Vec<u8>,
    }
    sees {
        /// Whether any server makes an offer before the check's time is over. The attributes from
        /// `address` to `options` are the first offer's.
        offered: bool,
        /// Address offered.
        address: String,
        /// Server that offers.
        server: String,
        /// Subnet mask, such as `255.255.255.0`.
        mask: String,
        /// Routers, in the server's order.
        router: Vec<String>,
        /// Name servers, in the server's order.
        dns: Vec<String>,
        /// Domain name.
        domain: String,
        /// Length of the lease in seconds.
        lease_seconds: i64,
        /// All options of the offer as `number: value`, sorted by number: addresses and texts as they
        /// are, lists with `, `, other values in hexadecimal.
        options: Vec<String>,
        /// All servers that make an offer before the check's time is over, sorted, at most 16: more
        /// than one is a rogue's sign.
        servers: Vec<String>,
    }
    or offered = true;
    example r#"dhcp: { address: { matches: '^192\.168\.10\.1\d\d$' }, router: [192.168.10.1], servers: [192.168.10.1] }"#;
}

fn eth0() -> String {
    "eth0".to_owned()
}
