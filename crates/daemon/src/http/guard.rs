//! Who may use the TCP port: whoever holds the token, under a name of the loopback.

use std::fmt;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::failure::Failure;

/// Routes that need no token: they tell nothing that a port scan does not.
const OPEN: [&str; 5] = [
    "/v1/version",
    "/v1/health",
    "/v1/health/live",
    "/v1/health/ready",
    "/v1/openapi.json",
];

/// Bytes of a token.
const BYTES: usize = 32;

/// A secret of 256 bits, written as 64 hexadecimal digits.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The system gives no random bytes.
    #[error("draw a token")]
    Random(#[source] getrandom::Error),
    /// Its file cannot be read or written.
    #[error("keep the token in `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its file holds something else.
    #[error("`{}` does not hold 64 hexadecimal digits; remove it to have a new token drawn", path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// The token in the file `token` of the state folder, drawn at its first use. Only the owner can read the file.
    ///
    /// # Errors
    /// Where the file cannot be used.
    pub fn open(state: &Path) -> Result<Self, TokenError> {
        let path = state.join("token");
        let failed = |source| TokenError::File {
            path: path.clone(),
            source,
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
                    .map_err(failed)?;
                let text = text.trim();
                if text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    Ok(Self(text.into()))
                } else {
                    Err(TokenError::NoToken { path })
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = draw()?;
                std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)
                    .and_then(|mut file| writeln!(file, "{text}"))
                    .map_err(failed)?;
                Ok(Self(text.into()))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether a request carries it.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(sent) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
        else {
            return false;
        };
        sent.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

fn draw() -> Result<String, TokenError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(TokenError::Random)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Lets only those in who hold the token.
pub(super) async fn token(State(token): State<Token>, request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) || token.is_in(request.headers()) {
        return next.run(request).await;
    }
    Failure::input("unauthorized", "the token is missing or wrong")
        .hint("send `Authorization: Bearer …` with the content of the file `token` in the daemon's state folder")
        .into_response()
}

/// Refuses names that are not the loopback's: a page from elsewhere may have bent its own name to 127.0.0.1.
pub(super) async fn host(request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::HOST);
    if sent
        .and_then(|host| host.to_str().ok())
        .is_some_and(is_loopback)
    {
        return next.run(request).await;
    }
    Failure::input(
        "host-not-allowed",
        "the header `Host` names another machine",
    )
    .hint("use 127.0.0.1, [::1] or localhost")
    .into_response()
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_loopback_are_let_in() {
        for host in [
            "localhost",
            "LocalHost:7417",
            "127.0.0.1:7417",
            "127.9.9.9",
            "[::1]:7417",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org:7417",
            "192.168.1.4",
            "127.0.0.1.example.org",
            "[::2]:80",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_drawn_once_and_only_its_owner_can_read_it() {
        let state = tempfile::tempdir().unwrap();
        let first = Token::open(state.path()).unwrap();
        let second = Token::open(state.path()).unwrap();
        assert_eq!(first.0, second.0);
        assert_eq!(first.0.len(), 64);
        let mode = std::fs::metadata(state.path().join("token"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(&*first.0));
    }

    #[test]
    fn a_file_with_something_else_is_no_token() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("token"), "hunter2\n").unwrap();
        assert!(matches!(
            Token::open(state.path()),
            Err(TokenError::NoToken { .. })
        ));
    }
}
