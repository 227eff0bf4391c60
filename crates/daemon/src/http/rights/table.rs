//! The table of all routes and the rights that they require.

use plateau_core::exam::rights::Right;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Everybody: it reveals no more than a port scan, or is needed to log in.
    Open,
    /// Everybody who is authenticated.
    Known,
    /// Everybody with the right for what the path names.
    Needs(Right),
}

use Guard::{Known, Needs, Open};

/// Opens a web application.
pub(super) const WEB: &str = "/v1/labs/{lab}/nodes/{node}/web";

/// Every route with its guard. A route that is not here is not served.
pub(super) const ROUTES: &[(&str, &str, Guard)] = &[
    ("get", "/v1/version", Open),
    ("get", "/v1/health", Open),
    ("get", "/v1/health/live", Open),
    ("get", "/v1/health/ready", Open),
    ("get", "/metrics", Needs(Right::SeeHost)),
    ("get", "/v1/openapi.json", Open),
    ("get", "/v1/authority.pem", Open),
    ("get", "/v1/proxy.pac", Open),
    ("post", "/v1/logins", Open),
    ("get", "/v1/logins/current", Known),
    ("delete", "/v1/logins/current", Known),
    ("get", "/v1/accounts", Needs(Right::ManageAccounts)),
    ("post", "/v1/accounts", Needs(Right::ManageAccounts)),
    (
        "patch",
        "/v1/accounts/{account}",
        Needs(Right::ManageAccounts),
    ),
    (
        "delete",
        "/v1/accounts/{account}",
        Needs(Right::ManageAccounts),
    ),
    (
        "delete",
        "/v1/accounts/{account}/logins",
        Needs(Right::ManageAccounts),
    ),
    ("get", "/v1/tokens", Needs(Right::ManageAccounts)),
    ("post", "/v1/tokens", Needs(Right::ManageAccounts)),
    ("delete", "/v1/tokens/{token}", Needs(Right::ManageAccounts)),
    ("get", "/v1/doctor", Needs(Right::SeeHost)),
    ("get", "/v1/backup", Needs(Right::TakeBackup)),
    ("get", "/v1/images", Needs(Right::SeeImages)),
    ("post", "/v1/images/build", Needs(Right::BuildImages)),
    ("post", "/v1/proofs", Needs(Right::Prove)),
    ("get", "/v1/events", Needs(Right::SeeLabs)),
    ("get", "/v1/labs", Needs(Right::SeeLabs)),
    ("post", "/v1/labs", Needs(Right::BuildLabs)),
    ("get", "/v1/labs/{lab}", Needs(Right::SeeLab)),
    ("delete", "/v1/labs/{lab}", Needs(Right::WorkLab)),
    ("get", "/v1/labs/{lab}/events", Needs(Right::SeeLab)),
    ("post", "/v1/labs/{lab}/start", Needs(Right::WorkLab)),
    ("post", "/v1/labs/{lab}/solve", Needs(Right::WorkLab)),
    ("post", "/v1/labs/{lab}/check", Needs(Right::WorkLab)),
    (
        "post",
        "/v1/labs/{lab}/nodes/{node}/exec",
        Needs(Right::WorkLab),
    ),
    (
        "post",
        "/v1/labs/{lab}/nodes/{node}/reboot",
        Needs(Right::WorkLab),
    ),
    (
        "get",
        "/v1/labs/{lab}/nodes/{node}/shell",
        Needs(Right::EnterNode),
    ),
    ("get", "/v1/evidence/key", Open),
    ("get", "/v1/seats/own", Known),
    ("get", "/v1/sessions", Needs(Right::SeeSessions)),
    ("post", "/v1/sessions", Needs(Right::ArrangeSessions)),
    ("get", "/v1/sessions/{session}", Needs(Right::SeeSession)),
    (
        "get",
        "/v1/sessions/{session}/seats",
        Needs(Right::SeeSession),
    ),
    (
        "put",
        "/v1/sessions/{session}/seats",
        Needs(Right::ArrangeSessions),
    ),
    (
        "get",
        "/v1/sessions/{session}/slips.pdf",
        Needs(Right::ConductSession),
    ),
    (
        "get",
        "/v1/sessions/{session}/slips",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/seats/{number}/code",
        Needs(Right::ConductSession),
    ),
    (
        "get",
        "/v1/sessions/{session}/log",
        Needs(Right::SeeSession),
    ),
    (
        "get",
        "/v1/sessions/{session}/events",
        Needs(Right::SeeSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/rehearse",
        Needs(Right::ArrangeSessions),
    ),
    (
        "post",
        "/v1/sessions/{session}/prepare",
        Needs(Right::ArrangeSessions),
    ),
    (
        "post",
        "/v1/sessions/{session}/dismantle",
        Needs(Right::ArrangeSessions),
    ),
    (
        "post",
        "/v1/sessions/{session}/open",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/pause",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/resume",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/extend",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/hand-in",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/absent",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/say",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/clear",
        Needs(Right::ArrangeSessions),
    ),
    (
        "post",
        "/v1/sessions/{session}/close",
        Needs(Right::ConductSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/seal",
        Needs(Right::SealSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/reopen",
        Needs(Right::SealSession),
    ),
    (
        "post",
        "/v1/sessions/{session}/cancel",
        Needs(Right::ArrangeSessions),
    ),
    (
        "post",
        "/v1/attempts/{attempt}/hand-in",
        Needs(Right::WorkAttempt),
    ),
    (
        "get",
        "/v1/attempts/{attempt}/keys",
        Needs(Right::SeeAttempt),
    ),
    (
        "put",
        "/v1/attempts/{attempt}/keys",
        Needs(Right::WorkAttempt),
    ),
    (
        "put",
        "/v1/attempts/{attempt}/deliverables/{task}",
        Needs(Right::WorkAttempt),
    ),
    (
        "get",
        "/v1/attempts/{attempt}/deliverables",
        Needs(Right::SeeAttempt),
    ),
    (
        "get",
        "/v1/attempts/{attempt}/deliverables/{task}/{content}",
        Needs(Right::SeeAttempt),
    ),
    (
        "get",
        "/v1/attempts/{attempt}/evidence.tar",
        Needs(Right::SeeEvidence),
    ),
    (
        "get",
        "/v1/attempts/{attempt}/gradings",
        Needs(Right::SeeEvidence),
    ),
    (
        "post",
        "/v1/attempts/{attempt}/gradings",
        Needs(Right::Judge),
    ),
    (
        "post",
        "/v1/attempts/{attempt}/gradings/{grading}/accept",
        Needs(Right::Judge),
    ),
    ("post", "/v1/attempts/{attempt}/lab", Needs(Right::Judge)),
    ("delete", "/v1/attempts/{attempt}/lab", Needs(Right::Judge)),
    (
        "get",
        "/v1/attempts/{attempt}/judgements",
        Needs(Right::SeeEvidence),
    ),
    (
        "post",
        "/v1/attempts/{attempt}/judgements",
        Needs(Right::Judge),
    ),
    (
        "get",
        "/v1/attempts/{attempt}/outcome",
        Needs(Right::SeeEvidence),
    ),
    (
        "get",
        "/v1/labs/{lab}/nodes/{node}/watch",
        Needs(Right::WatchTerminals),
    ),
    (
        "get",
        "/v1/labs/{lab}/recordings",
        Needs(Right::WatchTerminals),
    ),
    (
        "get",
        "/v1/labs/{lab}/recordings/{name}",
        Needs(Right::WatchTerminals),
    ),
    (
        "get",
        "/v1/labs/{lab}/nodes/{node}/tunnel",
        Needs(Right::EnterNode),
    ),
    ("post", WEB, Needs(Right::EnterNode)),
];

/// Path parameters: each can be looked up, or belongs to nobody.
pub(super) const NAMED: [&str; 12] = [
    "lab", "node", "name", "session", "seat", "number", "attempt", "task", "content", "grading",
    "account", "token",
];
