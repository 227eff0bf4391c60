//! Judging: gradings of attempts, judgements of jurors, and the evidence of both.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use plateau_core::api::{
    AcceptGradingRequest, EvidenceKeyView, GradingView, JudgementsView, LabView, RegradeRequest,
    RegradingProposal,
};
use plateau_core::error::ErrorCode;
use plateau_core::exam::judgement::{Judgement, JurorStatement, Outcome};
use plateau_exam::access::Principal;
use plateau_exam::judging::CorrectedScenario;
use plateau_labs::labs::folder_of;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::Binary;
use super::failure::{ApiResult, Failure, Failures, JsonBody, PathParams, QueryParams};
use super::{Api, files};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_evidence_key))
        .routes(routes!(export_evidence))
        .routes(routes!(list_gradings, regrade_attempt))
        .routes(routes!(accept_grading))
        .routes(routes!(reopen_lab, remove_reopened_lab))
        .routes(routes!(list_judgements, add_judgement))
        .routes(routes!(get_outcome))
}

/// The juror whose view is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct JurorQuery {
    /// Name of the juror; absent for a view of no juror
    #[serde(default)]
    #[param(required = false)]
    juror: String,
}

/// Returns the public key that verifies evidence archives, and its fingerprint
#[utoipa::path(get, path = "/v1/evidence/key", tag = "judging", operation_id = "getEvidenceKey", security(()),
    responses((status = 200, body = EvidenceKeyView), Failures))]
pub(super) async fn get_evidence_key(State(api): State<Api>) -> ApiResult<Json<EvidenceKeyView>> {
    Ok(Json(api.judging.public_key().clone()))
}

/// Exports the evidence of an attempt as a signed archive
#[utoipa::path(get, path = "/v1/attempts/{attempt}/evidence.tar", tag = "judging", operation_id = "getEvidence",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Binary, content_type = "application/x-tar"), Failures))]
pub(super) async fn export_evidence(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<impl IntoResponse> {
    let bundle = api
        .sessions
        .arranging()
        .export(&attempt, &principal.actor())
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"evidence.tar\"",
        ),
    ];
    Ok((headers, bundle))
}

/// Lists the gradings of an attempt in the order in which they were made; one of them counts
#[utoipa::path(get, path = "/v1/attempts/{attempt}/gradings", tag = "judging", operation_id = "listGradings",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<GradingView>), Failures))]
pub(super) async fn list_gradings(
    State(api): State<Api>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<Json<Vec<GradingView>>> {
    Ok(Json(api.judging.gradings(&attempt).await?))
}

/// Regrades an attempt with a corrected scenario and compares the results; the grading counts once it is accepted
#[utoipa::path(post, path = "/v1/attempts/{attempt}/gradings", tag = "judging", operation_id = "createGrading", request_body = RegradeRequest,
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 201, body = RegradingProposal), Failures))]
pub(super) async fn regrade_attempt(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
    JsonBody(new): JsonBody<RegradeRequest>,
) -> ApiResult<(StatusCode, Json<RegradingProposal>)> {
    files::check(&new.files)?;
    let folder = folder_of(&new.files)?;
    let mended = CorrectedScenario {
        folder,
        reason: new.reason,
        labs: new.ask.then(|| api.labs.clone()),
    };
    let actor = principal.actor();
    let regraded = api.judging.regrade(&attempt, mended, &actor);
    Ok((StatusCode::CREATED, Json(regraded.await?)))
}

/// Accepts a grading, so that it counts in place of the present one, which is kept and can be accepted again
#[utoipa::path(post, path = "/v1/attempts/{attempt}/gradings/{grading}/accept", tag = "judging", operation_id = "acceptGrading",
    request_body = AcceptGradingRequest,
    params(("attempt" = String, Path, description = "Identifier"),
           ("grading" = String, Path, description = "Identifier of the grading")),
    responses((status = 200, body = Vec<GradingView>), Failures))]
