//! Labs, from creating one to its grade.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use plateau_core::api::{
    CandidateLabView, CheckRequest, CreateLabRequest, ExecRequest, ExecResult, LabGradeView,
    LabView, SolveRequest, SolveResult,
};
use plateau_core::error::ErrorCode;
use plateau_core::problem::nearest;
use plateau_exam::access::Principal;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::failure::{ApiResult, Failure, Failures, JsonBody, PathParams};
use super::{Api, files};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_lab, list_labs))
        .routes(routes!(get_lab, remove_lab))
        .routes(routes!(start_lab_clock))
        .routes(routes!(solve_lab))
        .routes(routes!(check_lab))
        .routes(routes!(exec_in_node))
        .routes(routes!(reboot_node))
}

/// Shortest prefix of an identifier that selects a lab.
const PREFIX: usize = 4;

/// Creates a lab and responds at once; it is built in the background, and its events report the progress
#[utoipa::path(post, path = "/v1/labs", tag = "labs", operation_id = "createLab", request_body = CreateLabRequest,
    responses((status = 201, body = LabView), Failures))]
pub(super) async fn create_lab(
    State(api): State<Api>,
    JsonBody(lab): JsonBody<CreateLabRequest>,
) -> ApiResult<(StatusCode, Json<LabView>)> {
    files::check(&lab.files)?;
    Ok((StatusCode::CREATED, Json(api.labs.create(lab).await?)))
}

/// Lists all labs in the order of their creation
#[utoipa::path(get, path = "/v1/labs", tag = "labs", operation_id = "listLabs",
    responses((status = 200, body = Vec<LabView>), Failures))]
pub(super) async fn list_labs(State(api): State<Api>) -> Json<Vec<LabView>> {
    Json(api.labs.list())
}

/// A lab, with what the client may see of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum LabResponse {
    /// For staff.
    Full(Box<LabView>),
    /// For its candidate.
    Candidate(CandidateLabView),
}

/// Returns a lab; its candidate sees neither the seed nor the nodes that they cannot enter
#[utoipa::path(get, path = "/v1/labs/{lab}", tag = "labs", operation_id = "getLab",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters")),
    responses((status = 200, body = LabResponse), Failures))]
pub(super) async fn get_lab(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    PathParams(lab): PathParams<String>,
) -> ApiResult<Json<LabResponse>> {
    let lab = find(&api, &lab)?;
    Ok(Json(match principal.is_candidate() {
        true => LabResponse::Candidate(CandidateLabView::of(lab)),
        false => LabResponse::Full(Box::new(lab)),
    }))
}

/// Removes a lab and responds when all of it is removed
#[utoipa::path(delete, path = "/v1/labs/{lab}", tag = "labs", operation_id = "deleteLab",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters")),
    responses((status = 204, description = "The lab is removed"), Failures))]
pub(super) async fn remove_lab(
    State(api): State<Api>,
    PathParams(lab): PathParams<String>,
) -> ApiResult<StatusCode> {
    let lab = find(&api, &lab)?.id;
    api.labs.down(&lab).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs the solutions of a lab, then optionally a mistake; a script that fails is part of the response, not an error
#[utoipa::path(post, path = "/v1/labs/{lab}/solve", tag = "labs", operation_id = "solveLab", request_body = SolveRequest,
    params(("lab" = String, Path, description = "Name, identifier, or its first characters")),
    responses((status = 200, body = SolveResult), Failures))]
pub(super) async fn solve_lab(
    State(api): State<Api>,
    PathParams(lab): PathParams<String>,
    JsonBody(solve): JsonBody<SolveRequest>,
) -> ApiResult<Json<SolveResult>> {
    let lab = find(&api, &lab)?.id;
    Ok(Json(api.labs.solve(&lab, solve).await?))
}

/// Grades a lab, phase by phase
#[utoipa::path(post, path = "/v1/labs/{lab}/check", tag = "labs", operation_id = "checkLab", request_body = CheckRequest,
    params(("lab" = String, Path, description = "Name, identifier, or its first characters")),
    responses((status = 200, body = LabGradeView), Failures))]
pub(super) async fn check_lab(
    State(api): State<Api>,
    PathParams(lab): PathParams<String>,
    JsonBody(check): JsonBody<CheckRequest>,
) -> ApiResult<Json<LabGradeView>> {
    let lab = find(&api, &lab)?.id;
    Ok(Json(api.labs.check(&lab, check).await?))
}

/// Starts the candidate's clock, which triggers the scenario's events; a running clock is left alone
#[utoipa::path(post, path = "/v1/labs/{lab}/start", tag = "labs", operation_id = "startLab",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters")),
    responses((status = 200, body = LabView), Failures))]
