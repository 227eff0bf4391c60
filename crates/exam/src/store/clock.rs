//! The daemon's clock in the database.

use super::column::{column, number};
use super::database::{Database, DatabaseError, Pool};
use crate::clock::ClockSample;

/// The clock as it was last written down. Clones share the connections.
#[derive(Clone, Debug)]
pub struct StoredClock {
    pool: Pool,
}

impl Database {
    /// The clock as it was last written down.
    #[must_use]
    pub fn clock(&self) -> StoredClock {
        StoredClock { pool: self.pool() }
    }
}

impl StoredClock {
    /// The clock as it was last written down.
    pub(crate) async fn read(&self) -> Result<Option<ClockSample>, DatabaseError> {
        let row: Option<(String, i64, i64)> =
            sqlx::query_as("SELECT boot, since_boot, showed FROM clock WHERE id = 1")
                .fetch_optional(self.pool.read())
                .await
                .map_err(DatabaseError::query("read the clock"))?;
        Ok(row.map(|(boot, since_boot, showed)| ClockSample {
            boot,
            since_boot_ms: number(since_boot),
            showed_ms: number(showed),
        }))
    }

    /// Writes the clock down.
    pub(crate) async fn write(&self, beat: &ClockSample) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO clock (id, boot, since_boot, showed) VALUES (1, $1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET boot = excluded.boot, \
             since_boot = excluded.since_boot, showed = excluded.showed",
        )
        .bind(&beat.boot)
        .bind(column(beat.since_boot_ms))
        .bind(column(beat.showed_ms))
        .execute(self.pool.write())
        .await
        .map(drop)
        .map_err(DatabaseError::query("write the clock down"))
    }
}
