//! A mounted file system.


question! {
    /// A mount point, read from the kernel, and whether `/etc/fstab` names it.
    MountCheck, MountQuestion, MountSeen;
    asks {
        /// Absolute path of the mount point.
        path: String,
    }
    sees {
        /// Whether something is mounted there.
        mounted: bool,
        /// What is mounted.
        source: String,
        /// File system type, such as `tmpfs`.
        kind as "type": String,
        /// Mount options, the file system's own included, sorted.
        options: Vec<String>,
        /// Whether `/etc/fstab` has a line for the path without `noauto`.
        at_boot: bool,
    }
    or mounted = true;
    example r#"mount: { path: /srv/data, type: ext4, at_boot: true }"#;
}
