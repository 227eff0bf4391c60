//! What a database server returns: rows, or an error.

use std::time::Duration;

use plateau_core::question::sql::SqlSeen;
use tokio::time::Instant;

use crate::bounded::truncated;

const MAX_ROWS: usize = 1000;
const ROWS_LIMIT: usize = 256 << 10;
const ERROR_LIMIT: usize = 1 << 10;

/// Most that a server needs to end a statement and report that.
const SERVER_MARGIN: Duration = Duration::from_secs(2);

/// Records that the server refused something.
pub(super) fn record_error(seen: &mut SqlSeen, code: String, message: &str) {
    seen.connected = Some(true);
    seen.code = Some(code);
    seen.error = Some(truncated(message.to_owned(), ERROR_LIMIT));
}

/// Time limit of the statement in milliseconds: shorter than ours, so that the server can report it.
pub(super) fn statement_timeout_ms(until: Instant) -> u128 {
    let left = until.saturating_duration_since(Instant::now());
    let limit = left - (left / 4).min(SERVER_MARGIN);
    limit.as_millis().max(1)
}

/// Counts rows and stores the first ones.
#[derive(Default)]
pub(super) struct RowBuffer {
    pub(super) rows: Vec<String>,
    size: usize,
    pub(super) count: i64,
}

impl RowBuffer {
    pub(super) fn push(&mut self, values: &[String]) {
        self.count += 1;
        let row = values.join("|");
        self.size += row.len();
        if self.rows.len() < MAX_ROWS && self.size <= ROWS_LIMIT {
            self.rows.push(row);
        }
    }
}
