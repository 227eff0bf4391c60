//! What daemon and clients say to each other over HTTP, a file for each group of routes.

use std::collections::BTreeMap;

macro_rules! messages {
    ($( $(#[$meta:meta])* $kind:ident $name:ident $body:tt )*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
            $(#[$meta])*
            pub $kind $name $body
        )*
    };
}

#[cfg(feature = "exam")]
mod access;
mod host;
mod image;
#[cfg(feature = "exam")]
mod judging;
mod lab;
mod proof;
#[cfg(feature = "exam")]
mod session;
mod stream;
mod web;

pub use crate::error::{ApiError, Blame, ErrorCode};
pub use crate::event::{EventProgress, EventRecord};
#[cfg(feature = "exam")]
pub use access::{
    AccountView, ChangeAccount, Hidden, LoginView, NewAccount, NewLogin, NewToken, OwnLabView,
    OwnNodeView, TokenMade, TokenView, Who,
};
pub use host::{Diagnosis, Health, HostFinding, SshView, Version};
pub use image::{BuildEvent, BuildImages, ImageState, ImageView};
#[cfg(feature = "exam")]
pub use judging::{
    AcceptGrading, EvidenceKeyView, GradingView, JudgementsView, NewGrading, Proposal,
};
pub use lab::{
    CheckLab, CheckResultView, Exec, ExecResult, LabState, LabView, NewLab, NodeState, NodeView,
    ScriptRun, Solve, SolveResult,
};
pub use proof::{NewProof, ProofEvent};
#[cfg(feature = "exam")]
pub use session::{
    AttemptView, Because, Clear, Extend, Flaws, KeyView, Message, NewScenario, NewSession, Order,
    Ordered, Own, OwnAttempt, Pause, Say, ScenarioView, SeatView, SessionView, SetKeys, Slip,
    Terms, Which,
};
pub use stream::{Event, EventView, What};
pub use web::{OpenWeb, WebView};

/// A scenario's folder as it travels: path in the folder → content in base64.
pub type ScenarioFiles = BTreeMap<String, String>;
