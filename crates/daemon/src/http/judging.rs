//! Judging: gradings of attempts, what jurors say of them, and the evidence of both.

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
use plateau_labs::labs::folder_of;
use serde::Deserialize;

use super::document::Binary;
use super::failure::{ApiResult, Failure, Failures, JsonBody, PathParams, QueryParams};
use super::{Api, files};
use crate::access::Principal;
use crate::judging::CorrectedScenario;

/// Through whose eyes something is looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct JurorQuery {
    /// The juror; nobody of the jury where absent
    #[serde(default)]
    #[param(required = false)]
    juror: String,
}

/// The public key that bundles of evidence are verified with, and its fingerprint
#[utoipa::path(get, path = "/v1/evidence/key", tag = "judging", operation_id = "getEvidenceKey", security(()),
    responses((status = 200, body = EvidenceKeyView), Failures))]
pub(super) async fn get_evidence_key(State(api): State<Api>) -> ApiResult<Json<EvidenceKeyView>> {
    Ok(Json(api.judging.public_key()?))
}

/// The evidence of an attempt as one signed archive
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

/// The gradings of an attempt in the order in which they were done; one of them counts
#[utoipa::path(get, path = "/v1/attempts/{attempt}/gradings", tag = "judging", operation_id = "listGradings",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<GradingView>), Failures))]
pub(super) async fn list_gradings(
    State(api): State<Api>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<Json<Vec<GradingView>>> {
    Ok(Json(api.judging.gradings(&attempt).await?))
}

/// Grades an attempt by a mended scenario and shows old against new; it counts once it is accepted
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

/// Lets a grading count in place of the one that did, which stays and can be returned to
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

/// Opens the lab of an attempt again as it was handed in, for those who judge to look around in it;
/// answers once it can be entered. What is done in it changes nothing of what was kept
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

/// Removes the lab that was opened again for those who judge an attempt
#[utoipa::path(delete, path = "/v1/attempts/{attempt}/lab", tag = "judging", operation_id = "closeReopenedLab",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 204, description = "It is gone"), Failures))]
pub(super) async fn remove_reopened_lab(
    State(api): State<Api>,
    PathParams(attempt): PathParams<String>,
) -> ApiResult<StatusCode> {
    api.sessions.conducting().leave(&attempt).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says something as a juror; what was said before stays
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

/// What was said, as far as a juror may see it
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

/// What an attempt comes to: points with rubrics and overrides, skills and blocks as proposed and
/// decided, and what is missing
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

/// Through whose eyes somebody may look: an account through its own alone; the local administrator
/// acts for whom they name, and a program is nobody.
fn juror(principal: &Principal, named: &str) -> String {
    match principal {
        Principal::Account { account, .. } => account.name.clone(),
        Principal::Local => named.to_owned(),
        Principal::Nobody | Principal::Token(_) | Principal::Seat { .. } => String::new(),
    }
}
