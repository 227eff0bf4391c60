//! Resources across the network, asked from the machine itself as Goss does.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use plateau_core::matcher::Matcher;
use plateau_core::question::Expectation;
use plateau_core::question::dns::DnsCheck;
use plateau_core::question::http::HttpCheck;
use plateau_core::question::tcp::TcpCheck;
use plateau_core::tree::{Kind, Tree};

use super::{Resource, host_and_port, is_v6, only};
use crate::document::{entries, scalar};
use crate::goss::expected::{self, Unsupported};
use crate::goss::pattern;

/// Record types that can be asked for by name.
const RECORDS: &[&str] = &["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT"];
/// Record types of Goss's that cannot.
const OTHER_RECORDS: &[&str] = &["CAA", "SSHFP"];

impl Resource<'_> {
    pub(super) fn addr(&mut self) {
        let named = self.named("address");
        let (network, address) = named.split_once("://").unwrap_or(("tcp", &named));
        if !matches!(network, "tcp" | "tcp4" | "tcp6") {
            let what = format!("`{network}`: only TCP tells whether somebody is there");
            return self.refuse(what);
        }
        let Some((host, port)) = host_and_port(address) else {
            let what = format!("`{address}` is not a valid host and port");
            return self.refuse(what);
        };
        self.without("local-address", "the address to ask from cannot be chosen");
        let open = Matcher::Is("open".to_owned());
        let state = match self.flag("reachable") {
            None | Some(Matcher::Is(true)) => open,
            Some(_) => Matcher::Not(Box::new(open)),
        };
        let check = TcpCheck {
            host,
            port,
            state: Some(state),
            banner: None,
        };
        let id = address.to_owned();
        self.ask(
            &id,
            ("Connexion à", "Connection to"),
            Expectation::Tcp(check),
        );
    }

    pub(super) fn dns(&mut self) {
        let named = self.named("resolve");
        let (record, name) = match named.split_once(':') {
            Some((record, name)) if RECORDS.contains(&record) => (Some(record), name),
            Some((record, _)) if OTHER_RECORDS.contains(&record) => {
                return self.refuse(format!("{record} records cannot be asked for"));
            }
            _ => (None, named.as_str()),
        };
        let server = match self.attribute("server").map(|tree| (tree.at, scalar(tree))) {
            None => None,
            Some((at, server)) => match server.as_deref().and_then(server_address) {
                Some(server) => Some(server),
                None => {
                    let what = "`server`: an address is needed, and no name";
                    return self.refuse_for(at, what.to_owned());
                }
            },
        };
        let resolvable = self.flag("resolvable").or_else(|| self.flag("resolveable"));
        let addrs = self.attribute("addrs");
        let texts: Vec<String> = addrs
            .map(Tree::elements)
            .unwrap_or_default()
            .iter()
            .filter_map(scalar)
            .collect();
        let (v6, v4): (Vec<String>, Vec<String>) = texts.into_iter().partition(|text| is_v6(text));
        let kinds: &[&str] = match (record, v4.is_empty(), v6.is_empty()) {
            (Some(record), ..) => &[record],
            // Addresses of both versions of IP are one list in Goss, and records of two types.
            (None, false, false) => &["A", "AAAA"],
            (None, true, false) => &["AAAA"],
            (None, _, true) => &["A"],
        };
        if server.is_none() {
            let comment = "Goss asks the system, which looks into /etc/hosts as well; this asks the name server.";
            self.converted.comments.push(comment.to_owned());
        }
        let absent = self.is_absent(resolvable.as_ref());
        for kind in kinds {
            let spell = |text: &str| spelled(text, kind);
            let of_kind = |text: &str| is_v6(text) == (*kind == "AAAA");
            let part = match kinds.len() {
                1 => addrs.cloned(),
                _ => addrs.map(|tree| only(tree, &of_kind)),
            };
            let answers =
                part.and_then(|part| self.expect("addrs", |_| expected::list(&part, &spell)));
            let check = DnsCheck {
                name: name.to_owned(),
                kind: (*kind).to_owned(),
                server: server.clone(),
                answered: resolvable.clone(),
                code: None,
                answers: answers.filter(|_| !absent),
                authoritative: None,
            };
            self.ask(
                &named,
                ("Résolution de", "Resolution of"),
                Expectation::Dns(check),
            );
        }
    }

    pub(super) fn http(&mut self) {
        let url = self.named("url");
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let what = format!("`{url}` is not a valid http:// or https:// URL");
            return self.refuse(what);
        }
        let insecure = self.is_set("allow-insecure");
        if !self.is_set("no-follow-redirects") {
            let comment = "Goss follows redirects; this asks for the first answer.";
            self.converted.comments.push(comment.to_owned());
        }
        let check = HttpCheck {
            url: url.clone(),
            method: self
                .attribute("method")
                .and_then(scalar)
                .filter(|method| method != "GET"),
            request_headers: self.request_headers(),
            connect: None,
            ca: self
                .attribute("ca-file")
                .and_then(scalar)
                .filter(|file| !file.is_empty()),
            answered: None,
            status: self.number("status"),
            headers: self.expect("headers", headers),
            body: self.text("body", expected::Seen::Lines),
            trusted: (url.starts_with("https://") && !insecure).then_some(Matcher::Is(true)),
        };
        self.without("request-body", "no body can be sent");
        self.without("cert-file", "no certificate can be shown");
        self.without("key-file", "no certificate can be shown");
        self.without("proxy", "no proxy can be gone through");
        let id = self.entry.key.clone();
        self.ask(&id, ("Page", "Page"), Expectation::Http(check));
    }

    fn request_headers(&mut self) -> BTreeMap<String, String> {
        let lines = self
            .attribute("request-headers")
            .map(Tree::elements)
            .unwrap_or_default();
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for line in lines {
            let text = scalar(line).unwrap_or_default();
            match text.split_once(": ") {
                Some((name, value)) => {
                    headers.insert(name.to_owned(), value.to_owned());
                }
                None => self.leave_out(
                    line.at,
                    format!("`request-headers`: `{text}` is not of the form `name: value`"),
                ),
            }
        }
        let user = self
            .attribute("username")
            .and_then(scalar)
            .unwrap_or_default();
        let password = self
            .attribute("password")
            .and_then(scalar)
            .unwrap_or_default();
        if !user.is_empty() || !password.is_empty() {
            let both =
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            headers.insert("Authorization".to_owned(), format!("Basic {both}"));
        }
        headers
    }
}

