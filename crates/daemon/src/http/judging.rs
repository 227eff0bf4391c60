//! Judging: gradings of attempts, what jurors say of them, and the evidence of both.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use plateau_core::api::{
    AcceptGrading, EvidenceKeyView, GradingView, JudgementsView, NewGrading, Proposal,
};
use plateau_core::exam::judgement::{Judgement, Outcome, Word};
use serde::Deserialize;

use super::failure::{Answer, Asked, Failure, Failures, Named, Sent};
use super::{Api, files, labs};
use crate::access::Principal;
use crate::judging::KeptLab;
use crate::labs::folder_of;

/// Through whose eyes something is looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Viewer {
    /// For the administrator on the machine: the juror; nobody of the jury where absent
    #[serde(default)]
    juror: String,
}

/// As whom somebody looks: everybody as himself, but for the administrator on the machine, who could
/// read the database as well. Programs are no jurors.
fn viewer(principal: &Principal, asked: Viewer) -> String {
    match principal {
        Principal::Local => asked.juror,
        Principal::Account { account, .. } => account.name.clone(),
        Principal::Nobody | Principal::Token(_) | Principal::Seat { .. } => String::new(),
    }
}

/// That a word is said by whom it names. The administrator on the machine may enter what jurors said.
fn in_person(principal: &Principal, word: &Word) -> Answer<()> {
    let own = match principal {
        Principal::Local => true,
        Principal::Account { account, .. } => account.name == word.juror,
        Principal::Nobody | Principal::Token(_) | Principal::Seat { .. } => false,
    };
    if own {
        return Ok(());
    }
    Err(Failure::input(
        "forbidden",
        format!("nobody but `{}` can say this", word.juror),
    ))
}

/// The public key that bundles of evidence are verified with, and its fingerprint
#[utoipa::path(get, path = "/v1/evidence/key", tag = "judging", security(()),
    responses((status = 200, body = EvidenceKeyView), Failures))]
pub(super) async fn key(State(api): State<Api>) -> Answer<Json<EvidenceKeyView>> {
    Ok(Json(api.judging.public_key()?))
}

/// The evidence of an attempt as one signed archive
#[utoipa::path(get, path = "/v1/attempts/{attempt}/evidence.tar", tag = "judging",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-tar"), Failures))]
pub(super) async fn export(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named(attempt): Named<String>,
) -> Answer<impl IntoResponse> {
    let actor = principal.actor();
    let bundle = api
        .judging
        .export(&attempt, &actor, BTreeMap::new())
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
#[utoipa::path(get, path = "/v1/attempts/{attempt}/gradings", tag = "judging",
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 200, body = Vec<GradingView>), Failures))]
pub(super) async fn gradings(
    State(api): State<Api>,
    Named(attempt): Named<String>,
) -> Answer<Json<Vec<GradingView>>> {
    Ok(Json(api.judging.gradings(&attempt).await?))
}

/// Grades an attempt by a mended scenario and shows old against new; it counts once it is accepted
#[utoipa::path(post, path = "/v1/attempts/{attempt}/gradings", tag = "judging", request_body = NewGrading,
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 201, body = Proposal), Failures))]
pub(super) async fn regrade(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named(attempt): Named<String>,
    Sent(new): Sent<NewGrading>,
) -> Answer<(StatusCode, Json<Proposal>)> {
    files::check(&new.files)?;
    let folder = folder_of(&new.files)?;
    let lab = match &new.lab {
        Some(lab) => Some(labs::find(&api, lab)?.id),
        None => None,
    };
    let kept = lab.as_deref().map(|lab| KeptLab {
        labs: &api.labs,
        lab,
    });
    let actor = principal.actor();
    let regraded = api
        .judging
        .regrade(&attempt, folder, &actor, &new.reason, kept);
    Ok((StatusCode::CREATED, Json(regraded.await?)))
}

/// Lets a grading count in place of the one that did, which stays and can be returned to
#[utoipa::path(post, path = "/v1/attempts/{attempt}/gradings/{grading}/accept", tag = "judging",
    request_body = AcceptGrading,
    params(("attempt" = String, Path, description = "Identifier"),
           ("grading" = String, Path, description = "Identifier of the grading")),
    responses((status = 200, body = Vec<GradingView>), Failures))]
pub(super) async fn accept(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named((attempt, grading)): Named<(String, String)>,
    Sent(accept): Sent<AcceptGrading>,
) -> Answer<Json<Vec<GradingView>>> {
    let actor = principal.actor();
    let accepted = api
        .judging
        .accept(&attempt, &grading, &actor, &accept.reason);
    Ok(Json(accepted.await?))
}

/// Says something as a juror; what was said before stays
#[utoipa::path(post, path = "/v1/attempts/{attempt}/judgements", tag = "judging", request_body = Word,
    params(("attempt" = String, Path, description = "Identifier")),
    responses((status = 201, body = Judgement), Failures))]
pub(super) async fn judge(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named(attempt): Named<String>,
    Sent(word): Sent<Word>,
) -> Answer<(StatusCode, Json<Judgement>)> {
    in_person(&principal, &word)?;
    let judgement = api
        .judging
        .judge(&attempt, &principal.actor(), word)
        .await?;
    Ok((StatusCode::CREATED, Json(judgement)))
}

/// What was said, as far as a juror may see it
#[utoipa::path(get, path = "/v1/attempts/{attempt}/judgements", tag = "judging",
    params(("attempt" = String, Path, description = "Identifier"), Viewer),
    responses((status = 200, body = JudgementsView), Failures))]
pub(super) async fn judgements(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named(attempt): Named<String>,
    Asked(asked): Asked<Viewer>,
) -> Answer<Json<JudgementsView>> {
    let juror = viewer(&principal, asked);
    Ok(Json(api.judging.judgements(&attempt, &juror).await?))
}

/// What an attempt comes to: points with rubrics and overrides, skills and blocks as proposed and
/// decided, and what is missing
#[utoipa::path(get, path = "/v1/attempts/{attempt}/outcome", tag = "judging",
    params(("attempt" = String, Path, description = "Identifier"), Viewer),
    responses((status = 200, body = Outcome), Failures))]
pub(super) async fn outcome(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Named(attempt): Named<String>,
    Asked(asked): Asked<Viewer>,
) -> Answer<Json<Outcome>> {
    let juror = viewer(&principal, asked);
    Ok(Json(api.judging.outcome(&attempt, &juror).await?))
}
