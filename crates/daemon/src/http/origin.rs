//! Protection against cross-site request forgery: a request with a log-in's cookie must come from the
//! daemon's own pages.
//!
//! The cookie is `SameSite=Strict` already. This also protects in browsers that do not know that, and
//! from other services of the same host.

use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::failure::Failure;
use plateau_core::error::ErrorCode;

/// A header that forms and images cannot send, and scripts of another site only with permission by CORS.
pub(super) const MARK: &str = "x-plateau";

/// Refuses a request that another site may have made the browser send.
///
/// A request that changes something needs the header and must be of the same origin. A WebSocket must be
/// of the same origin: scripts cannot set its headers, but it always has an `Origin`.
pub(super) fn check(method: &Method, headers: &HeaderMap, tls: bool) -> Result<(), Failure> {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    let is_upgrade = headers.contains_key(header::UPGRADE);
    if is_safe && !is_upgrade {
        return Ok(());
    }
    if same(headers, tls) != Some(true) {
        return Err(Failure::new(
            ErrorCode::CrossSite,
            "the request does not say that it comes from a page of this daemon",
        )
        .hint("a program sends a token instead of a cookie"));
    }
    if !is_safe && !headers.contains_key(MARK) {
        return Err(Failure::new(
            ErrorCode::CrossSite,
            format!("the header `{MARK}` is missing"),
        )
        .hint(format!(
            "send `{MARK}: 1` with every request that changes something"
        )));
    }
    Ok(())
}

/// What a GET costs much to answer: a backup, a bundle of evidence, a document.
const COSTLY: [&str; 3] = ["/v1/backup", ".tar", ".pdf"];

/// Refuses a GET of what costs much that a page of another site made the browser send, as an image's
/// address may be. One that somebody typed or followed from our own page passes, and so does a program's.
pub(super) fn check_cost(path: &str, headers: &HeaderMap) -> Result<(), Failure> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_foreign = site.is_some_and(|site| ![&b"same-origin"[..], b"none"].contains(&site));
    if is_foreign && COSTLY.iter().any(|end| path.ends_with(end)) {
        return Err(Failure::new(
            ErrorCode::CrossSite,
            "another site's page cannot ask for this",
        )
        .hint("open it from a page of this daemon"));
    }
    Ok(())
}

/// Refuses a log-in sent by a page of another site, which would log somebody in to another's account.
pub(super) fn check_log_in(headers: &HeaderMap, tls: bool) -> Result<(), Failure> {
    match same(headers, tls) {
        // A program, which has no site.
        None | Some(true) => Ok(()),
        Some(false) => Err(Failure::new(
            ErrorCode::CrossSite,
            "another site's page cannot log anybody in",
        )),
    }
}

/// Whether the browser says that the request has the same origin; `None` if it says nothing.
fn same(headers: &HeaderMap, tls: bool) -> Option<bool> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site").map(|site| site == "same-origin");
    let origin = text("origin").map(|origin| {
        let scheme = if tls { "https" } else { "http" };
        let host = text("host").unwrap_or_default();
        origin.eq_ignore_ascii_case(&format!("{scheme}://{host}"))
    });
    match (site, origin) {
        (None, None) => None,
        (site, origin) => Some(site.unwrap_or(true) && origin.unwrap_or(true)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn checked(method: Method, tls: bool, headers: &[(&'static str, &'static str)]) -> bool {
        let host = [("host", "plateau.local:7417")];
        let headers = host.iter().chain(headers).map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        check(&method, &headers.collect(), tls).is_ok()
    }

    #[test]
    fn what_changes_something_comes_from_our_own_page() {
        let ours = ("origin", "https://plateau.local:7417");
        let mark = ("x-plateau", "1");
        let site = |word| ("sec-fetch-site", word);
        let post = |headers: &[(&'static str, &'static str)]| checked(Method::POST, true, headers);
        assert!(post(&[ours, mark]));
        assert!(post(&[site("same-origin"), mark]));
        assert!(post(&[ours, site("same-origin"), mark]));
        for wrong in [
            &[] as &[_],
            &[mark],
            &[ours],
            &[("origin", "null"), mark],
            &[("origin", "http://plateau.local:7417"), mark],
            &[("origin", "https://plateau.local"), mark],
            &[("origin", "https://evil.example"), mark],
            &[ours, site("cross-site"), mark],
            &[ours, site("same-site"), mark],
            &[site("none"), mark],
            &[
                ("origin", "https://evil.example"),
                site("same-origin"),
                mark,
            ],
        ] {
            assert!(!post(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn what_costs_much_is_not_for_pages_of_other_sites() {
        let refused = |path: &str, site: Option<&'static str>| {
            let site = site.map(|site| {
                let name = HeaderName::from_static("sec-fetch-site");
                (name, HeaderValue::from_static(site))
            });
            check_cost(path, &site.into_iter().collect()).is_err()
        };
        for path in [
            "/v1/backup",
            "/v1/attempts/a/evidence.tar",
            "/v1/sessions/s/slips.pdf",
        ] {
            assert!(refused(path, Some("cross-site")));
            assert!(refused(path, Some("same-site")));
            for site in [None, Some("none"), Some("same-origin")] {
                assert!(!refused(path, site), "{path} {site:?}");
            }
        }
        assert!(!refused("/v1/sessions", Some("cross-site")));
    }

    #[test]
    fn reading_is_free_and_a_websocket_needs_its_origin() {
        let upgrade = ("upgrade", "websocket");
        let get = |headers: &[(&'static str, &'static str)]| checked(Method::GET, false, headers);
        assert!(get(&[]));
        assert!(!get(&[upgrade]));
        assert!(!get(&[upgrade, ("origin", "http://evil.example")]));
        assert!(get(&[upgrade, ("origin", "http://plateau.local:7417")]));
    }
}
