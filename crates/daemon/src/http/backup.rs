//! A backup as a stream.

use std::io::{self, BufWriter, Write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use plateau_exam::backup::Prepared;
use plateau_labs::error::chain;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Api;
use super::document::Binary;
use super::failure::{ApiResult, Failure, Failures};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(download_backup))
}

/// Bytes that are sent at a time.
const PIECE: usize = 64 << 10;

/// Pieces that may wait for the client.
const WAITING: usize = 8;

/// Returns a backup of the present state, as a gzip-compressed tar archive
///
/// It contains the rows of the database, the files of the state folder (including keys), and at the
/// end a manifest with their hashes. An archive without its manifest is incomplete.
#[utoipa::path(get, path = "/v1/backup", tag = "system", operation_id = "getBackup",
    responses((status = 200, body = Binary, content_type = "application/gzip"), Failures))]
pub(super) async fn download_backup(State(api): State<Api>) -> ApiResult<impl IntoResponse> {
    let (database, clock) = (api.sessions.database(), api.sessions.clock());
    let prepared = Prepared::take(database, &api.labs.settings().state, clock).await;
    let prepared = prepared.map_err(|error| Failure(error.api()))?;
    let (pieces, sent) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let outlet = BufWriter::with_capacity(PIECE, BodyWriter(pieces.clone()));
        let written = prepared.write(outlet).map_err(|error| chain(&error));
        let sent = written.and_then(|mut outlet| outlet.flush().map_err(|error| chain(&error)));
        if let Err(reason) = sent {
            tracing::warn!(reason, "a backup is not whole");
            // So that the client hears of it, where there still is one.
            let _ = pieces.blocking_send(Err(io::Error::other(reason)));
        }
    });
    let kind = [
        (header::CONTENT_TYPE, "application/gzip"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"plateau-backup.tar.gz\"",
        ),
    ];
    Ok((kind, Body::from_stream(ReceiverStream::new(sent))))
}

/// Writes the archive into the body of the response.
struct BodyWriter(mpsc::Sender<io::Result<Bytes>>);

impl Write for BodyWriter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(piece)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
