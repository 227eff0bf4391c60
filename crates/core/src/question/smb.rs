//! A share of Windows networks.

question! {
    /// A log-in to an SMB server (version 2 or 3), and a file or folder in one of its shares.
    SmbCheck, SmbQuestion, SmbSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 445 where absent.
        #[serde(default = "smb_port")]
        port: u16,
        /// Login name; a guest where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// Domain of the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// Name of the share; only the log-in and the list of shares are seen where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<String>,
        /// Path in the share, with `/`; the share itself where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    }
    sees {
        /// Whether an SMB server answered.
        connected: bool,
        /// Whether the log-in was accepted, and not as a guest's where a user was given; also
        /// `false` where nobody answers.
        logged_in: bool,
        /// Names of the disk shares that the server lists, sorted, without those that end with `$`.
        shares: Vec<String>,
        /// Whether the share let the user in.
        opened: bool,
        /// Whether the path is there; absent where it is not for this user to know.
        exists: bool,
        /// `file` or `directory`.
        kind as "type": String,
        /// Whether the file could be read, or the folder listed.
        readable: bool,
        /// Names in the folder, sorted; the first 1000.
        entries: Vec<String>,
        /// Content of the file: its first 64 KiB, other than UTF-8 replaced.
        content: String,
        /// Whether the file could be opened for writing, or a new one be made in the folder, which
        /// is removed again.
        writable: bool,
    }
    or exists = true;
    example r#"smb: { host: srv1, share: commun, user: alice, password: "{{ secret }}", entries: { contains: lisez-moi.txt } }"#;
}

fn smb_port() -> u16 {
    445
}

/// Attributes that are seen without a share.
const OF_THE_SERVER: [&str; 3] = ["connected", "logged_in", "shares"];

impl SmbCheck {
    /// What does not go together in it: the field and why.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        if self.share.is_some() {
            return None;
        }
        let needs = |what: &str| format!("`{what}` needs `share`");
        if self.path.is_some() {
            return Some(("path", needs("path")));
        }
        let wants = self.wants();
        let mut wants = wants.iter();
        let name = wants.find(|name| !OF_THE_SERVER.contains(&name.as_str()))?;
        Some(("share", needs(name)))
    }
}
