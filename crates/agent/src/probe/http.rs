//! Sends one HTTP request.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use plateau_core::question::http::{HttpQuestion, HttpSeen};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Request, Response, Url};
use tokio::time::{Instant, timeout_at};

use super::context::ProbeContext;
use super::lookup;
use super::verifier::recording_verifier;

const BODY_LIMIT: usize = 256 << 10;

pub(super) async fn observe(
    question: &HttpQuestion,
    context: &ProbeContext,
) -> anyhow::Result<HttpSeen> {
    let request = build_request(question)?;
    let secure = request.url().scheme() == "https";
    let (verifier, tls) = recording_verifier(question.ca.as_deref()).await?;
    let until = Instant::now() + context.network_limit();
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never());

    let host = request.url().host_str().context("the URL has no host")?;
    if parse_address(host).is_none() {
        let wanted = question.connect.as_deref().unwrap_or(host);
        let found = timeout_at(until, lookup::addresses(wanted)).await;
        let addresses = found.unwrap_or_else(|_| Ok(Vec::new()))?;
        if addresses.is_empty() {
            return Ok(unanswered());
        }
        // The port comes from the URL.
        let sockets: Vec<_> = addresses
            .into_iter()
            .map(|ip| SocketAddr::new(ip, 0))
            .collect();
        builder = builder.resolve_to_addrs(host, &sockets);
    } else if let Some(connect) = &question.connect {
        anyhow::ensure!(
            parse_address(host) == parse_address(connect),
            "`connect` needs a name in the URL, and `{host}` is an address"
        );
    }
    let client = builder.build().context("cannot set HTTP up")?;

    let mut seen = unanswered();
    if let Ok(Ok(response)) = timeout_at(until, client.execute(request)).await {
        seen.status = Some(i64::from(response.status().as_u16()));
        seen.headers = Some(header_lines(response.headers()));
        if let Ok(Ok(body)) = timeout_at(until, read_body(response)).await {
            seen.body = Some(body);
            seen.answered = Some(true);
        }
    }
    if secure {
        seen.trusted = verifier.trusted();
    }
    Ok(seen)
}

fn unanswered() -> HttpSeen {
    HttpSeen {
        answered: Some(false),
        ..HttpSeen::default()
    }
}

fn parse_address(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

fn build_request(question: &HttpQuestion) -> anyhow::Result<Request> {
    let url = Url::parse(&question.url)
        .with_context(|| format!("`{}` is not a valid URL", question.url))?;
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "`{}` is neither http nor https",
        question.url
    );
    let method = question.method.as_deref().unwrap_or("GET");
    let method = Method::from_bytes(method.as_bytes())
        .with_context(|| format!("`{method}` is not a valid method"))?;
    let mut request = Request::new(method, url);
    for (name, value) in &question.request_headers {
        let bad = || format!("`{name}` is not a valid header");
        let name = HeaderName::try_from(name).with_context(bad)?;
        let value = HeaderValue::try_from(value)
            .with_context(|| format!("`{name}` is not a valid header"))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn header_lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    lines
}

/// The first part of the body; an error if it ends too early.
async fn read_body(mut response: Response) -> reqwest::Result<String> {
    let mut bytes = Vec::new();
    while bytes.len() < BODY_LIMIT {
        let Some(chunk) = response.chunk().await? else {
            break;
        };
        bytes.extend(chunk);
    }
    bytes.truncate(BODY_LIMIT);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
