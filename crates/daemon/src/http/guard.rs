//! Guard of the TCP port: the token of the state folder, and the host names of the daemon.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use plateau_core::error::ErrorCode;
use plateau_exam::access::secret::{self, Secret};
use plateau_exam::secret_file::SecretFile;
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::failure::Failure;
use plateau_gateway::tls::AllowedHosts;

/// A secret of 256 bits, written as 64 hexadecimal digits.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why the token cannot be used.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The system has no random bytes.
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
        let file = SecretFile::new(state, "token");
        let drawn = || {
            let secret = Secret::draw().map_err(TokenError::Random)?;
            Ok(format!("{}\n", secret.reveal()))
        };
        let text = file.open_text(drawn, |source| TokenError::File {
            path: file.path().to_owned(),
            source,
        })?;
        let text = text.trim();
        match secret::is_secret(text) {
            true => Ok(Self(text.into())),
            false => Err(TokenError::NoToken {
                path: file.path().to_owned(),
            }),
        }
    }

    /// Whether it is the one that was sent.
    pub(super) fn is(&self, sent: &str) -> bool {
        sent.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// Guard of the TCP port.
#[derive(Clone, Debug)]
pub struct PortGuard {
    /// The token that programs of the local administrator send.
    pub token: Token,
    /// The host names of the daemon.
    pub names: AllowedHosts,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Whether to send `Strict-Transport-Security`. Not with the daemon's own authority: after a new
    /// installation browsers would not trust its certificate any more.
    pub hsts: bool,
}

/// `Strict-Transport-Security`: browsers use TLS only, for a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Refuses a `Host` that is not a name of the daemon, against DNS rebinding.
pub(super) async fn host(State(door): State<PortGuard>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::HOST);
    let sent = sent.and_then(|host| host.to_str().ok());
    if !sent.is_some_and(|host| door.names.has(host)) {
        return Failure::new(
            ErrorCode::HostNotAllowed,
            "the header `Host` names another machine",
        )
        .hint("use 127.0.0.1, [::1], localhost, or a name that --tls-name has")
        .into_response();
    }
    let mut response = next.run(request).await;
    if door.hsts {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

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
