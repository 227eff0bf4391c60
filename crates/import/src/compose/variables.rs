//! Variables, and the texts that they are put into.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use plateau_core::tree::{Kind, Position, Tree};
use serde_saphyr::PropertySyntax;

use crate::document;
use crate::error::ImportError;

/// Variables of a file of `NAME=value` lines; none where there is no such file.
pub(super) fn environment(path: &Path) -> Result<HashMap<String, String>, ImportError> {
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    let text = document::read_text(path)?;
    let read: Result<HashMap<String, String>, dotenvy::Error> =
        dotenvy::from_read_iter(io::Cursor::new(text)).collect();
    read.map_err(|error| {
        let message = format!("the variables cannot be read: {error}");
        crate::document::refused(
            document::whole(path),
            "bad-variables",
            message,
            "each line is `NAME=value`",
        )
    })
}

/// Puts variables into every text, as the specification does. `unset` gathers those without a value.
pub(super) fn interpolate(
    tree: &mut Tree,
    variables: &HashMap<String, String>,
    unset: &mut BTreeMap<String, Position>,
) -> Result<(), (Position, String)> {
    let at = tree.at;
    match &mut tree.kind {
        Kind::Text { text, .. } if text.contains('$') => {
            for name in bare_names(text) {
                if !variables.contains_key(&name) {
                    unset.entry(name).or_insert(at);
                }
            }
            *text = expanded(text, variables).map_err(|why| (at, why))?;
        }
        Kind::List(elements) => {
            for element in elements {
                interpolate(element, variables, unset)?;
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                interpolate(&mut entry.value, variables, unset)?;
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text { .. } => {}
    }
    Ok(())
}

fn expanded(text: &str, variables: &HashMap<String, String>) -> Result<String, String> {
    let mut options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    }
    .with_properties(variables.clone());
    options.property_syntax = PropertySyntax::DockerCompose;
    // A text of JSON is one of YAML.
    let quoted = serde_json::Value::from(text).to_string();
    serde_saphyr::from_str_with_options(&quoted, options).map_err(|error| {
        let said = error.render();
        let first = said.lines().next().unwrap_or_default();
        let first = first.split(" at line ").next().unwrap_or_default();
        format!("the variables in {text:?} cannot be put in: {first}")
    })
}

/// Names that stand in a text without a value to take instead.
fn bare_names(text: &str) -> Vec<String> {
    let Ok(bare) = regex::Regex::new(r"\$\$|\$(?:(\w+)|\{(\w+)\})") else {
        return Vec::new();
    };
    let names = bare.captures_iter(text).filter_map(|found| {
        let name = found.get(1).or_else(|| found.get(2))?.as_str();
        let is_name = !name.starts_with(|c: char| c.is_ascii_digit());
        is_name.then(|| name.to_owned())
    });
    names.collect()
}
