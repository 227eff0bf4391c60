//! Databases of earlier versions are brought up to date with all that is in them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plateau_exam::store::Database;
use plateau_exam::store::database::MIGRATIONS;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Column as _, Executor as _, Row as _, ValueRef as _};

use crate::engines::{connect, on_both_urls};

/// Table → its rows, each column → value.
pub(crate) type Content = BTreeMap<String, Vec<BTreeMap<String, String>>>;

#[tokio::test]
async fn a_database_of_every_version_keeps_its_rows_when_it_is_brought_up_to_date() {
    let versions: Vec<i64> = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .collect();
    for last in &versions {
        on_both_urls(async |url| {
            let pool = connect(url).await;
            for version in versions.iter().take_while(|version| *version <= last) {
                MIGRATIONS.run_to(*version, &pool).await.unwrap();
                let rows = rows_of(*version, url);
                pool.execute(sqlx::AssertSqlSafe(rows)).await.unwrap();
            }
            let before = content(&pool).await;
            for (table, rows) in &before {
                assert!(!rows.is_empty(), "{table} of version {last} has no rows");
            }
            pool.close().await;

            Database::open(url).await.unwrap().close().await;
            let pool = connect(url).await;
            let after = content(&pool).await;
            pool.close().await;
            assert_kept(&before, &after);
        })
        .await;
    }
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    on_both_urls(async |url| {
        Database::open(url).await.unwrap().close().await;
        let pool = connect(url).await;
        pool.execute(
            "INSERT INTO _sqlx_migrations \
             SELECT version + 1000, description, installed_on, success, checksum, execution_time \
             FROM _sqlx_migrations WHERE version = 1",
        )
        .await
        .unwrap();
        pool.close().await;
        assert!(Database::open(url).await.is_err());
    })
    .await;
}

/// Rows for the tables of a version. Bytes stand there as `BYTES'6869'`, which no two databases
/// write alike.
pub(crate) fn rows_of(version: i64, url: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let rows = std::fs::read_to_string(folder.join(format!("tests/store/rows/{version:04}.sql")));
    let rows =
        rows.unwrap_or_else(|error| panic!("rows for the tables of version {version}: {error}"));
    let bytes = if url.starts_with("sqlite") {
        "X'"
    } else {
        r"'\x"
    };
    rows.replace("BYTES'", bytes)
}

pub(crate) async fn content(pool: &AnyPool) -> Content {
    let tables = match pool.connect_options().database_url.scheme() {
        "sqlite" => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        _ => "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'",
    };
    let tables = pool.fetch_all(tables).await.unwrap();
    let mut content = Content::new();
    for table in tables {
        let table: String = table.get(0);
        if table.starts_with("_sqlx") {
            continue;
        }
        let all = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"));
        let mut rows: Vec<_> = pool.fetch_all(all).await.unwrap().iter().map(row).collect();
        rows.sort();
        content.insert(table, rows);
    }
    content
}

/// All columns are TEXT, BIGINT or BYTEA.
fn row(row: &AnyRow) -> BTreeMap<String, String> {
    let column = |name: &str| {
        if row.try_get_raw(name).unwrap().is_null() {
            return "NULL".to_owned();
        }
        row.try_get::<String, _>(name)
            .or_else(|_| row.try_get::<i64, _>(name).map(|number| number.to_string()))
            .or_else(|_| {
                row.try_get::<Vec<u8>, _>(name)
                    .map(|bytes| format!("{bytes:?}"))
            })
            .unwrap()
    };
    let columns = row.columns().iter();
    columns
        .map(|known| (known.name().to_owned(), column(known.name())))
        .collect()
}

/// Every row is there with what it had; it may have more columns.
fn assert_kept(before: &Content, after: &Content) {
    for (table, rows) in before {
        let now = after
            .get(table)
            .unwrap_or_else(|| panic!("{table} is gone"));
        for row in rows {
            let kept = now.iter().any(|now| {
                let mut columns = row.iter();
                columns.all(|(column, value)| now.get(column) == Some(value))
            });
            assert!(kept, "{table} has lost {row:?}");
        }
    }
}
