//! The daemon and its host.

use axum::Json;
use axum::extract::State;
use plateau_core::api::{Diagnosis, Health, HostFinding, SshView, Version};
use plateau_labs::doctor;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::failure::Failures;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_version))
        .routes(routes!(diagnose_host))
        .routes(routes!(get_openapi))
}

/// Returns the name, version and runtime of the daemon
#[utoipa::path(get, path = "/v1/version", tag = "system", operation_id = "getVersion", security(()),
    responses((status = 200, body = Version), Failures))]
pub(super) async fn get_version(State(api): State<Api>) -> Json<Version> {
    Json(Version {
        name: "plateaud".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime: api.labs.runtime().name().to_owned(),
        ssh: api.ssh.clone(),
    })
}

/// Diagnoses the host: lists what it has and lacks, with remedies
#[utoipa::path(get, path = "/v1/doctor", tag = "system", operation_id = "getDiagnosis",
    responses((status = 200, body = Diagnosis), Failures))]
pub(super) async fn diagnose_host(State(api): State<Api>) -> Json<Diagnosis> {
    let mut diagnosis = doctor::diagnose(&api.labs, &api.images).await;
    diagnosis.findings.extend(api.ssh.as_ref().map(of_ssh));
    Json(diagnosis)
}

/// Where SSH is served, and the fingerprint that clients show at their first connection.
fn of_ssh(ssh: &SshView) -> HostFinding {
    let SshView {
        address,
        fingerprint,
    } = ssh;
    HostFinding {
        subject: "ssh".to_owned(),
        health: Health::Good,
        seen: format!("{address}, host key {fingerprint}"),
        remedy: None,
    }
}

/// Returns this OpenAPI document
#[utoipa::path(get, path = "/v1/openapi.json", tag = "system", operation_id = "getOpenapi", security(()),
    responses((status = 200, body = Object), Failures))]
pub(super) async fn get_openapi() -> Json<&'static utoipa::openapi::OpenApi> {
    Json(super::document())
}
