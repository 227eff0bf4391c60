//! A kernel parameter.


question! {
    /// A kernel parameter, read from `/proc/sys`.
    SysctlCheck, SysctlQuestion, SysctlSeen;
    asks {
        /// Its name with dots, such as `net.ipv4.ip_forward`.
        key: String,
    }
    sees {
        /// Whether the node's kernel shows it.
        exists: bool,
        /// Its value, white space folded to single spaces.
        value: String,
    }
    or exists = true;
    example r#"sysctl: { key: net.ipv4.ip_forward, value: "1" }"#;
}