/// A name server as Goss takes it, where it is an address.
fn server_address(text: &str) -> Option<String> {
    if text.parse::<IpAddr>().is_ok() {
        return Some(text.to_owned());
    }
    let (host, port) = host_and_port(text)?;
    let host: IpAddr = host.parse().ok()?;
    match port {
        53 => Some(host.to_string()),
        _ => Some(std::net::SocketAddr::new(host, port).to_string()),
    }
}

/// Record data as it is seen here: names without their last dot.
fn spelled(text: &str, record: &str) -> String {
    match record {
        "A" | "TXT" => text.to_owned(),
        "AAAA" => text.to_lowercase(),
        _ => text.strip_suffix('.').unwrap_or(text).to_owned(),
    }
}

/// Goss reads response headers as lines of a text; here they are a list, names in lower case.
fn headers(tree: &Tree) -> expected::MatcherResult<Vec<String>> {
    let Kind::List(patterns) = &tree.kind else {
        let contained = entries(tree)
            .first()
            .filter(|entry| entry.key == "contain-element");
        return match contained {
            Some(entry) => expected::list(tree, &lower_name).map_err(|unfit| Unsupported {
                at: entry.key_at,
                ..unfit
            }),
            None => expected::unfit(tree, "it looks at all headers as one text"),
        };
    };
    let mut each = Vec::new();
    for tree in patterns {
        let text = scalar(tree).unwrap_or_default();
        let unfit = |why| Unsupported { at: tree.at, why };
        let (inverse, core) = match text.strip_prefix('!') {
            Some(core) => (true, core),
            None => (false, text.as_str()),
        };
        let expression = match pattern::slashed(core) {
            Some((expression, _)) => format!("(?i){expression}"),
            None => regex_syntax::escape(&lower_name(core.trim_start_matches(['\\', '/', '!']))),
        };
        let matcher = Matcher::Matches(pattern::by_line(&expression).map_err(unfit)?);
        each.push(if inverse {
            Matcher::Not(Box::new(matcher))
        } else {
            matcher
        });
    }
    Ok(expected::all(each))
}

/// `Name: value` with the name in lower case.
fn lower_name(text: &str) -> String {
    match text.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_lowercase()),
        None => text.to_owned(),
    }
}
