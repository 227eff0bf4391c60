//! Bodies of the HTTP API, a file for each group of routes.

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
    AccountView, CandidateLabView, CandidateNodeView, CreateAccountRequest, CreateTokenRequest,
    CreatedToken, Identity, LoginRequest, LoginView, SensitiveText, TokenView,
    UpdateAccountRequest,
};
pub use host::{Diagnosis, Health, HostFinding, SshView, Version};
pub use image::{BuildEvent, BuildImagesRequest, ImageState, ImageView};
#[cfg(feature = "exam")]
pub use judging::{
    AcceptGradingRequest, EvidenceKeyView, GradingView, JudgementsView, RegradeRequest,
    RegradingProposal,
};
pub use lab::{
    CheckRequest, CreateLabRequest, DiskAlert, DiskAlertLevel, ExecRequest, ExecResult,
    LabGradeView, LabState, LabView, NodeState, NodeView, ScriptRun, SolveRequest, SolveResult,
};
pub use proof::{ProofEvent, ProofRequest};
#[cfg(feature = "exam")]
pub use session::{
    AccessSlip, AttemptSelection, AttemptView, AttemptsRequest, AttemptsResponse,
    CandidateAttemptView, CandidateView, ClearRequest, CreateSessionRequest, ExtendRequest,
    KeyView, MessageRequest, MessageView, OrderNotice, PauseRequest, ReceiptView, RosterProblems,
    ScenarioInput, ScenarioView, SeatView, SessionTerms, SessionView, SetKeysRequest,
    TransitionRequest,
};
pub use stream::{EventView, LabEvent, LabEventKind};
pub use web::{OpenWebAppRequest, WebAppAccess};

/// A scenario's folder as it is transferred: path in the folder → content in base64.
pub type ScenarioFiles = BTreeMap<String, String>;
