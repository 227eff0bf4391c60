//! Errors as the API answers them, and the closed set of their codes.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

mod code;

pub use code::ErrorCode;

/// An error, as every route answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiError {
    /// Code of the error, such as `lab-not-found`.
    pub code: ErrorCode,
    /// Who is to blame.
    pub blame: Blame,
    /// The message, with the whole chain of causes.
    pub message: String,
    /// A hint how to solve it.
    #[serde(default)]
    pub hint: Option<String>,
    /// Problems of a scenario, for errors about a scenario.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

impl ApiError {
    /// An error with the blame and the default hint of its code.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            blame: code.blame(),
            message: message.into(),
            hint: code.default_hint().map(str::to_owned),
            problems: vec![],
            code,
        }
    }

    /// The same with a hint that fits better than its code's, where there is one.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        if let Some(hint) = hint {
            self.hint = Some(hint.into());
        }
        self
    }

    /// The same with the problems of a file.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }
}

/// Who is to blame for an error; it decides the CLI's exit code and the class of the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The request is wrong (CLI exit 2, HTTP 4xx).
    Input,
    /// The daemon, its host or its engine failed (CLI exit 3, HTTP 5xx).
    Outside,
}

/// A code that this version does not know. Clients read it from a newer daemon, so that they can still
/// show its message; its field is private, so that nobody can send one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnknownCode(String);

impl UnknownCode {
    /// The code, as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ErrorCode {
    /// Who is to blame: the request for HTTP's 4xx, the daemon or its host for its 5xx.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self.status() {
            ..500 => Blame::Input,
            500.. => Blame::Outside,
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A string of the known codes, with what each means; generators make a union of it.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for ErrorCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let meanings = Self::ALL.iter().map(|code| {
            let (status, meaning) = (code.status(), code.meaning());
            format!("- `{code}` ({status}): {meaning}\n")
        });
        let description = format!(
            "What is wrong, in a word that programs can rely on. A later version may send others.\n\n{}",
            meanings.collect::<String>()
        );
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(ErrorCode::as_str)))
            .description(Some(description))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for ErrorCode {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_code_has_the_status_and_the_blame_that_clients_know() {
        let rows = ErrorCode::ALL.iter().map(|code| {
            let blame = match code.blame() {
                Blame::Input => "input",
                Blame::Outside => "outside",
            };
            format!("{} {code} {blame}\n", code.status())
        });
        let mut rows: Vec<String> = rows.collect();
        rows.sort();
        insta::assert_snapshot!(rows.concat());
    }

    #[test]
    fn every_code_is_sent_as_its_text_and_read_again() {
        for code in ErrorCode::ALL {
            let sent = serde_json::to_value(code).unwrap();
            assert_eq!(sent, json!(code.as_str()));
            assert_eq!(&serde_json::from_value::<ErrorCode>(sent).unwrap(), code);
            assert!(code.meaning().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn an_error_of_a_newer_daemon_is_read_and_passed_on_as_it_was_sent() {
        let sent = json!({
            "code": "moon-too-low", "blame": "outside", "message": "the moon is too low",
            "hint": "wait", "problems": [],
        });
        let error: ApiError = serde_json::from_value(sent.clone()).unwrap();
        assert!(matches!(error.code, ErrorCode::Unknown(_)));
        assert_eq!(error.code.as_str(), "moon-too-low");
        assert_eq!(serde_json::to_value(&error).unwrap(), sent);
    }
}
