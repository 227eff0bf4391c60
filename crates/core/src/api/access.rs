//! Log-ins, accounts and tokens, and what candidates see of their labs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DiskAlert, LabState, LabView, NodeState};
use crate::exam::rights::{Right, Role};
use crate::localized::Localized;
use crate::topology::Access;

/// A text that is never shown in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct SensitiveText(pub String);

impl fmt::Debug for SensitiveText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SensitiveText(…)")
    }
}

messages! {
    /// Logs in: `POST /v1/logins`.
    #[serde(rename_all = "kebab-case")]
    enum LoginRequest {
        /// By an account's name and password.
        Account {
            /// The name, in capitals or not.
            name: String,
            /// The password.
            password: SensitiveText,
        },
        /// By a seat's access code.
        Code {
            /// The code, with or without its hyphens.
            code: SensitiveText,
        },
    }

    /// Who sends the request, and what they may do.
    struct LoginView {
        /// The identity.
        pub identity: Identity,
        /// Their role.
        pub role: Role,
        /// The rights of their role, whatever their scope.
        pub rights: Vec<Right>,
        /// When the log-in or the token expires even if it is in use (RFC 3339, UTC), if ever.
        pub expires: Option<String>,
    }

    /// Who sends a request.
    #[serde(rename_all = "kebab-case")]
    enum Identity {
        /// Somebody who may use the daemon's socket, or has the token of its state folder.
        Local {},
        /// An account.
        Account {
            /// Its name.
            name: String,
            /// Display name.
            display_name: String,
            /// Identifiers of the sessions that it was named for.
            sessions: Vec<String>,
        },
        /// A program.
        Token {
            /// Name of its token.
            name: String,
        },
        /// A candidate.
        Seat {
            /// The seat's identifier.
            seat: String,
            /// The session's identifier.
            session: String,
            /// The seat's number in the session.
            number: String,
            /// The candidate's name.
            name: String,
        },
    }

    /// Makes an account: `POST /v1/accounts`.
    struct CreateAccountRequest {
        /// Name to log in with: 1 to 32 letters a-z, digits, `.`, `-` and `_`.
        pub name: String,
        /// Display name; the name where absent.
        #[serde(default)]
        pub display_name: Option<String>,
        /// Its role; candidates have no accounts.
        pub role: Role,
        /// The password, of at least 12 characters.
        pub password: SensitiveText,
    }

    /// Changes an account: `PATCH /v1/accounts/{account}`. What is absent stays.
    #[derive(Default)]
    struct UpdateAccountRequest {
        /// Display name.
        #[serde(default)]
        pub display_name: Option<String>,
        /// Its role; setting it ends its log-ins.
        #[serde(default)]
        pub role: Option<Role>,
        /// Whether it is disabled; setting it ends its log-ins.
        #[serde(default)]
        pub disabled: Option<bool>,
        /// The password, of at least 12 characters; setting it ends its log-ins.
        #[serde(default)]
        pub password: Option<SensitiveText>,
    }

    /// An account, as shown.
    struct AccountView {
        /// Name to log in with.
        pub name: String,
        /// Display name.
        pub display_name: String,
        /// Its role.
        pub role: Role,
        /// Whether it is disabled.
        pub disabled: bool,
        /// When it was made (RFC 3339, UTC).
        pub created: String,
    }

    /// Makes a token for a program: `POST /v1/tokens`.
    struct CreateTokenRequest {
        /// Its name in lists and logs: 1 to 32 letters a-z, digits, `.`, `-` and `_`.
        pub name: String,
        /// The program's role: administrator, trainer or evaluator.
        pub role: Role,
        /// Days until it expires; never where absent.
        #[serde(default)]
        pub days: Option<u32>,
    }

    /// A token, as shown.
    struct TokenView {
        /// Its name.
        pub name: String,
        /// The program's role.
        pub role: Role,
        /// When it was made (RFC 3339, UTC).
        pub created: String,
        /// When it expires (RFC 3339, UTC), if ever.
        pub expires: Option<String>,
        /// When it was last used (RFC 3339, UTC), to the minute, if ever.
        pub last_used: Option<String>,
    }

    /// A token that was created: the secret is shown only here.
    struct CreatedToken {
        /// The token, without its secret.
        pub token: TokenView,
        /// The secret, sent as `Authorization: Bearer …`.
        pub secret: String,
    }

    /// A lab, as its candidate sees it: without the seed, the parameters, or nodes that they cannot enter.
    struct CandidateLabView {
        /// Identifier (UUID version 7).
        pub id: String,
        /// The scenario's title by language.
        pub title: Localized,
        /// Its state.
        pub state: LabState,
        /// The nodes that can be entered, by name.
        pub nodes: BTreeMap<String, CandidateNodeView>,
        /// When the clock was started (RFC 3339, UTC), if it was.
        #[serde(default)]
        pub started: Option<String>,
    }

    /// A node, as its candidate sees it.
    struct CandidateNodeView {
        /// Its state.
        pub state: NodeState,
        /// How the candidate connects to it.
        pub access: Vec<Access>,
        /// What is wrong with its disk, where something is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub disk: Option<DiskAlert>,
    }
}

impl CandidateLabView {
    /// What a candidate sees of a lab.
    #[must_use]
    pub fn of(lab: LabView) -> Self {
        let entered = lab
            .nodes
            .into_iter()
            .filter(|(_, node)| !node.access.is_empty());
        let nodes = entered.map(|(name, node)| {
            let own = CandidateNodeView {
                state: node.state,
                access: node.access,
                disk: node.disk,
            };
            (name, own)
        });
        Self {
            nodes: nodes.collect(),
            id: lab.id,
            title: lab.title,
            state: lab.state,
            started: lab.started,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let login = LoginRequest::Account {
            name: "ada".to_owned(),
            password: SensitiveText("correct horse".to_owned()),
        };
        assert!(!format!("{login:?}").contains("horse"));
        let json = serde_json::to_value(&login).unwrap();
        assert_eq!(json["account"]["password"], "correct horse");
    }
}
