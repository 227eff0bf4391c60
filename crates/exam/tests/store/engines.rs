//! The same test on both engines.

use std::path::Path;

use plateau_exam::store::Database;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;

use crate::postgres::Postgres;

/// Runs a test on an empty database of SQLite, then on one of PostgreSQL; each has the whole schema.
pub(crate) async fn on_both(test: impl AsyncFn(Database)) {
    on_both_urls(async |url| {
        let database = Database::open(url).await.unwrap();
        test(database.clone()).await;
        database.close().await;
    })
    .await;
}

/// Runs a test with the URL of a database of SQLite that is not there yet, then with that of one of
/// PostgreSQL that has no tables.
pub(crate) async fn on_both_urls(test: impl AsyncFn(&str)) {
    let folder = tempfile::tempdir().unwrap();
    on_sqlite(folder.path(), &test).await;
    let postgres = Postgres::start();
    eprintln!("on PostgreSQL");
    test(&postgres.url()).await;
}

async fn on_sqlite(folder: &Path, test: &impl AsyncFn(&str)) {
    eprintln!("on SQLite");
    test(&Database::in_folder(folder)).await;
}

/// Connections of the test's own, past the store.
pub(crate) async fn connect(url: &str) -> AnyPool {
    sqlx::any::install_default_drivers();
    let url = match url.starts_with("sqlite") {
        true => format!("{url}?mode=rwc"),
        false => url.to_owned(),
    };
    let pool = AnyPoolOptions::new().max_connections(1);
    pool.connect(&url).await.unwrap()
}
