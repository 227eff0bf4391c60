//! The daemon itself and its host.

use axum::Json;
use axum::extract::State;
use plateau_core::api::{Diagnosis, Version};

use super::Api;
use super::failure::Failures;
use crate::doctor;

/// The daemon's name, version and runtime
#[utoipa::path(get, path = "/v1/version", tag = "system", security(()),
    responses((status = 200, body = Version), Failures))]
pub(super) async fn version(State(api): State<Api>) -> Json<Version> {
    Json(Version {
        name: "plateaud".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime: api.labs.runtime().name().to_owned(),
        ssh: api.ssh.clone(),
    })
}

/// What the host has and lacks, each with its remedy
#[utoipa::path(get, path = "/v1/doctor", tag = "system",
    responses((status = 200, body = Diagnosis), Failures))]
pub(super) async fn doctor(State(api): State<Api>) -> Json<Diagnosis> {
    let mut diagnosis = doctor::diagnose(&api.labs, &api.images).await;
    diagnosis
        .findings
        .extend(api.ssh.as_ref().map(doctor::of_ssh));
    Json(diagnosis)
}

/// This document
#[utoipa::path(get, path = "/v1/openapi.json", tag = "system", security(()),
    responses((status = 200, body = Object), Failures))]
pub(super) async fn openapi() -> Json<&'static utoipa::openapi::OpenApi> {
    Json(super::document())
}
