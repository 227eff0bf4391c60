//! The JSON Schema of `scenario.yaml`, made from its types.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "JSON values: only two kinds have parts"
)]

use super::ScenarioSpec;

/// The language's JSON Schema, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(ScenarioSpec).to_value();
    admit_templates(&mut schema);
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), "Plateau scenario, version 1".into());
    }
    schema
}

/// A template may stand where a number or boolean does, and is a text to an editor.
fn admit_templates(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(object) => {
            let scalar = |kind: &serde_json::Value| {
                ["integer", "number", "boolean"]
                    .iter()
                    .any(|name| kind == name)
            };
            let kinds = match object.get("type") {
                Some(serde_json::Value::Array(kinds)) if kinds.iter().any(scalar) => {
                    Some(kinds.clone())
                }
                Some(kind) if scalar(kind) => Some(vec![kind.clone()]),
                _ => None,
            };
            if let Some(mut kinds) = kinds {
                kinds.push("string".into());
                object.insert("type".to_owned(), kinds.into());
                object.insert("pattern".to_owned(), r"\{\{".into());
            }
            object.values_mut().for_each(admit_templates);
        }
        serde_json::Value::Array(elements) => elements.iter_mut().for_each(admit_templates),
        _ => {}
    }
}