pub(super) async fn start_lab_clock(
    State(api): State<Api>,
    PathParams(lab): PathParams<String>,
) -> ApiResult<Json<LabView>> {
    let lab = find(&api, &lab)?.id;
    Ok(Json(api.labs.start_clock(&lab).await?))
}

/// Runs a command in a node; its exit status is part of the response, not an error
#[utoipa::path(post, path = "/v1/labs/{lab}/nodes/{node}/exec", tag = "labs", operation_id = "execInNode", request_body = ExecRequest,
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node")),
    responses((status = 200, body = ExecResult), Failures))]
pub(super) async fn exec_in_node(
    State(api): State<Api>,
    PathParams((lab, node)): PathParams<(String, String)>,
    JsonBody(exec): JsonBody<ExecRequest>,
) -> ApiResult<Json<ExecResult>> {
    if exec.argv.is_empty() {
        return Err(Failure::new(
            ErrorCode::BadJson,
            "`argv` is empty: it holds the program and its arguments",
        ));
    }
    let lab = find(&api, &lab)?.id;
    Ok(Json(api.labs.exec(&lab, &node, exec).await?))
}

/// Restarts a node, or starts a stopped one, and responds when it has booted
#[utoipa::path(post, path = "/v1/labs/{lab}/nodes/{node}/reboot", tag = "labs", operation_id = "rebootNode",
    params(("lab" = String, Path, description = "Name, identifier, or its first characters"),
           ("node" = String, Path, description = "Name of the node")),
    responses((status = 204, description = "The node has booted"), Failures))]
pub(super) async fn reboot_node(
    State(api): State<Api>,
    PathParams((lab, node)): PathParams<(String, String)>,
) -> ApiResult<StatusCode> {
    let lab = find(&api, &lab)?.id;
    api.labs.reboot(&lab, &node).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The lab that a name, an identifier or a prefix of one selects.
pub(super) fn find(api: &Api, asked: &str) -> ApiResult<LabView> {
    choose(api.labs.list(), asked)
}

/// A name comes before an identifier, so that no identifier can hide a name.
fn choose(labs: Vec<LabView>, asked: &str) -> ApiResult<LabView> {
    let names: Vec<String> = labs.iter().map(|lab| lab.name.clone()).collect();
    if let Some(found) = labs
        .iter()
        .find(|lab| lab.name == asked)
        .or_else(|| labs.iter().find(|lab| lab.id == asked))
    {
        return Ok(found.clone());
    }
    let mut begin: Vec<LabView> = labs
        .into_iter()
        .filter(|lab| asked.len() >= PREFIX && lab.id.starts_with(asked))
        .collect();
    match begin.len() {
        1 => Ok(begin.remove(0)),
        0 => Err(
            Failure::new(ErrorCode::LabNotFound, format!("no lab named `{asked}`"))
                .hint(nearest(asked, names.iter().map(String::as_str))),
        ),
        _ => {
            let names: Vec<String> = begin.into_iter().map(|lab| lab.name).collect();
            Err(Failure::new(
                ErrorCode::LabAmbiguous,
                format!("`{asked}` begins the identifiers of several labs"),
            )
            .hint(format!("they are {}", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plateau_core::api::LabState;

    use super::*;

    fn lab(id: &str, name: &str) -> LabView {
        LabView {
            id: id.to_owned(),
            name: name.to_owned(),
            scenario: String::new(),
            hash: String::new(),
            title: BTreeMap::new(),
            seed: String::new(),
            parameters: BTreeMap::new(),
            reopened: None,
            state: LabState::Ready,
            created: String::new(),
            nodes: BTreeMap::new(),
            started: None,
            events: vec![],
            problem: None,
        }
    }

    #[test]
    fn a_lab_is_found_by_name_identifier_and_its_beginning() {
        let labs = vec![
            lab("0198aa11", "web-1"),
            lab("0198aa22", "0198aa11"),
            lab("0198bb33", "dns-1"),
        ];
        let name = |asked: &str| {
            choose(labs.clone(), asked)
                .map_or_else(|error| error.0.code.to_string(), |lab| lab.name)
        };
        assert_eq!(name("web-1"), "web-1");
        assert_eq!(name("0198aa11"), "0198aa11");
        assert_eq!(name("0198b"), "dns-1");
        assert_eq!(name("0198bb33"), "dns-1");
        assert_eq!(name("0198"), "lab-ambiguous");
        assert_eq!(name("019"), "lab-not-found");
        assert_eq!(name(""), "lab-not-found");
    }

    #[test]
    fn what_is_not_there_is_answered_with_the_names_that_are() {
        let hint = choose(vec![lab("0198aa11", "web-1")], "wbe-1")
            .unwrap_err()
            .0
            .hint;
        assert_eq!(hint.unwrap(), "did you mean `web-1`? allowed: web-1");
    }
}
