//! Templates: `{{ parameter }}` in every text, file and script.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "errors of the template engine, an open list"
)]

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use crate::parameter::Value;

/// Steps a template may take; a loop over a thousand values takes some ten thousand.
const FUEL: u64 = 100_000;
/// Largest rendered text in bytes.
const RENDERED_LIMIT: usize = 8 << 20;

/// Renders texts with the values of one draw.
pub(crate) struct Renderer<'a> {
    environment: Environment<'static>,
    values: &'a BTreeMap<String, Value>,
}

/// Why a text cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RenderError {
    /// It names a parameter that is not declared.
    UnknownParameter(String),
    /// It is not a template, or rendering failed: the message, and the line in the text, from 1.
    Failed { message: String, line: u32 },
}

impl<'a> Renderer<'a> {
    /// With these values; what they lack is an error.
    pub(crate) fn new(values: &'a BTreeMap<String, Value>) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(syntax());
        environment.set_fuel(Some(FUEL));
        Self {
            environment,
            values,
        }
    }

    /// Whether there is anything to render.
    pub(crate) fn concerns(text: &str) -> bool {
        ["{{", "{%", "{##"].iter().any(|mark| text.contains(mark))
    }

    /// Renders a text.
    pub(crate) fn render(&self, text: &str) -> Result<String, RenderError> {
        if !Self::concerns(text) {
            return Ok(text.to_owned());
        }
        let template = self
            .environment
            .template_from_str(text)
            .map_err(|error| failed(&error))?;
        let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        names.sort();
        if let Some(unknown) = names
            .into_iter()
            .find(|name| !self.values.contains_key(name) && !self.is_global(name))
        {
            return Err(RenderError::UnknownParameter(unknown));
        }
        let context: BTreeMap<String, minijinja::Value> = self
            .values
            .iter()
            .map(|(name, value)| (name.clone(), template_value(value)))
            .collect();
        let rendered = template
            .render(minijinja::Value::from(context))
            .map_err(|error| failed(&error))?;
        if rendered.len() > RENDERED_LIMIT {
            let message = format!(
                "the rendered text has {} bytes, more than {RENDERED_LIMIT}",
                rendered.len()
            );
            return Err(RenderError::Failed { message, line: 1 });
        }
        Ok(rendered)
    }

    fn is_global(&self, name: &str) -> bool {
        self.environment.globals().any(|(global, _)| global == name)
    }
}

/// Jinja's own syntax but for comments: `{#` begins them elsewhere, and stands in `${#name}` of every second shell script.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .comment_delimiters("{##", "##}")
        .keep_trailing_newline(true)
        .build()
        .unwrap_or_default()
}

fn template_value(value: &Value) -> minijinja::Value {
    match value {
        Value::Integer(number) => minijinja::Value::from(*number),
        Value::Text(text) => minijinja::Value::from(text.as_str()),
    }
}

fn failed(error: &Error) -> RenderError {
    let message = match error.kind() {
        ErrorKind::OutOfFuel => "the template runs for too long".to_owned(),
        _ => error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned),
    };
    RenderError::Failed {
        message,
        line: error
            .line()
            .and_then(|line| u32::try_from(line).ok())
            .unwrap_or(1),
    }
}
