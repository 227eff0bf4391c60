//! Health, liveness and readiness of the daemon.

use std::collections::BTreeMap;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use plateau_labs::disk::DiskSpace;
use plateau_labs::error::chain;
use serde::{Deserialize, Serialize};

use super::Api;
use super::failure::{ApiResult, Failures};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_liveness))
        .routes(routes!(get_readiness))
}

/// Longest time that a component may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Health: the daemon serves, and its container engine answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct HealthView {
    /// Version of the container engine.
    engine: String,
}

/// Liveness: the daemon serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct LivenessView {
    /// Always `true`: a daemon that is not alive does not answer.
    live: bool,
}

/// Readiness: whether all components answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct ReadinessView {
    /// Whether all components answer.
    ready: bool,
    /// Component → whether it answers. The reason why one does not is in the log only, since this route
    /// requires no authentication.
    parts: BTreeMap<String, bool>,
}

/// Reports whether the daemon serves and its container engine answers
#[utoipa::path(get, path = "/v1/health", tag = "system", operation_id = "getHealth", security(()),
    responses((status = 200, body = HealthView), Failures))]
pub(super) async fn get_health(State(api): State<Api>) -> ApiResult<Json<HealthView>> {
    let engine = api.labs.runtime().info().await?.version;
    Ok(Json(HealthView { engine }))
}

/// Liveness probe: a daemon that does not answer should be restarted
#[utoipa::path(get, path = "/v1/health/live", tag = "system", operation_id = "getLiveness", security(()),
    responses((status = 200, body = LivenessView), Failures))]
pub(super) async fn get_liveness() -> Json<LivenessView> {
    Json(LivenessView { live: true })
}

/// Readiness probe: reports whether every component that the daemon depends on answers
#[utoipa::path(get, path = "/v1/health/ready", tag = "system", operation_id = "getReadiness", security(()),
    responses((status = 200, body = ReadinessView), Failures,
        (status = 503, body = ReadinessView, description = "The daemon is not ready: `parts` names the components that do not answer")))]
pub(super) async fn get_readiness(State(api): State<Api>) -> (StatusCode, Json<ReadinessView>) {
    let engine = async { api.labs.runtime().info().await.map(drop) };
    let database = api.sessions.database().ping();
    // Whatever else the daemon comes to stand on is one more line here.
    let parts = BTreeMap::from([
        ("database".to_owned(), answers("database", database).await),
        ("disk".to_owned(), has_room(&api)),
        ("engine".to_owned(), answers("engine", engine).await),
    ]);
    let ready = parts.values().all(|answers| *answers);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(ReadinessView { ready, parts }))
}

/// Whether the disk of the state folder has space.
fn has_room(api: &Api) -> bool {
    match api.labs.disk().look().room {
        DiskSpace::Ample | DiskSpace::Low => true,
        DiskSpace::Full => {
            tracing::warn!(part = "disk", reason = "it is full", "not ready");
            false
        }
    }
}

/// Whether a component answers in time.
async fn answers<E: std::error::Error + 'static>(
    part: &'static str,
    asked: impl Future<Output = Result<(), E>>,
) -> bool {
    let reason = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    tracing::warn!(part, reason, "not ready");
    false
}
