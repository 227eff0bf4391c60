//! A Debian package.


question! {
    /// A Debian package, read from dpkg's own status file.
    PackageCheck, PackageQuestion, PackageSeen;
    asks {
        /// Name of the binary package, without architecture.
        name: String,
    }
    sees {
        /// Whether it is unpacked and configured.
        installed: bool,
        /// Its version where it is installed, such as `1.22.1-9`.
        version: String,
    }
    or installed = true;
    example r#"package: { name: nginx, installed: true }"#;
}
