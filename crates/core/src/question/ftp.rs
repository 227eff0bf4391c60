//! An FTP server, with or without TLS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How TLS comes into FTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FtpTls {
    /// Not at all.
    #[default]
    None,
    /// By `AUTH TLS` on the plain port; data connections are protected, too.
    Explicit,
    /// From the first byte, on a port of its own.
    Implicit,
}

question! {
    /// A log-in to an FTP server, and what its user finds at a path there. Transfers are passive.
    FtpCheck, FtpQuestion, FtpSeen;
    asks {
        /// Address or name.
        host: String,
        /// Port number; 21 where absent, 990 for implicit TLS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// `none` (the default), `explicit` or `implicit`. Any certificate is accepted.
        #[serde(default)]
        tls: FtpTls,
        /// Login name; anonymous where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// File or directory; the one where the log-in leads to where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    }
    sees {
        /// Whether the server greets, after TLS where that is asked for; also `false` where nobody answers.
        connected: bool,
        /// Whether the log-in was accepted.
        logged_in: bool,
        /// Whether the path is a directory that can be entered or a file that can be read, by this user.
        exists: bool,
        /// Names in the directory, sorted, at most 1000; none for a file.
        entries: Vec<String>,
        /// Content of the file: its first 256 KiB, other than UTF-8 replaced; none for a directory.
        content: String,
        /// Whether a new file can be stored in the directory, or beside the file. An empty one is
        /// stored to see that and deleted at once; it stays only where the server lets nobody delete.
        writable: bool,
    }
    or logged_in = true;
    example r#"ftp: { host: srv1, tls: explicit, user: alice, password: "{{ secret }}", path: /depot, entries: { contains: notice.txt } }"#;
}
