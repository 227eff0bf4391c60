//! The daemon itself and its host.

use axum::Json;
use axum::extract::State;
use plateau_core::api::{Diagnosis, Version};
use serde::{Deserialize, Serialize};

use super::Api;
use super::failure::{Answer, Failures};
use crate::doctor;

/// That the daemon serves and its engine answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Alive {
    /// Version of the engine.
    engine: String,
}

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

/// Whether the daemon serves and its engine answers
#[utoipa::path(get, path = "/v1/health", tag = "system", security(()),
    responses((status = 200, body = Alive), Failures))]
pub(super) async fn health(State(api): State<Api>) -> Answer<Json<Alive>> {
    let engine = api.labs.runtime().info().await?.version;
    Ok(Json(Alive { engine }))
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
