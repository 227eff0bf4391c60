//! The principal of a request.

use std::collections::BTreeSet;

use jiff::Timestamp;
use plateau_core::api::{Identity, LoginView};
use plateau_core::exam::rights::{self, Actor, Resource, Right, Role};

use crate::store::accounts::Account;
use crate::store::logins::Login;
use crate::store::seats::SeatSummary;
use crate::store::tokens::ApiToken;

/// The sender of a request. Every authenticated request has one in its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody that is known.
    Nobody,
    /// Whoever may use the daemon's socket, or holds the token of its state folder: an administrator.
    Local,
    /// An account, logged in.
    Account {
        /// Its log-in.
        login: Login,
        /// The account.
        account: Account,
        /// The sessions that it was named for.
        named: BTreeSet<String>,
    },
    /// A program.
    Token(ApiToken),
    /// A candidate, logged in at their seat.
    Seat {
        /// Its log-in.
        login: Login,
        /// The seat.
        place: SeatSummary,
    },
}

impl Principal {
    /// As the table of rights sees it; `None` for nobody.
    #[must_use]
    pub fn person(&self) -> Option<Actor> {
        let (role, named, seat) = match self {
            Self::Nobody => return None,
            Self::Local => (Role::Administrator, BTreeSet::new(), None),
            Self::Account { account, named, .. } => (account.role, named.clone(), None),
            Self::Token(token) => (token.role, BTreeSet::new(), None),
            Self::Seat { place, .. } => (Role::Candidate, BTreeSet::new(), Some(place.id.clone())),
        };
        Some(Actor { role, named, seat })
    }

    /// Identifier of the seat, for a candidate.
    #[must_use]
    pub fn seat(&self) -> Option<&str> {
        match self {
            Self::Seat { place, .. } => Some(&place.id),
            Self::Nobody | Self::Local | Self::Account { .. } | Self::Token(_) => None,
        }
    }

    /// Whether it has a right about something.
    #[must_use]
    pub fn may(&self, right: Right, about: &Resource) -> bool {
        self.person()
            .is_some_and(|person| rights::is_allowed(&person, right, about))
    }

    /// Whether it has a right in a session as a whole, such as for what a list is to hold.
    #[must_use]
    pub fn may_in(&self, right: Right, session: &str) -> bool {
        let about = Resource {
            session: Some(session.to_owned()),
            ..Resource::default()
        };
        self.may(right, &about)
    }

    /// As logs name it: `local`, an account's name, `token:<name>`, or `seat:<number>`.
    #[must_use]
    pub fn actor(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Local => "local".to_owned(),
            Self::Account { account, .. } => account.name.clone(),
            Self::Token(token) => format!("token:{}", token.name),
            Self::Seat { place, .. } => format!("seat:{}", place.number),
        }
    }

    /// Whether it is a candidate, who sees less of their own attempt than others do.
    #[must_use]
    pub fn is_candidate(&self) -> bool {
        self.person()
            .is_some_and(|person| person.role == Role::Candidate)
    }

    /// Its log-in, where it has one.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        match self {
            Self::Account { login, .. } | Self::Seat { login, .. } => Some(login),
            Self::Nobody | Self::Local | Self::Token(_) => None,
        }
    }

    /// As it is told to itself; `None` for nobody.
    #[must_use]
    pub fn view(&self) -> Option<LoginView> {
        let (identity, expires) = match self {
            Self::Nobody => return None,
            Self::Local => (Identity::Local {}, None),
            Self::Account {
                login,
                account,
                named,
            } => {
                let identity = Identity::Account {
                    name: account.name.clone(),
                    display_name: account.display_name.clone(),
                    sessions: named.iter().cloned().collect(),
                };
                (identity, Some(login.expires))
            }
            Self::Token(token) => {
                let name = token.name.clone();
                (Identity::Token { name }, token.expires)
            }
            Self::Seat { login, place } => {
                let identity = Identity::Seat {
                    seat: place.id.clone(),
                    session: place.session.clone(),
                    number: place.number.clone(),
                    name: place.name.clone(),
                };
                (identity, Some(login.expires))
            }
        };
        let role = self.person()?.role;
        Some(LoginView {
            identity,
            role,
            rights: rights::rights(role).collect(),
            expires: expires.map(moment),
        })
    }
}

/// Milliseconds since the epoch as RFC 3339.
pub(crate) fn moment(millis: i64) -> String {
    // One beyond the calendar is as good as its end.
    Timestamp::from_millisecond(millis)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}
