//! MariaDB and MySQL.

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, DriverError, Error, OptsBuilder, Value};
use plateau_core::question::sql::{SqlQuestion, SqlSeen};
use tokio::time::{Instant, timeout_at};

use super::super::context::ProbeContext;
use super::super::tcp::{Attempt, connect};
use super::{Rows, refused, statement_limit};

/// Largest message that is taken, in bytes.
const PACKET_LIMIT: usize = 16 << 20;

/// What the protocol calls the set of characters of bytes that are no text.
const BINARY: u16 = 63;

pub(super) async fn ask(
    question: &SqlQuestion,
    look: &ProbeContext,
    until: Instant,
    seen: &mut SqlSeen,
) -> anyhow::Result<()> {
    let greeted = Instant::now() + look.network_limit();
    let Some(options) = options(question, look).await? else {
        return Ok(());
    };
    let mut connection = match timeout_at(greeted, Conn::new(options)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(Error::Driver(error @ DriverError::UnknownAuthPlugin { .. }))) => {
            return Err(error.into());
        }
        Ok(Err(error)) => {
            note(seen, &error);
            return Ok(());
        }
        Err(_) => return Ok(()),
    };
    seen.connected = Some(true);
    seen.logged_in = Some(true);
    match run(&mut connection, question, until, seen).await {
        Ok(()) => seen.ran = Some(true),
        Err(error) => note(seen, &error),
    }
    if !question.commit {
        // A connection that is lost is rolled back, too.
        let _ = connection.query_drop("ROLLBACK").await;
    }
    let _ = connection.disconnect().await;
    Ok(())
}

/// Where to log in and as whom; `None` where nobody listens. The library would ask the C library.
async fn options(
    question: &SqlQuestion,
    look: &ProbeContext,
) -> anyhow::Result<Option<OptsBuilder>> {
    let port = question.port.unwrap_or(3306);
    let attempt = connect(&question.host, port, look.network_limit()).await?;
    let Attempt::Open(stream) = attempt else {
        return Ok(None);
    };
    let address = stream.peer_addr()?.ip();
    let options = OptsBuilder::default()
        .ip_or_hostname(address.to_string())
        .resolved_ips(Some(vec![address]))
        .tcp_port(port)
        .user(Some(&question.user))
        .pass(question.password.as_ref())
        .db_name(question.database.as_ref())
        .prefer_socket(false)
        .stmt_cache_size(0)
        // Given here, they need not be asked for.
        .max_allowed_packet(Some(PACKET_LIMIT))
        .wait_timeout(Some(60));
    Ok(Some(options))
}

fn note(seen: &mut SqlSeen, error: &Error) {
    if let Error::Server(said) = error {
        refused(seen, said.code.to_string(), &said.message);
    }
}

async fn run(
    connection: &mut Conn,
    question: &SqlQuestion,
    until: Instant,
    seen: &mut SqlSeen,
) -> Result<(), Error> {
    let limit = statement_limit(until);
    let (seconds, thousandths) = (limit / 1000, limit % 1000);
    let for_mariadb = format!("SET SESSION max_statement_time = {seconds}.{thousandths:03}");
    if connection.query_drop(for_mariadb).await.is_err() {
        let for_mysql = format!("SET SESSION max_execution_time = {limit}");
        connection.query_drop(for_mysql).await?;
    }
    if !question.commit {
        connection.query_drop("START TRANSACTION").await?;
    }
    let mut result = connection.query_iter(&question.statement).await?;
    let columns = result.columns();
    let mut rows = Rows::default();
    while let Some(row) = result.next().await? {
        let values: Vec<String> = row.unwrap_raw().into_iter().map(shown).collect();
        rows.push(&values);
    }
    let columns = columns.as_deref().unwrap_or_default();
    seen.count = match columns.is_empty() {
        true => i64::try_from(result.affected_rows()).ok(),
        false => Some(rows.count),
    };
    result.drop_result().await?;
    let names = columns.iter().map(|column| column.name_str().into_owned());
    seen.columns = Some(names.collect());
    seen.types = Some(columns.iter().map(type_of).collect());
    seen.rows = Some(rows.kept);
    Ok(())
}

/// A value as the server wrote it.
fn shown(value: Option<Value>) -> String {
    match value {
        None | Some(Value::NULL) => "NULL".to_owned(),
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(other) => other.as_sql(true),
    }
}

/// A column's type as it is written in SQL, without its width.
fn type_of(column: &Column) -> String {
    let text = column.character_set() != BINARY;
    let flags = column.flags();
    let either = |text_name: &str, binary: &str| match text {
        true => text_name.to_owned(),
        false => binary.to_owned(),
    };
    let kind = column.column_type();
    if flags.contains(ColumnFlags::ENUM_FLAG) {
        return "enum".to_owned();
    }
    if flags.contains(ColumnFlags::SET_FLAG) {
        return "set".to_owned();
    }
    let names = [
        (ColumnType::MYSQL_TYPE_TINY, "tinyint"),
        (ColumnType::MYSQL_TYPE_SHORT, "smallint"),
        (ColumnType::MYSQL_TYPE_INT24, "mediumint"),
        (ColumnType::MYSQL_TYPE_LONG, "int"),
        (ColumnType::MYSQL_TYPE_LONGLONG, "bigint"),
        (ColumnType::MYSQL_TYPE_NEWDECIMAL, "decimal"),
        (
            ColumnType::MYSQL_TYPE_VAR_STRING,
            &either("varchar", "varbinary"),
        ),
        (ColumnType::MYSQL_TYPE_STRING, &either("char", "binary")),
        (ColumnType::MYSQL_TYPE_BLOB, &either("text", "blob")),
    ];
    match names.iter().find(|(known, _)| *known == kind) {
        Some((_, name)) => (*name).to_owned(),
        None => {
            let name = format!("{kind:?}").to_lowercase();
            name.trim_start_matches("mysql_type_").to_owned()
        }
    }
}
