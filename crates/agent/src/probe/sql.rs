//! Logs in to a database server and runs one statement.

use std::time::Duration;

use plateau_core::question::sql::{Engine, SqlQuestion, SqlSeen};
use tokio::time::{Instant, timeout_at};

use super::bounded::cut;
use super::context::ProbeContext;

mod mariadb;
mod postgresql;

const MOST_ROWS: usize = 1000;
const ROWS_LIMIT: usize = 256 << 10;
/// What a server needs at most to end a statement and say so.
const LAST_WORDS: Duration = Duration::from_secs(2);
const ERROR_LIMIT: usize = 1 << 10;

pub(super) async fn see(question: &SqlQuestion, look: &ProbeContext) -> anyhow::Result<SqlSeen> {
    let mut seen = SqlSeen {
        connected: Some(false),
        logged_in: Some(false),
        ran: Some(false),
        ..SqlSeen::default()
    };
    let until = Instant::now() + look.patience();
    // Neither silence nor a broken connection takes back what was seen before.
    let outcome = match question.engine {
        Engine::Postgresql => {
            timeout_at(until, postgresql::ask(question, look, until, &mut seen)).await
        }
        Engine::Mariadb => timeout_at(until, mariadb::ask(question, look, until, &mut seen)).await,
    };
    if let Ok(outcome) = outcome {
        outcome?;
    }
    if question.sorted
        && let Some(rows) = &mut seen.rows
    {
        rows.sort();
    }
    Ok(seen)
}

/// Notes that the server refused something.
fn refused(seen: &mut SqlSeen, code: String, message: &str) {
    seen.connected = Some(true);
    seen.code = Some(code);
    seen.error = Some(cut(message.to_owned(), ERROR_LIMIT));
}

/// Milliseconds that the statement may take: less than we wait, so that the server can still say so.
fn statement_limit(until: Instant) -> u128 {
    let left = until.saturating_duration_since(Instant::now());
    let limit = left - (left / 4).min(LAST_WORDS);
    limit.as_millis().max(1)
}

/// Rows as they come, of which the first are kept.
#[derive(Default)]
struct Rows {
    kept: Vec<String>,
    size: usize,
    count: i64,
}

impl Rows {
    fn push(&mut self, values: &[String]) {
        self.count += 1;
        let row = values.join("|");
        self.size += row.len();
        if self.kept.len() < MOST_ROWS && self.size <= ROWS_LIMIT {
            self.kept.push(row);
        }
    }
}
