//! An SSH log-in.


question! {
    /// An attempt to log in over SSH, by password or key, and the output of a command there.
    SshCheck, SshQuestion, SshSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 22 where absent.
        #[serde(default = "ssh_port")]
        port: u16,
        /// Login name.
        user: String,
        /// Password to try, also where the server asks for it interactively.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// Private key to try, in OpenSSH's format. In a scenario: a path in its folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Command to run after the log-in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    }
    sees {
        /// Whether the log-in was accepted; also `false` where nobody answers.
        logged_in: bool,
        /// Methods that the server offers before any try, such as `publickey`, sorted.
        methods: Vec<String>,
        /// Exit status of the command.
        exit: i64,
        /// Output of the command: its first 64 KiB, the last line feed removed.
        stdout: String,
        /// Fingerprint of the server's key, such as `SHA256:…`.
        host_key: String,
    }
    or logged_in = true;
    example r#"ssh: { host: srv1, user: alice, password: "{{ secret }}", logged_in: false }"#;
}

fn ssh_port() -> u16 {
    22
}
