//! MariaDB and MySQL.

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, DriverError, Error, OptsBuilder, Value};
use plateau_core::question::sql::{SqlQuestion, SqlSeen};
use tokio::time::{Instant, timeout_at};

use super::super::context::ProbeContext;
use super::super::tcp::{ConnectOutcome, connect};
use super::result::{RowBuffer, record_error, statement_timeout_ms};

/// Largest message that is accepted, in bytes.
const PACKET_LIMIT: usize = 16 << 20;

/// The protocol's character set number for binary data.
const BINARY: u16 = 63;

pub(super) async fn observe(
    question: &SqlQuestion,
    context: &ProbeContext,
    until: Instant,
    seen: &mut SqlSeen,
) -> anyhow::Result<()> {
    let greeting_deadline = Instant::now() + context.network_limit();
    let Some(options) = connection_options(question, context).await? else {
        return Ok(());
    };
    let mut connection = match timeout_at(greeting_deadline, Conn::new(options)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(Error::Driver(error @ DriverError::UnknownAuthPlugin { .. }))) => {
            return Err(error.into());
        }
        Ok(Err(error)) => {
            record_server_error(seen, &error);
            return Ok(());
        }
        Err(_) => return Ok(()),
    };
    seen.connected = Some(true);
    seen.logged_in = Some(true);
    match run_statement(&mut connection, question, until, seen).await {
        Ok(()) => seen.ran = Some(true),
        Err(error) => record_server_error(seen, &error),
    }
    if !question.commit {
        // A lost connection is rolled back as well.
        let _ = connection.query_drop("ROLLBACK").await;
    }
    let _ = connection.disconnect().await;
    Ok(())
}

/// How to connect; `None` if the server cannot be reached. The address is resolved here, because
/// the library would use the C library.
async fn connection_options(
    question: &SqlQuestion,
    context: &ProbeContext,
) -> anyhow::Result<Option<OptsBuilder>> {
    let port = question.port.unwrap_or(3306);
    let attempt = connect(&question.host, port, context.network_limit()).await?;
    let ConnectOutcome::Open(stream) = attempt else {
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
        // Set here, so that the library does not query them.
        .max_allowed_packet(Some(PACKET_LIMIT))
        .wait_timeout(Some(60));
    Ok(Some(options))
}

fn record_server_error(seen: &mut SqlSeen, error: &Error) {
    if let Error::Server(server_error) = error {
        record_error(seen, server_error.code.to_string(), &server_error.message);
    }
}

async fn run_statement(
    connection: &mut Conn,
    question: &SqlQuestion,
    until: Instant,
    seen: &mut SqlSeen,
) -> Result<(), Error> {
    let limit = statement_timeout_ms(until);
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
    let mut rows = RowBuffer::default();
    while let Some(row) = result.next().await? {
        let values: Vec<String> = row.unwrap_raw().into_iter().map(value_text).collect();
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
    seen.types = Some(columns.iter().map(type_name).collect());
    seen.rows = Some(rows.rows);
    Ok(())
}

/// A value as the server wrote it.
fn value_text(value: Option<Value>) -> String {
    match value {
        None | Some(Value::NULL) => "NULL".to_owned(),
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(other) => other.as_sql(true),
    }
}

/// A column's type as it is written in SQL, without its width.
fn type_name(column: &Column) -> String {
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
