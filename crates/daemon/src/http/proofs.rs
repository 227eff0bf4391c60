//! Proofs that a scenario grades fairly.

use std::convert::Infallible;
use std::future::ready;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use plateau_core::api::{ProofEvent, ProofRequest};
use plateau_labs::labs::folder_of;
use plateau_labs::proof;
use serde::Serialize;
use tokio_stream::wrappers::ReceiverStream;

use super::failure::{ApiResult, Failures, JsonBody};
use super::{Api, files};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(prove_scenario))
}

/// Proves in separate labs that a scenario grades fairly; disconnecting cancels the proof and removes its labs
#[utoipa::path(post, path = "/v1/proofs", tag = "proofs", operation_id = "proveScenario", request_body = ProofRequest,
    responses((status = 200, body = ProofEvent, content_type = "application/x-ndjson",
        description = "An event per line; the last is `proven` or `broken`"), Failures))]
pub(super) async fn prove_scenario(
    State(api): State<Api>,
    JsonBody(proof): JsonBody<ProofRequest>,
) -> ApiResult<Response> {
    files::check(&proof.files)?;
    let hash = folder_of(&proof.files)?.hash();
    let events = proof::prove(&api.labs, proof).await?;
    let sessions = api.sessions.clone();
    let events = ReceiverStream::new(events).then(move |event| {
        let (sessions, hash) = (sessions.clone(), hash.clone());
        async move {
            if let ProofEvent::Proven { proof, .. } = &event {
                sessions.arranging().record_proof(&hash, proof).await;
            }
            event
        }
    });
    Ok(lines(events, &api))
}

/// A response of one JSON value per line, until the stream or the daemon ends.
pub(super) fn lines<T: Serialize + Send + 'static>(
    events: impl Stream<Item = T> + Send + 'static,
    api: &Api,
) -> Response {
    let lines = events
        .filter_map(|event| ready(line(&event)))
        .take_until(api.stop.clone().cancelled_owned());
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(lines)).into_response()
}

fn line(event: &impl Serialize) -> Option<Result<Bytes, Infallible>> {
    match serde_json::to_vec(event) {
        Ok(mut line) => {
            line.push(b'\n');
            Some(Ok(Bytes::from(line)))
        }
        Err(error) => {
            tracing::error!(%error, "an event could not be written");
            None
        }
    }
}
