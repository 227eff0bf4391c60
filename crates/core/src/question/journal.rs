//! Lines of the systemd journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Span;

/// How serious a line is, from worst to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// The system is unusable.
    Emerg,
    /// Something must be done at once.
    Alert,
    /// Critical.
    Crit,
    /// An error.
    Err,
    /// A warning.
    Warning,
    /// Normal, but worth a look.
    Notice,
    /// For information.
    Info,
    /// For those who look for a mistake.
    Debug,
}

question! {
    /// Lines of the node's systemd journal, read from its files, past and present boots alike.
    ///
    /// Root may write any line into a journal: it shows what was said, not what was done. Prefer
    /// to look at what a service does.
    JournalCheck, JournalQuestion, JournalSeen;
    asks {
        /// Lines of this unit, such as `ssh.service`, and of systemd about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        /// Lines of this program, such as `sudo`: what it calls itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identifier: Option<String>,
        /// Lines at least as serious: `emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info` or `debug`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        /// Lines of the time before grading that is this long, such as `10m`, by the node's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Span>,
    }
    sees {
        /// Whether there is any such line.
        found: bool,
        /// How many there are; counted up to 10000.
        count: i64,
        /// The newest 1000 of them, in 256 KiB, oldest first: the messages alone.
        lines: Vec<String>,
    }
    or found = true;
    example r#"journal: { identifier: sudo, since: 2h, lines: { matches: "alice : .*COMMAND=" } }"#;
}
