//! Logs in to a database server and runs one statement.

use plateau_core::question::sql::{Engine, SqlQuestion, SqlSeen};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;

mod mariadb;
mod postgresql;
mod result;

pub(super) async fn observe(
    question: &SqlQuestion,
    context: &ProbeContext,
) -> anyhow::Result<SqlSeen> {
    let mut seen = SqlSeen {
        connected: Some(false),
        logged_in: Some(false),
        ran: Some(false),
        ..SqlSeen::default()
    };
    let until = Instant::now() + context.time_limit();
    // What was observed before silence or a broken connection still counts.
    let outcome = match question.engine {
        Engine::Postgresql => {
            timeout_at(
                until,
                postgresql::observe(question, context, until, &mut seen),
            )
            .await
        }
        Engine::Mariadb => {
            timeout_at(until, mariadb::observe(question, context, until, &mut seen)).await
        }
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
