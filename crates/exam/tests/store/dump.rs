//! Rows taken out of one database and put into another, of the same kind and of the other.

use std::collections::BTreeSet;
use std::io;

use plateau_exam::store::Database;
use plateau_exam::store::database::MIGRATIONS;
use plateau_exam::store::dump::{DumpError, TABLES, latest};
use sqlx::Executor as _;

use crate::engines::{connect, on_both_urls};
use crate::migrations::{content, rows_of};
use crate::postgres::Postgres;

type Line = (String, Vec<u8>);

async fn dumped(database: &Database) -> Vec<Line> {
    let mut lines = Vec::new();
    let dump = database.dump(|table, line| {
        lines.push((table.to_owned(), line.to_vec()));
        Ok(())
    });
    dump.await.unwrap();
    lines
}

fn again(lines: &[Line]) -> impl Iterator<Item = io::Result<Line>> + Send + '_ {
    lines.iter().cloned().map(Ok)
}

/// Puts the rows of all versions into a database.
async fn fill(url: &str) {
    let pool = connect(url).await;
    for migration in MIGRATIONS.iter() {
        MIGRATIONS.run_to(migration.version, &pool).await.unwrap();
        let rows = rows_of(migration.version, url);
        pool.execute(sqlx::AssertSqlSafe(rows)).await.unwrap();
    }
    pool.close().await;
}

#[tokio::test]
async fn every_table_is_taken_along() {
    on_both_urls(async |url| {
        Database::open(url).await.unwrap().close().await;
        let pool = connect(url).await;
        let there: BTreeSet<String> = content(&pool).await.into_keys().collect();
        pool.close().await;
        let known: BTreeSet<String> = TABLES.iter().map(|table| (*table).to_owned()).collect();
        assert_eq!(there, known);
    })
    .await;
}

#[tokio::test]
async fn rows_come_back_as_they_were_in_either_kind_of_database() {
    on_both_urls(async |url| {
        fill(url).await;
        let pool = connect(url).await;
        let before = content(&pool).await;
        pool.close().await;
        let from = Database::open(url).await.unwrap();
        let lines = dumped(&from).await;
        from.close().await;

        let folder = tempfile::tempdir().unwrap();
        let postgres = Postgres::start();
        for to in [Database::in_folder(folder.path()), postgres.url()] {
            let database = Database::connect(&to).await.unwrap();
            assert!(database.is_bare().await.unwrap());
            let counts = database.load(latest(), again(&lines)).await.unwrap();
            assert!(counts.sessions > 0 && counts.attempts > 0 && counts.gradings > 0);
            assert!(!database.is_bare().await.unwrap());
            assert_eq!(dumped(&database).await, lines);
            database.close().await;
            let pool = connect(&to).await;
            assert_eq!(content(&pool).await, before, "into {to}");
            pool.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn rows_of_an_earlier_version_are_brought_up_to_date_and_those_of_a_later_one_refused() {
    on_both_urls(async |url| {
        let first = MIGRATIONS.iter().next().unwrap().version;
        let row = br#"{"id":"s","name":"n","state":"draft","terms":"{}","created":1}"#;
        let rows = [("sessions".to_owned(), row.to_vec())];
        let database = Database::connect(url).await.unwrap();
        let refused = database.load(latest() + 1, again(&rows)).await;
        assert!(matches!(refused, Err(DumpError::Later { .. })));
        assert!(database.is_bare().await.unwrap());
        let counts = database.load(first, again(&rows)).await.unwrap();
        assert_eq!(counts.sessions, 1);
        let lines = dumped(&database).await;
        let text = String::from_utf8(lines[0].1.clone()).unwrap();
        assert!(text.contains(r#""name":"n""#), "{text}");
        database.close().await;
        Database::open(url).await.unwrap().close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_row_is_refused_and_none_is_there_then() {
    let no_rows: [&[u8]; 4] = [
        b"[]",
        br#"{"id":true}"#,
        br#"{"id) VALUES ('x'); --":"s"}"#,
        b"{",
    ];
    for (number, no_row) in no_rows.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let url = Database::in_folder(folder.path());
        let database = Database::connect(&url).await.unwrap();
        let row = br#"{"id":"s","name":"n","state":"draft","terms":"{}","created":1}"#;
        let rows = [
            ("sessions".to_owned(), row.to_vec()),
            ("sessions".to_owned(), no_row.to_vec()),
        ];
        let refused = database.load(latest(), again(&rows)).await;
        assert!(
            matches!(refused, Err(DumpError::Line { line: 2, .. })),
            "{number}: {refused:?}"
        );
        assert_eq!(dumped(&database).await, []);
        database.close().await;
    }
}

#[tokio::test]
async fn what_is_taken_out_is_of_one_moment_whoever_writes_meanwhile() {
    on_both_urls(async |url| {
        Database::open(url).await.unwrap().close().await;
        let pool = connect(url).await;
        for account in 0..200 {
            let row = format!("INSERT INTO failures VALUES ('{account}', 'here', 0, 0)");
            pool.execute(sqlx::AssertSqlSafe(row)).await.unwrap();
        }
        let database = Database::open(url).await.unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let (written, mut seen) = tokio::sync::watch::channel(0_u32);
        let writer = tokio::spawn(async move {
            while !*stopped.borrow() {
                let all = "UPDATE failures SET count = count + 1";
                pool.execute(all).await.unwrap();
                written.send_modify(|count| *count += 1);
            }
            pool.close().await;
        });
        for _ in 0..10 {
            seen.changed().await.unwrap();
            let mut counts = BTreeSet::new();
            for (_, line) in dumped(&database).await {
                let row: serde_json::Value = serde_json::from_slice(&line).unwrap();
                counts.insert(row["count"].as_i64().unwrap());
            }
            assert_eq!(counts.len(), 1, "{counts:?}");
        }
        stop.send(true).unwrap();
        writer.await.unwrap();
        database.close().await;
    })
    .await;
}

#[tokio::test]
async fn tables_of_postgresql_are_set_aside_and_not_removed() {
    let postgres = Postgres::start();
    let url = postgres.url();
    fill(&url).await;
    let database = Database::open(&url).await.unwrap();
    let lines = dumped(&database).await;
    database.set_aside("before_now").await.unwrap();
    database.close().await;
    let database = Database::connect(&url).await.unwrap();
    assert!(database.is_bare().await.unwrap());
    database.load(latest(), again(&lines)).await.unwrap();
    database.close().await;
    let pool = connect(&url).await;
    let there = pool.fetch_all("SELECT id FROM before_now.sessions").await;
    assert!(!there.unwrap().is_empty());
    pool.close().await;
}
