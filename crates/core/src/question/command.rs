//! The output of a command, for what no other question can ask.

use crate::quantity::Span;

question! {
    /// A shell command run in the node by `/bin/sh -c`: the last resort, since a candidate's programs may lie.
    CommandCheck, CommandQuestion, CommandSeen;
    asks {
        /// The command line.
        run: String,
        /// Who runs it, with that user's groups; root where absent. Where there is no such user, nothing is seen and every matcher fails.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// How long it may take; 10 seconds where absent. A command that takes longer is killed and could not be looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<Span>,
    }
    sees {
        /// Exit status; 128 and the signal's number where a signal ended it.
        exit: i64,
        /// Standard output: its first 64 KiB, the last line feed removed.
        stdout: String,
        /// Standard error: its first 64 KiB, the last line feed removed.
        stderr: String,
    }
    or exit = 0;
    example r#"command: { run: "nft list tables", stdout: { contains: inet } }"#;
}
