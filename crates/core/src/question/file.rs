//! A file, folder or link of a node's file system.

use crate::matcher::Mode;

question! {
    /// A file, folder, link, socket, pipe or device of a node.
    ///
    /// Links are not followed, but for `content`, `size` and `sha256` of a link to a regular file.
    /// Only regular files have `content` and `sha256`.
    FileCheck, FileQuestion, FileSeen;
    asks {
        /// Absolute path in the node.
        path: String,
    }
    sees {
        /// Whether anything stands at the path.
        exists: bool,
        /// One of `file`, `directory`, `link`, `socket`, `pipe`, `device`.
        kind as "type": String,
        /// Permission bits in octal, such as `"0644"`.
        mode: Mode,
        /// Name of the owning user, or its number where it has no name.
        owner: String,
        /// Name of the owning group, or its number where it has no name.
        group: String,
        /// Size in bytes.
        size: i64,
        /// Where a link points to, as written in it.
        target: String,
        /// Text of a regular file: its first 256 KiB, other than UTF-8 replaced.
        content: String,
        /// SHA-256 of the first 64 MiB of a regular file, in lower-case hexadecimal.
        sha256: String,
    }
    or exists = true;
    example r#"file: { path: /etc/motd, mode: "0644", content: { contains: Bienvenue } }"#;
}
