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

use super::super::certificate::witness;
use super::super::context::ProbeContext;
use super::super::stream::Stream;
use super::{Rows, refused, statement_limit};

/// Most that is read of a result, in bytes.
const RESULT_LIMIT: u64 = 16 << 20;

pub(super) async fn ask(
    question: &SqlQuestion,
    look: &ProbeContext,
    until: Instant,
    seen: &mut SqlSeen,
) -> anyhow::Result<()> {
    let (_, tls) = witness(None).await?;
    let port = question.port.unwrap_or(5432);
    let limit = look.network_limit();
    let Some(stream) = Stream::open(&question.host, port, limit, RESULT_LIMIT).await? else {
        return Ok(());
    };
    let upgrade = Upgrade {
        host: question.host.clone(),
        config: Arc::new(tls),
    };
    let (client, connection) = match config(question).connect_raw(stream, upgrade).await {
        Ok(connected) => connected,
        Err(error) => {
            note(seen, &error);
            return Ok(());
        }
    };
    // It ends with its client.
    tokio::spawn(connection);
    seen.connected = Some(true);
    seen.logged_in = Some(true);
    match run(&client, question, look, until, seen).await {
        Ok(()) => seen.ran = Some(true),
        Err(error) => note(seen, &error),
    }
    if !question.commit {
        // A connection that is lost is rolled back, too.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    Ok(())
}

fn config(question: &SqlQuestion) -> Config {
    let mut config = Config::new();
    config
        .user(&question.user)
        // A server that asks for one says more by refusing an empty one than a client that gives up.
        .password(question.password.as_deref().unwrap_or_default())
        .dbname(question.database.as_ref().unwrap_or(&question.user))
        .application_name("plateau")
        .ssl_mode(match question.tls {
            true => SslMode::Require,
            false => SslMode::Disable,
        });
    config
}

fn note(seen: &mut SqlSeen, error: &Error) {
    if let Some(said) = error.as_db_error() {
        refused(seen, said.code().code().to_owned(), said.message());
    }
}

async fn run(
    client: &Client,
    question: &SqlQuestion,
    look: &ProbeContext,
    until: Instant,
    seen: &mut SqlSeen,
) -> Result<(), Error> {
    // Rows must not depend on what an account or a database has set.
    let limit = statement_limit(until);
    let settings = format!(
        "SET statement_timeout = {limit}; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; \
         SET bytea_output = 'hex'; SET extra_float_digits = 1"
    );
    client.batch_execute(&settings).await?;
    if !question.commit {
        client.batch_execute("BEGIN").await?;
    }
    if look.wants("types") {
        let prepared = client.prepare(&question.statement).await?;
        let types = prepared.columns().iter();
        seen.types = Some(
            types
                .map(|column| column.type_().name().to_owned())
                .collect(),
        );
    }
    let mut rows = Rows::default();
    let mut columns = Vec::new();
    let mut changed = 0;
    let mut messages = pin!(client.simple_query_raw(&question.statement).await?);
    while let Some(message) = messages.try_next().await? {
        if let SimpleQueryMessage::RowDescription(described) = message {
            let names = described.iter().map(|column| column.name().to_owned());
            columns = names.collect();
            rows = Rows::default();
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
    seen.rows = Some(rows.kept);
    Ok(())
}

/// Puts TLS under the conversation where the server agrees.
struct Upgrade {
    host: String,
    config: Arc<ClientConfig>,
}

impl TlsConnect<Stream> for Upgrade {
    type Stream = Upgraded;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Upgraded>> + Send>>;

    fn connect(self, stream: Stream) -> Self::Future {
        Box::pin(async move { Ok(Upgraded(stream.secure(&self.host, self.config).await?)) })
    }
}

/// A connection over TLS. Whether it is the same at both ends is not asked.
struct Upgraded(Stream);

impl TlsStream for Upgraded {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Upgraded {
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
