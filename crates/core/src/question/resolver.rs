//! The name resolver's configuration.


question! {
    /// `/etc/resolv.conf` as the C library reads it.
    ResolverCheck, ResolverQuestion, ResolverSeen;
    asks {}
    sees {
        /// Whether there is at least one name server.
        configured: bool,
        /// Name servers in their order: the first three, as the C library takes no more.
        nameservers: Vec<String>,
        /// Search domains in their order.
        search: Vec<String>,
    }
    or configured = true;
    example r#"resolver: { nameservers: { contains: 192.168.10.1 } }"#;
}
