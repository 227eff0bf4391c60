//! Rewriting of headers of forwarded requests and responses.

use axum::http::header::{
    ALT_SVC, AUTHORIZATION, CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, LOCATION, ORIGIN,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, REFERER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Cookies that are ours begin so with TLS.
const OURS: &[u8] = b"__Host-plateau";

/// Those that are ours without it.
const PLAIN: [&[u8]; 2] = [b"plateau", b"plateau-web"];

/// Headers between neighbours, besides those that `Connection` names.
const HOPS: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
];

/// Headers that tell where a request comes from, besides those that begin with `x-forwarded`.
const ADDRESSES: [HeaderName; 12] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("client-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-cluster-client-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("fastly-client-ip"),
    HeaderName::from_static("x-originating-ip"),
    HeaderName::from_static("x-remote-ip"),
    HeaderName::from_static("x-remote-addr"),
];

/// What an application may not say for a name that is ours.
const CLAIMS: [HeaderName; 4] = [
    STRICT_TRANSPORT_SECURITY,
    ALT_SVC,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("set-cookie2"),
];

/// The two names of an application.
#[derive(Clone, Debug)]
pub struct AppNames {
    /// Its origin in the browser, such as `https://p80-web-….labs.salle.fr:7417`.
    pub origin: String,
    /// What it is asked for as `Host`.
    pub host: HeaderValue,
}

/// The protocol that a client wants to upgrade to, such as `websocket`; HTTP/2 is ignored, since it is not
/// forwarded.
#[must_use]
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get(UPGRADE)?;
    let is_named = named(headers).any(|name| name.eq_ignore_ascii_case(b"upgrade"));
    let is_http = wanted.as_bytes().to_ascii_lowercase().starts_with(b"h2");
    (is_named && !is_http).then(|| wanted.clone())
}

/// Whether the headers of a request say that it has the same origin.
#[must_use]
pub fn is_of(headers: &HeaderMap, origin: &str) -> bool {
    let sent = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    sent.is_some_and(|sent| sent.eq_ignore_ascii_case(origin.as_bytes()))
}

/// Rewrites the headers of a browser for the application, as if the browser had connected to it directly.
pub fn to_application(headers: &mut HeaderMap, names: &AppNames) {
    remove_hop_by_hop(headers);
    for name in ADDRESSES {
        headers.remove(name);
    }
    let all = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-forwarded"));
    for name in all.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    let sent: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for cookies in sent {
        if let Some(others) = strip_own_cookies(&cookies) {
            headers.append(COOKIE, others);
        }
    }
    // It knows itself by this name, and compares it with where its own pages say they are.
    for name in [ORIGIN, REFERER] {
        let told = headers
            .get(&name)
            .and_then(|value| translate_url(value, names));
        if let Some(told) = told {
            headers.insert(name, told);
        }
    }
    headers.insert(HOST, names.host.clone());
}

/// Removes credentials for the daemon.
pub fn strip_authorization(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION);
}

