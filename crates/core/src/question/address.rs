//! The addresses of an interface.


question! {
    /// IP addresses of an interface, with their prefix lengths, read from the kernel.
    AddressCheck, AddressQuestion, AddressSeen;
    asks {
        /// Name of the interface, such as `eth0`.
        interface: String,
    }
    sees {
        /// Whether it has at least one address that is not link-local.
        assigned: bool,
        /// IPv4 addresses such as `192.168.10.5/24`, in the kernel's order.
        ipv4: Vec<String>,
        /// IPv6 addresses such as `fd00::5/64`, link-local ones left out, in the kernel's order.
        ipv6: Vec<String>,
    }
    or assigned = true;
    example r#"address: { interface: eth0, ipv4: { contains: 192.168.10.1/24 } }"#;
}
