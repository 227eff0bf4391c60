//! The OpenAPI document.

use std::collections::BTreeSet;

use plateau_core::error::ErrorCode;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::house::House;

#[tokio::test]
async fn the_document_names_every_route_with_its_errors_and_every_route_is_served() {
    let house = House::open().await;
    let document: Value = house.get("/v1/openapi.json").await.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            let responses = &operation["responses"];
            for status in ["400", "401", "404", "500"] {
                let schema = &responses[status]["content"]["application/json"]["schema"];
                assert_eq!(
                    schema["$ref"], "#/components/schemas/ApiError",
                    "{method} {path}"
                );
            }
            let filled = path
                .replace("{lab}", "none")
                .replace("{node}", "none")
                .replace("{attempt}", "none")
                .replace("{grading}", "none")
                .replace("{session}", "none")
                .replace("{number}", "none");
            let method: Method = method.to_uppercase().parse().unwrap();
            let response = house.ask(method, &filled, None).await;
            assert_ne!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            if response.status() == StatusCode::NOT_FOUND {
                let error: Value = response.json().await.unwrap();
                assert_ne!(error["code"], "route-not-found", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn whatever_the_document_refers_to_is_in_it() {
    let document = serde_json::to_value(plateaud::http::document()).unwrap();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.contains("#/components/schemas/LabView"));
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn what_stands_in_a_path_and_nothing_else_is_a_parameter_of_the_path() {
    let document = serde_json::to_value(plateaud::http::document()).unwrap();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let names = path.split('/').filter_map(|part| part.strip_prefix('{'));
        let names: BTreeSet<&str> = names.filter_map(|part| part.strip_suffix('}')).collect();
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array();
            let (in_path, others): (Vec<&Value>, Vec<&Value>) = parameters
                .into_iter()
                .flatten()
                .partition(|parameter| parameter["in"] == "path");
            let told = in_path
                .iter()
                .map(|parameter| parameter["name"].as_str().unwrap());
            assert_eq!(told.collect::<BTreeSet<_>>(), names, "{method} {path}");
            assert!(
                in_path
                    .iter()
                    .all(|parameter| parameter["required"] == true)
            );
            assert!(
                others.iter().all(|parameter| parameter["in"] == "query"),
                "{method} {path}"
            );
            let id = operation["operationId"].as_str().unwrap();
            assert!(
                id.chars().all(|letter| letter.is_ascii_alphabetic()),
                "`{id}` is not a valid operation id"
            );
            assert!(ids.insert(id), "two operations are called `{id}`");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert_ne!(response["description"], "", "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn the_codes_of_errors_are_a_closed_set() {
    let document = serde_json::to_value(plateaud::http::document()).unwrap();
    let codes = &document["components"]["schemas"]["ErrorCode"]["enum"];
    let all: Vec<&str> = ErrorCode::ALL.iter().map(ErrorCode::as_str).collect();
    assert_eq!(codes, &serde_json::json!(all));
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                references.insert(reference.clone());
            }
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