/// Rewrites the headers of an application for the browser.
pub fn to_browser(headers: &mut HeaderMap, names: &AppNames) {
    remove_hop_by_hop(headers);
    for name in CLAIMS {
        headers.remove(name);
    }
    let set: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    headers.remove(SET_COOKIE);
    for cookie in set {
        if let Some(cookie) = scope_set_cookie(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    if let Some(led) = headers
        .get(LOCATION)
        .and_then(|to| rewrite_location(to, names))
    {
        headers.insert(LOCATION, led);
    }
}

/// Names in `Connection`.
fn named(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let all = headers.get_all(CONNECTION).iter();
    all.flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = named(headers).filter_map(|name| HeaderName::from_bytes(name).ok());
    for name in named.collect::<Vec<_>>().into_iter().chain(HOPS) {
        headers.remove(name);
    }
}

/// Whether a cookie's name is one of ours, as far as any browser may think so.
fn is_ours(name: &[u8]) -> bool {
    let begin = name.get(..OURS.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(OURS)) || PLAIN.contains(&name)
}

/// The name of a cookie in `name=value`; one without a name goes by its value, as browsers send it.
fn cookie_name(pair: &[u8]) -> &[u8] {
    let pair = pair.trim_ascii();
    let pair = match pair.strip_prefix(b"=") {
        Some(value) => value.trim_ascii(),
        None => pair,
    };
    let name = pair.split(|byte| *byte == b'=').next();
    name.unwrap_or_default().trim_ascii()
}

/// Cookies without ours; `None` where none is left.
fn strip_own_cookies(cookies: &HeaderValue) -> Option<HeaderValue> {
    let all = cookies.as_bytes().split(|byte| *byte == b';');
    let others = all
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty() && !is_ours(cookie_name(pair)));
    let others = others.collect::<Vec<_>>().join(&b"; "[..]);
    match others.is_empty() {
        true => None,
        false => HeaderValue::from_bytes(&others).ok(),
    }
}

/// A cookie that an application sets, for no other name than its own; `None` for one of ours.
fn scope_set_cookie(cookie: &HeaderValue) -> Option<HeaderValue> {
    let mut parts = cookie.as_bytes().split(|byte| *byte == b';');
    let pair = parts.next().unwrap_or_default();
    if is_ours(cookie_name(pair)) {
        return None;
    }
    let is_domain = |part: &&[u8]| cookie_name(part).eq_ignore_ascii_case(b"domain");
    let kept = std::iter::once(pair).chain(parts.filter(|part| !is_domain(part)));
    HeaderValue::from_bytes(&kept.collect::<Vec<_>>().join(&b';')).ok()
}

/// An address of the application in the browser, as the application knows it; `None` for others.
fn translate_url(value: &HeaderValue, names: &AppNames) -> Option<HeaderValue> {
    let (value, origin) = (value.as_bytes(), names.origin.as_bytes());
    let begin = value.get(..origin.len())?;
    let rest = &value[origin.len()..];
    if !begin.eq_ignore_ascii_case(origin) || !matches!(rest.first(), None | Some(b'/')) {
        return None;
    }
    let told = [b"http://", names.host.as_bytes(), rest].concat();
    HeaderValue::from_bytes(&told).ok()
}

/// Where an application leads to, when that is itself by the scheme, name or port that it knows:
/// it is there in the browser too; `None` for other places.
fn rewrite_location(to: &HeaderValue, names: &AppNames) -> Option<HeaderValue> {
    let (address, fragment) = match to.to_str().ok()?.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (to.to_str().ok()?, None),
    };
    let uri: Uri = address.parse().ok()?;
    let known = [
        names.host.to_str().ok()?.parse::<Uri>().ok()?,
        names.origin.parse::<Uri>().ok()?,
    ];
    let is_itself = |name: &str| {
        let hosts = known.iter().filter_map(Uri::host);
        hosts
            .into_iter()
            .any(|host| host.eq_ignore_ascii_case(name))
    };
    if uri.scheme().is_none() || !uri.host().is_some_and(is_itself) {
        return None;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut led = format!("{}{path}", names.origin);
    if let Some(fragment) = fragment {
        led = format!("{led}#{fragment}");
    }
    HeaderValue::from_str(&led).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN_OF: &str = "https://p80-web-x.labs.salle.fr:7417";

    fn names(host: &'static str) -> AppNames {
        AppNames {
            origin: ORIGIN_OF.to_owned(),
            host: HeaderValue::from_static(host),
        }
    }

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        map
    }

    fn told(headers: &HeaderMap) -> Vec<String> {
        let mut told: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        told.sort();
        told
    }

    fn sent(headers: &[(&'static str, &str)], host: &'static str) -> Vec<String> {
        let mut headers = map(headers);
        to_application(&mut headers, &names(host));
        told(&headers)
    }

    fn answered(headers: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = map(headers);
        to_browser(&mut headers, &names("intranet.lan"));
        told(&headers)
    }

    #[test]
    fn an_application_learns_nothing_of_us_and_of_the_way() {
        let headers = [
            ("host", "p80-web-x.labs.salle.fr:7417"),
            ("accept", "text/html"),
            (
                "cookie",
                "a=1; __Host-plateau-web=s; plateau=t; __host-PLATEAU=u; =__Host-plateau=v",
            ),
            ("cookie", "plateau-web=w"),
            ("cookie", "b=\"2\";c; plateaux=3"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic x"),
            ("expect", "100-continue"),
            ("forwarded", "for=192.0.2.1"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "192.0.2.1"),
            ("via", "1.1 x"),
        ];
        let expected = [
            "accept: text/html",
            "cookie: a=1",
            "cookie: b=\"2\"; c; plateaux=3",
            "host: intranet.lan",
        ];
        assert_eq!(sent(&headers, "intranet.lan"), expected);
    }

    #[test]
    fn an_application_sees_its_own_pages_where_it_is_itself() {
        let headers = |origin: &str, referer: &str| {
            sent(&[("origin", origin), ("referer", referer)], "intranet.lan")
        };
        let page = format!("{ORIGIN_OF}/a?b");
        let own = [
            "host: intranet.lan",
            "origin: http://intranet.lan",
            "referer: http://intranet.lan/a?b",
        ];
        assert_eq!(headers(ORIGIN_OF, &page), own);
        let elsewhere = format!("{ORIGIN_OF}0");
        let other = headers(&elsewhere, "https://evil.example/");
        assert_eq!(
            other[1..],
            [
                format!("origin: {elsewhere}"),
                "referer: https://evil.example/".to_owned()
            ]
        );
    }

    #[test]
    fn a_browser_takes_nothing_that_reaches_beyond_the_application() {
        let headers = [
            ("content-type", "text/html"),
            ("set-cookie", "a=1; Path=/; Domain=labs.salle.fr; HttpOnly"),
            ("set-cookie", "b=2; domain = .salle.fr;Secure"),
            ("set-cookie", "__Host-plateau=x; Secure; Path=/"),
            ("set-cookie", "__HOST-plateau-web=x"),
            ("set-cookie", "=__Host-plateau-web=x"),
            ("set-cookie", "plateau=x"),
            (
                "set-cookie",
                "c=domain; Expires=Wed, 09 Jun 2027 10:18:14 GMT",
            ),
            ("strict-transport-security", "max-age=1; includeSubDomains"),
            ("alt-svc", "h3=\":443\""),
            ("clear-site-data", "\"*\""),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
        ];
        let expected = [
            "content-type: text/html",
            "set-cookie: a=1; Path=/; HttpOnly",
            "set-cookie: b=2;Secure",
            "set-cookie: c=domain; Expires=Wed, 09 Jun 2027 10:18:14 GMT",
        ];
        assert_eq!(answered(&headers), expected);
    }

    #[test]
    fn an_application_leads_to_itself_and_not_out_of_the_proxy() {
        let rewritten = |to: &str| answered(&[("location", to)]).remove(0);
        for (to, place) in [
            ("http://intranet.lan/a/?b=c#d", "/a/?b=c#d"),
            ("http://intranet.lan:80", "/"),
            ("http://p80-web-x.labs.salle.fr:7417/a", "/a"),
            ("http://P80-web-x.labs.salle.fr/a", "/a"),
            (
                "https://p80-web-x.labs.salle.fr//evil.example",
                "//evil.example",
            ),
        ] {
            assert_eq!(
                rewritten(to),
                format!("location: {ORIGIN_OF}{place}"),
                "{to}"
            );
        }
        for to in [
            "/a",
            "a?b#c",
            "//other.lan/",
            "http://intranet.lan.example/",
            "https://evil.example/",
        ] {
            assert_eq!(rewritten(to), format!("location: {to}"));
        }
    }

    #[test]
    fn websockets_go_over_and_http_2_does_not() {
        let wanted = |connection: &str, upgrade_to: &str| {
            upgrade(&map(&[("connection", connection), ("upgrade", upgrade_to)]))
        };
        assert!(wanted("keep-alive, Upgrade", "websocket").is_some());
        assert!(wanted("Upgrade, HTTP2-Settings", "h2c").is_none());
        assert!(wanted("keep-alive", "websocket").is_none());
        assert!(is_of(&map(&[("origin", ORIGIN_OF)]), ORIGIN_OF));
        for origin in [
            "null",
            "https://labs.salle.fr:7417",
            "http://p80-web-x.labs.salle.fr:7417",
        ] {
            assert!(!is_of(&map(&[("origin", origin)]), ORIGIN_OF), "{origin}");
        }
        assert!(!is_of(&HeaderMap::new(), ORIGIN_OF));
    }
}
