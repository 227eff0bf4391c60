//! An export of a file server.

question! {
    /// An NFS server's exports, and a file or folder in one of them, over TCP in version 3, without
    /// mounting anything. A server that speaks version 4 alone cannot be looked at.
    NfsCheck, NfsQuestion, NfsSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port of its port mapper; 111 where absent.
        #[serde(default = "port_mapper")]
        port: u16,
        /// Path of the export, such as `/srv/nfs`; only the list of exports is seen where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        export: Option<String>,
        /// Path in the export, such as `docs/plan.txt`; the export itself where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Number of the user who looks; 0 (root, which servers usually squash) where absent.
        #[serde(default)]
        uid: u32,
        /// Number of the user's group; 0 where absent.
        #[serde(default)]
        gid: u32,
    }
    sees {
        /// Whether the server's port mapper and mount service answered.
        connected: bool,
        /// Paths of the exports, sorted.
        exports: Vec<String>,
        /// Whom the server lists as clients of the export, as it writes them, sorted; empty for everybody.
        clients: Vec<String>,
        /// Whether the server let the asking machine mount the export; also `false` where nobody answers.
        mounted: bool,
        /// Whether the path is there; absent where it is not for this user to know.
        exists: bool,
        /// `file`, `directory` or `other`.
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
    example r#"nfs: { host: srv1, export: /srv/nfs, path: plan.txt, content: { contains: Atelier } }"#;
}

fn port_mapper() -> u16 {
    111
}

/// Attributes that are seen without an export.
const OF_THE_SERVER: [&str; 2] = ["connected", "exports"];

impl NfsCheck {
    /// What does not go together in it: the field and why.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        if let Some(export) = &self.export {
            let relative = !export.starts_with('/');
            return relative.then(|| ("export", format!("`{export}` is not absolute")));
        }
        let needs = |what: &str| format!("`{what}` needs `export`");
        if self.path.is_some() {
            return Some(("path", needs("path")));
        }
        let wants = self.wants();
        let mut wants = wants.iter();
        let name = wants.find(|name| !OF_THE_SERVER.contains(&name.as_str()))?;
        Some(("export", needs(name)))
    }
}
