//! A network interface.


question! {
    /// A network interface, read from the kernel.
    InterfaceCheck, InterfaceQuestion, InterfaceSeen;
    asks {
        /// Name, such as `eth0`.
        name: String,
    }
    sees {
        /// Whether there is such an interface.
        exists: bool,
        /// Whether it is administratively up.
        up: bool,
        /// Whether it has a carrier.
        carrier: bool,
        /// Hardware address in lower case, such as `02:00:5e:10:00:01`.
        mac: String,
        /// Largest packet in bytes.
        mtu: i64,
    }
    or up = true;
    example r#"interface: { name: eth0, up: true, mtu: 1500 }"#;
}
