//! Authorization: the right that each route requires, and its check.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, RequestExt};
use plateau_core::api::LabView;
use plateau_core::error::ErrorCode;
use plateau_core::exam::rights::{self, Actor, Resource, Right, RightScope};
use plateau_core::topology::Access;
use plateau_exam::access::Principal;
use plateau_exam::store::DatabaseError;
use plateau_exam::store::attempts::Owner;
use serde_json::json;
use utoipa::openapi::extensions::Extensions;

use super::failure::{ApiResult, Failure};
use super::{Api, labs};

use table::Guard::{self, Known, Needs, Open};
use table::{NAMED, ROUTES, WEB};

mod table;

static GUARDS: LazyLock<BTreeMap<(&str, &str), Guard>> = LazyLock::new(|| {
    let rows = ROUTES.iter();
    rows.map(|(method, path, guard)| ((*method, *path), *guard))
        .collect()
});

/// Checks the table of rights against the routes that are served.
///
/// # Panics
/// A route has no row, a row has no route, or a path has an unknown parameter.
pub(super) fn check(document: &utoipa::openapi::OpenApi) {
    let mut left = GUARDS.clone();
    assert_eq!(left.len(), ROUTES.len(), "a route has two rows");
    // The document as it is told: the only form in which all methods can be gone through.
    let told = serde_json::to_value(&document.paths).unwrap_or_default();
    for (path, item) in told.as_object().into_iter().flatten() {
        for (method, _) in item.as_object().into_iter().flatten() {
            let row = left.remove(&(method.as_str(), path.as_str()));
            assert!(
                row.is_some(),
                "`{method} {path}` has no row in the table of rights"
            );
        }
        let names = path.split('/').filter_map(|part| part.strip_prefix('{'));
        for name in names.filter_map(|part| part.strip_suffix('}')) {
            assert!(
                NAMED.contains(&name),
                "nothing is known of `{name}` in `{path}`"
            );
        }
    }
    assert!(left.is_empty(), "rows without a route: {left:?}");
}

/// Adds the right that each route requires to the OpenAPI document.
pub(super) fn label(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("patch", &mut item.patch),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let guard = GUARDS.get(&(method, path.as_str()));
            let word = match guard {
                Some(Open) => json!("open"),
                Some(Known) | None => json!("known"),
                Some(Needs(right)) => json!(right),
            };
            let labels = Extensions::builder().add("x-right", word).build();
            operation.extensions.get_or_insert_default().merge(labels);
        }
    }
}

