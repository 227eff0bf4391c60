//! PostgreSQL.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::TryStreamExt;
use plateau_core::question::sql::{SqlQuestion, SqlSeen};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};

use super::super::context::ProbeContext;
use super::super::stream::Stream;
use super::super::verifier::recording_verifier;
use super::result::{RowBuffer, record_error, statement_timeout_ms};

/// Most bytes of a result that are read.
const RESULT_LIMIT: u64 = 16 << 20;

pub(super) async fn observe(
    question: &SqlQuestion,
    context: &ProbeContext,
    until: Instant,
    seen: &mut SqlSeen,
) -> anyhow::Result<()> {
    let (_, tls) = recording_verifier(None).await?;
    let port = question.port.unwrap_or(5432);
    let limit = context.network_limit();
    let Some(stream) = Stream::open(&question.host, port, limit, RESULT_LIMIT).await? else {
        return Ok(());
    };
    let upgrade = TlsUpgrade {
        host: question.host.clone(),
        config: Arc::new(tls),
    };
    let (client, connection) = match connection_config(question)
        .connect_raw(stream, upgrade)
        .await
    {
        Ok(connected) => connected,
        Err(error) => {
            record_server_error(seen, &error);
            return Ok(());
        }
    };
    // The task ends when the client is dropped.
    tokio::spawn(connection);
    seen.connected = Some(true);
    seen.logged_in = Some(true);
    match run_statement(&client, question, context, until, seen).await {
        Ok(()) => seen.ran = Some(true),
        Err(error) => record_server_error(seen, &error),
    }
    if !question.commit {
        // A lost connection is rolled back as well.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    Ok(())
}

fn connection_config(question: &SqlQuestion) -> Config {
    let mut config = Config::new();
    config
        .user(&question.user)
        // Without one, the client would give up instead of reporting the server's refusal.
        .password(question.password.as_deref().unwrap_or_default())
        .dbname(question.database.as_ref().unwrap_or(&question.user))
        .application_name("plateau")
        .ssl_mode(match question.tls {
            true => SslMode::Require,
            false => SslMode::Disable,
        });
    config
}

fn record_server_error(seen: &mut SqlSeen, error: &Error) {
    if let Some(server_error) = error.as_db_error() {
        record_error(
            seen,
            server_error.code().code().to_owned(),
            server_error.message(),
        );
    }
}

async fn run_statement(
    client: &Client,
    question: &SqlQuestion,
    context: &ProbeContext,
    until: Instant,
    seen: &mut SqlSeen,
) -> Result<(), Error> {
    // Rows must not depend on settings of an account or a database.
    let limit = statement_timeout_ms(until);
    let settings = format!(
        "SET statement_timeout = {limit}; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; \
         SET bytea_output = 'hex'; SET extra_float_digits = 1"
    );
    client.batch_execute(&settings).await?;
    if !question.commit {
        client.batch_execute("BEGIN").await?;
    }
    if context.wants("types") {
        let prepared = client.prepare(&question.statement).await?;
        let types = prepared.columns().iter();
        seen.types = Some(
            types
                .map(|column| column.type_().name().to_owned())
                .collect(),
        );
    }
    let mut rows = RowBuffer::default();
    let mut columns = Vec::new();
    let mut changed = 0;
    let mut messages = pin!(client.simple_query_raw(&question.statement).await?);
    while let Some(message) = messages.try_next().await? {
        if let SimpleQueryMessage::RowDescription(description) = message {
            let names = description.iter().map(|column| column.name().to_owned());
            columns = names.collect();
            rows = RowBuffer::default();
        } else if let SimpleQueryMessage::Row(row) = message {
            let values = (0..row.len()).map(|index| row.get(index).unwrap_or("NULL"));
            rows.push(&values.map(str::to_owned).collect::<Vec<_>>());
        } else if let SimpleQueryMessage::CommandComplete(count) = message {
            changed = count;
        }
    }
    seen.count = match columns.is_empty() {
        true => i64::try_from(changed).ok(),
        false => Some(rows.count),
    };
    seen.columns = Some(columns);
    seen.rows = Some(rows.rows);
    Ok(())
}

/// Upgrades the connection to TLS if the server agrees.
struct TlsUpgrade {
    host: String,
    config: Arc<ClientConfig>,
}

impl TlsConnect<Stream> for TlsUpgrade {
    type Stream = TlsStreamAdapter;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStreamAdapter>> + Send>>;

    fn connect(self, stream: Stream) -> Self::Future {
        Box::pin(async move {
            Ok(TlsStreamAdapter(
                stream.upgrade_to_tls(&self.host, self.config).await?,
            ))
        })
    }
}

/// A connection over TLS, without channel binding.
struct TlsStreamAdapter(Stream);

impl TlsStream for TlsStreamAdapter {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for TlsStreamAdapter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsStreamAdapter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