pub(super) async fn accept_grading(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams((attempt, grading)): PathParams<(String, String)>,
    JsonBody(accept): JsonBody<AcceptGradingRequest>,
) -> ApiResult<Json<Vec<GradingView>>> {
    let actor = principal.actor();
    let accepted = api
        .judging
        .accept(&attempt, &grading, &actor, &accept.reason);
    Ok(Json(accepted.await?))
}

/// Reopens the lab of an attempt as it was handed in, for inspection; responds when it can be entered
///
/// Changes in the reopened lab do not affect the evidence.
#[utoipa::path(post, path = "/v1/attempts/{attempt}/lab", tag = "judging", operation_id = "reopenLab",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 201, body = LabView), Failures))]
pub(super) async fn reopen_lab(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<(StatusCode, Json<LabView>)> {
    let lab = api
        .sessions
        .conducting()
        .revisit(&attempt, &principal.actor())
        .await?;
    Ok((StatusCode::CREATED, Json(lab)))
}

/// Removes the reopened lab of an attempt
#[utoipa::path(delete, path = "/v1/attempts/{attempt}/lab", tag = "judging", operation_id = "closeReopenedLab",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 204, description = "The lab is removed"), Failures))]
pub(super) async fn remove_reopened_lab(
    State(api): State<Api>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<StatusCode> {
    api.sessions.conducting().leave(&attempt).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a judgement of a juror; earlier judgements are kept
#[utoipa::path(post, path = "/v1/attempts/{attempt}/judgements", tag = "judging", operation_id = "createJudgement", request_body = JurorStatement,
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 201, body = Judgement), Failures))]
pub(super) async fn add_judgement(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
    JsonBody(word): JsonBody<JurorStatement>,
) -> ApiResult<(StatusCode, Json<Judgement>)> {
    if juror(&principal, &word.juror) != word.juror {
        let message = format!("nobody speaks for `{}` but that juror", word.juror);
        return Err(Failure::new(ErrorCode::NotOfTheJury, message));
    }
    let actor = principal.actor();
    let judgement = api.judging.judge(&attempt, &actor, word).await?;
    Ok((StatusCode::CREATED, Json(judgement)))
}

/// Lists the judgements of an attempt that the juror may see
#[utoipa::path(get, path = "/v1/attempts/{attempt}/judgements", tag = "judging", operation_id = "listJudgements",
    params(("attempt" = String, Path, description = "Identifier"), JurorQuery),
    responses((status = 200, body = JudgementsView), Failures))]
pub(super) async fn list_judgements(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
    QueryParams(viewer): QueryParams<JurorQuery>,
) -> ApiResult<Json<JudgementsView>> {
    let viewer = juror(&principal, &viewer.juror);
    let shown = api.judging.judgements(&attempt, &viewer).await?;
    Ok(Json(shown))
}

/// Returns the outcome of an attempt: points with rubrics and overrides, proposed and decided skills and
/// blocks, and what is missing
#[utoipa::path(get, path = "/v1/attempts/{attempt}/outcome", tag = "judging", operation_id = "getOutcome",
    params(("attempt" = String, Path, description = "Identifier"), JurorQuery),
    responses((status = 200, body = Outcome), Failures))]
pub(super) async fn get_outcome(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(attempt): PathParams<String>,
    QueryParams(viewer): QueryParams<JurorQuery>,
) -> ApiResult<Json<Outcome>> {
    let viewer = juror(&principal, &viewer.juror);
    Ok(Json(api.judging.outcome(&attempt, &viewer).await?))
}

/// The juror for whom somebody may act: an account for itself only, the local administrator for the
/// juror that they name, and a program for none.
fn juror(principal: &Principal, named: &str) -> String {
    match principal {
        Principal::Account { account, .. } => account.name.clone(),
        Principal::Local => named.to_owned(),
        Principal::Nobody | Principal::Token(_) | Principal::Seat { .. } => String::new(),
    }
}