/// Refuses a request without the right that its route requires.
pub(super) async fn permit(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    matched: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let permitted = match matched {
        Some(matched) => {
            let params = request.extract_parts::<RawPathParams>().await;
            let params = params.map(|params| {
                let pairs = params.iter();
                pairs
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect()
            });
            match params {
                Ok(params) => {
                    let guard = guard(request.method(), matched.as_str());
                    permitted(&api, &principal, guard, &params).await
                }
                Err(error) => Err(Failure::new(ErrorCode::BadPath, error.body_text())),
            }
        }
        // Not even whether a route is there is told to nobody.
        None => known(&principal).map(drop),
    };
    match permitted {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

/// Who may use a route. For a method that it does not have, anybody authenticated may learn so.
fn guard(method: &Method, path: &str) -> Guard {
    // What answers GET answers HEAD.
    let method = match *method {
        Method::HEAD => "get".to_owned(),
        _ => method.as_str().to_ascii_lowercase(),
    };
    GUARDS
        .get(&(method.as_str(), path))
        .copied()
        .unwrap_or(Known)
}

fn known(principal: &Principal) -> ApiResult<Actor> {
    principal.person().ok_or_else(|| {
        Failure::new(
            ErrorCode::Unauthorized,
            "nobody is logged in, or the token is wrong",
        )
    })
}

/// Whether somebody may use a web application of a node. It is asked again at each request that they send
/// there.
pub(super) async fn may_enter(
    api: &Api,
    principal: &Principal,
    lab: &str,
    node: &str,
) -> ApiResult<()> {
    let params = [("lab", lab), ("node", node)];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
    permitted(api, principal, guard(&Method::POST, WEB), &params.into()).await
}

async fn permitted(
    api: &Api,
    principal: &Principal,
    guard: Guard,
    params: &BTreeMap<String, String>,
) -> ApiResult<()> {
    let right = match guard {
        Open => return Ok(()),
        Known => return known(principal).map(drop),
        Needs(right) => right,
    };
    let person = known(principal)?;
    // Said before anything is looked up: nobody learns what is there.
    let Some(widest) = rights::widest(&person, right) else {
        return Err(Failure::new(
            ErrorCode::Forbidden,
            format!("this is not for the role of `{}`", person.role),
        ));
    };
    if widest == RightScope::All {
        return Ok(());
    }
    let asked = RequestedResource { api, params };
    let about = match asked.about(widest).await? {
        Some(about) => about,
        // The route itself says it best to those who see all.
        None if matches!(widest, RightScope::Spare | RightScope::Reopened) => return Ok(()),
        None => return Err(asked.missing()),
    };
    match rights::answer(&person, right, &about) {
        rights::AccessDecision::Allowed if right == Right::EnterNode && person.seat.is_some() => {
            asked.enterable()
        }
        rights::AccessDecision::Allowed => Ok(()),
        rights::AccessDecision::NoRight => Err(Failure::new(
            ErrorCode::Forbidden,
            format!("this is not for the role of `{}`", person.role),
        )),
        rights::AccessDecision::OutOfReach => Err(asked.missing()),
        rights::AccessDecision::OfAttempt => Err(Failure::new(
            ErrorCode::Forbidden,
            "the lab belongs to an attempt, which its session conducts",
        )),
        rights::AccessDecision::NotOpen => Err(Failure::new(
            ErrorCode::AttemptNotOpen,
            "the attempt is not open: it was not begun yet, is paused, or is over",
        )
        .hint("what was saved is kept; ask whoever watches over the session")),
    }
}

/// What the path of a request names.
struct RequestedResource<'a> {
    api: &'a Api,
    params: &'a BTreeMap<String, String>,
}

impl RequestedResource<'_> {
    fn named(&self, what: &str) -> Option<&str> {
        self.params.get(what).map(String::as_str)
    }

    /// What it belongs to; `None` if it does not exist.
    async fn about(&self, widest: RightScope) -> ApiResult<Option<Resource>> {
        let database = self.api.access.database();
        let found = if let Some(asked) = self.named("lab") {
            match self.lab(asked, widest) {
                Some(lab) => Some(self.about_lab(&lab).await?),
                None => None,
            }
        } else if let Some(asked) = self.named("attempt") {
            let owner = database.attempts().owner_of(asked).await.map_err(failed)?;
            owner.map(of_attempt)
        } else if let Some(asked) = self.named("seat") {
            let place = database.seats().summary(asked).await.map_err(failed)?;
            place.map(|place| Resource {
                session: Some(place.session),
                seat: Some(place.id),
                ..Resource::default()
            })
        } else if let Some(asked) = self.named("session") {
            let session = database.sessions().id_of(asked).await.map_err(failed)?;
            session.map(|session| Resource {
                session: Some(session),
                ..Resource::default()
            })
        } else {
            Some(Resource::default())
        };
        // A seat or an attempt under another session's name is not there.
        let session = match self.named("session") {
            Some(asked) => database.sessions().id_of(asked).await.map_err(failed)?,
            None => return Ok(found),
        };
        Ok(found.filter(|about| about.session == session))
    }

    async fn about_lab(&self, lab: &LabView) -> ApiResult<Resource> {
        let database = self.api.access.database();
        let Some(attempt) = &lab.reopened else {
            let owner = database
                .attempts()
                .owner_of_lab(&lab.id)
                .await
                .map_err(failed)?;
            return Ok(owner.map(of_attempt).unwrap_or_default());
        };
        let owner = database
            .attempts()
            .owner_of(attempt)
            .await
            .map_err(failed)?;
        Ok(Resource {
            open: false,
            reopened: true,
            ..owner.map(of_attempt).unwrap_or_default()
        })
    }

    /// The lab; whoever does not see all labs has to name theirs by its whole identifier, so that
    /// neither beginnings nor names tell them of others'.
    fn lab(&self, asked: &str, widest: RightScope) -> Option<LabView> {
        let found = labs::find(self.api, asked).ok()?;
        let sees_all = matches!(widest, RightScope::Spare | RightScope::Reopened);
        (sees_all || found.id == asked).then_some(found)
    }

    /// The error for something that does not exist, or whose existence must not be revealed.
    fn missing(&self) -> Failure {
        let kinds = [
            ("lab", ErrorCode::LabNotFound),
            ("attempt", ErrorCode::AttemptNotFound),
            ("seat", ErrorCode::SeatNotFound),
            ("session", ErrorCode::SessionNotFound),
        ];
        let named = kinds
            .into_iter()
            .find_map(|(what, code)| Some((what, code, self.named(what)?)));
        let (what, code, asked) = named.unwrap_or(("thing", ErrorCode::RouteNotFound, ""));
        // A hint would tell of commands that whoever asks may have no right to.
        Failure::new(code, format!("no {what} named `{asked}`")).without_hint()
    }

    /// Checks that a candidate may enter the node by a terminal.
    fn enterable(&self) -> ApiResult<()> {
        let lab = self
            .named("lab")
            .and_then(|lab| labs::find(self.api, lab).ok());
        let name = self.named("node").unwrap_or_default();
        let node = lab.as_ref().and_then(|lab| lab.nodes.get(name));
        if node.is_some_and(|node| node.access.contains(&Access::Terminal)) {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::NodeNotFound,
            format!("no node named `{name}` has a terminal"),
        ))
    }
}

fn of_attempt(owner: Owner) -> Resource {
    Resource {
        open: owner.attempt_is_open(),
        session: Some(owner.session),
        seat: Some(owner.seat),
        reopened: false,
    }
}

fn failed(error: DatabaseError) -> Failure {
    plateau_exam::access::AccessError::from(error).into()
}
