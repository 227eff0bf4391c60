//! A local user account.


question! {
    /// An account of the node's `/etc/passwd`.
    UserCheck, UserQuestion, UserSeen;
    asks {
        /// Login name.
        name: String,
    }
    sees {
        /// Whether there is such an account.
        exists: bool,
        /// User number.
        uid: i64,
        /// Name of the primary group.
        group: String,
        /// Names of the supplementary groups, sorted.
        groups: Vec<String>,
        /// Home folder.
        home: String,
        /// Login shell.
        shell: String,
        /// Comment field (GECOS).
        comment: String,
        /// `set`, `locked` (no password fits: `!` or `*` before it) or `empty`.
        password: String,
    }
    or exists = true;
    example r#"user: { name: alice, groups: { contains: compta }, shell: /bin/bash }"#;
}
