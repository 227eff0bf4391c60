//! Sessions, their seats and attempts: how they are arranged, conducted and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ScenarioFiles;
use crate::exam::clock::{ClockReading, PauseKind};
use crate::exam::deliverable::{AssignedDeliverableView, SubmissionView};
use crate::exam::receipt::Receipt;
use crate::exam::rehearsal::Rehearsal;
use crate::exam::roster::RosterProblem;
use crate::exam::session::{AttemptState, SessionMove, SessionState};
use crate::feedback::AssessmentMode;
use crate::localized::Localized;

messages! {
    /// Replaces the keys by which a candidate logs in over SSH: `PUT /v1/attempts/{attempt}/keys`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct SetKeysRequest {
        /// Public keys, each as in a line of `authorized_keys` without options; at most eight.
        pub keys: Vec<String>,
    }

    /// A key by which a candidate logs in over SSH.
    #[derive(Eq)]
    struct KeyView {
        /// SHA-256 of the key, as clients show it: `SHA256:…`.
        pub fingerprint: String,
        /// The public key, with its comment.
        pub key: String,
        /// When it was added, in milliseconds since the epoch.
        pub added_ms: u64,
    }

    /// The terms of a session, which are set before it is prepared.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct SessionTerms {
        /// Title that is examined, by its referential's identifier, such as `tsgeri`.
        pub title: String,
        /// The only block examined, where it is not the whole title.
        #[serde(default)]
        pub block: Option<String>,
        /// Examination centre.
        pub centre: String,
        /// First day, such as `2026-12-01`.
        pub from: String,
        /// Last day.
        pub to: String,
        /// Who is responsible for it.
        pub responsible: String,
        /// Jurors; an exam has at least two.
        pub jurors: Vec<String>,
        /// Accounts of the invigilators, besides the person who is responsible.
        #[serde(default)]
        pub invigilators: Vec<String>,
        /// Practice or exam.
        pub mode: AssessmentMode,
        /// Seed from which each candidate's parameters are derived; drawn where absent.
        #[serde(default)]
        pub seed: Option<String>,
    }

    /// Creates a session: `POST /v1/sessions`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct CreateSessionRequest {
        /// Name to address it by; unique.
        pub name: String,
        /// Its terms.
        pub terms: SessionTerms,
        /// Its scenarios, in their order.
        pub scenarios: Vec<ScenarioInput>,
    }

    /// A scenario for a session; it is frozen as it is sent.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct ScenarioInput {
        /// The scenario's folder.
        pub files: ScenarioFiles,
        /// The reason why it is accepted although this exact folder was not proven.
        #[serde(default)]
        pub unproven_reason: Option<String>,
    }

    /// A session, as shown.
    #[derive(Eq)]
    struct SessionView {
        /// Identifier (UUID version 7).
        pub id: String,
        /// Name to address it by.
        pub name: String,
        /// Its state.
        pub state: SessionState,
        /// The transitions that are allowed now.
        pub moves: Vec<SessionMove>,
        /// Its terms.
        pub terms: SessionTerms,
        /// When it was created (milliseconds since the epoch).
        pub created_ms: u64,
        /// Its scenarios.
        pub scenarios: Vec<ScenarioView>,
        /// Seats.
        pub seats: u32,
        /// Attempts by state.
        pub attempts: BTreeMap<String, u32>,
        /// Its last rehearsal, if there was one.
        #[serde(default)]
        pub rehearsal: Option<Rehearsal>,
    }

    /// A session's scenario, as shown.
    #[derive(Eq)]
    struct ScenarioView {
        /// Its identifier.
        pub id: String,
        /// Title by language.
        pub title: Localized,
        /// BLAKE3 of its frozen folder.
        pub hash: String,
        /// How long a candidate has, in milliseconds, before the candidate's time factor is applied.
        pub duration_ms: u64,
        /// Blocks that its tasks belong to.
        pub blocks: Vec<String>,
        /// When this exact folder was proven (milliseconds since the epoch), if it was.
        pub proven_ms: Option<u64>,
    }

    /// A seat, as shown to those who conduct the session.
    #[derive(Eq)]
    struct SeatView {
        /// Identifier.
        pub id: String,
        /// Candidate number.
        pub number: String,
        /// Candidate's name.
        pub name: String,
        /// E-mail, if any.
        pub email: Option<String>,
        /// Blocks presented; the whole title where empty.
        pub blocks: Vec<String>,
        /// Time factor, in thousandths.
        pub factor: u32,
        /// How long breaks may take without costing time, in milliseconds.
        pub breaks_ms: u64,
        /// Other arrangements.
        pub notes: String,
        /// Attempts, in the order of the session's scenarios.
        pub attempts: Vec<AttemptView>,
    }

    /// An attempt, as shown.
    #[derive(Eq)]
    struct AttemptView {
        /// Identifier.
        pub id: String,
        /// Candidate number of its seat.
        pub seat: String,
        /// The scenario's identifier.
        pub scenario: String,
        /// Its state.
        pub state: AttemptState,
        /// Its lab's identifier, while there is one.
        pub lab: Option<String>,
        /// Its clock.
        pub clock: ClockReading,
        /// Why it is broken, or what prevents it from continuing.
        pub problem: Option<String>,
        /// The receipt of its candidate, once it was handed in.
        #[serde(default)]
        pub receipt: Option<ReceiptView>,
        /// The versions of its deliverables that count, by task; tasks without a saved version are left out.
        pub handed_in: Vec<SubmissionView>,
    }

    /// A receipt, and the same in one line.
    #[derive(Eq)]
    struct ReceiptView {
        /// All of it in one line, to be printed or copied.
        pub line: String,
        /// The receipt.
        #[serde(flatten)]
        pub receipt: Receipt,
    }

    /// Selects attempts; all where both are absent.
    #[derive(Default, Eq)]
    #[serde(deny_unknown_fields)]
    struct AttemptSelection {
        /// Candidate numbers.
        #[serde(default)]
        pub seats: Option<Vec<String>>,
        /// The scenario's identifier.
        #[serde(default)]
        pub scenario: Option<String>,
    }

    /// A request with nothing but the attempts that it concerns, and the reason.
    #[derive(Default, Eq)]
    #[serde(deny_unknown_fields)]
    struct AttemptsRequest {
        /// The attempts.
        #[serde(default)]
        pub selection: AttemptSelection,
        /// The reason; required where it affects somebody's time or seat.
        #[serde(default)]
        pub reason: Option<String>,
    }

    /// Stops clocks: `POST /v1/sessions/{session}/pause`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct PauseRequest {
        /// The attempts.
        #[serde(default)]
        pub selection: AttemptSelection,
        /// Whether the time is given back.
        pub kind: PauseKind,
        /// Why.
        pub reason: String,
    }

    /// Grants more time: `POST /v1/sessions/{session}/extend`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct ExtendRequest {
        /// The attempts.
        #[serde(default)]
        pub selection: AttemptSelection,
        /// The extension in milliseconds, at most a day.
        pub by_ms: u64,
        /// Why.
        pub reason: String,
    }

    /// Changes the state of a whole session, with the reason where one is required.
    #[derive(Default, Eq)]
    #[serde(deny_unknown_fields)]
    struct TransitionRequest {
        /// Why.
        #[serde(default)]
        pub reason: Option<String>,
    }

    /// Sends a message to candidates: `POST /v1/sessions/{session}/say`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct MessageRequest {
        /// Candidate number; everybody where absent.
        #[serde(default)]
        pub seat: Option<String>,
        /// The text, at most 1000 characters.
        pub text: String,
    }

    /// Removes labs and what was kept of them: `POST /v1/sessions/{session}/clear`.
    #[derive(Default, Eq)]
    #[serde(deny_unknown_fields)]
    struct ClearRequest {
        /// Also the images of what was handed in: the labs can never be opened again.
        #[serde(default)]
        pub include_images: bool,
    }

    /// Result of an order.
    #[derive(Eq)]
    struct AttemptsResponse {
        /// The attempts whose state it changed, as they are now.
        pub attempts: Vec<AttemptView>,
        /// What whoever gave the order has to know; said once in a session.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub notices: Vec<OrderNotice>,
    }

    /// Something about an order that does not keep it from being carried out.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum OrderNotice {
        /// The engine gives nodes no users of their own: root in a node is root on the host.
        RootOfHost,
    }

    /// What is wrong with a list of candidates: the body of the answer 422.
    #[derive(Eq)]
    struct RosterProblems {
        /// All of them.
        pub problems: Vec<RosterProblem>,
    }

    /// A candidate's access code, to be handed out.
    #[derive(Eq)]
    struct AccessSlip {
        /// Candidate number.
        pub number: String,
        /// Candidate's name.
        pub name: String,
        /// The code.
        pub code: String,
    }

    /// What candidates are shown of their own attempts.
    #[derive(Eq)]
    struct CandidateView {
        /// The session's name, as the centre calls it.
        pub session: String,
        /// Candidate number.
        pub number: String,
        /// Candidate's name.
        pub name: String,
        /// The server's time, in milliseconds since the epoch, to synchronise a display with.
        pub now_ms: u64,
        /// The candidate's attempts.
        pub attempts: Vec<CandidateAttemptView>,
        /// Messages to the candidate, the newest last.
        pub messages: Vec<MessageView>,
    }

    /// One of a candidate's own attempts.
    #[derive(Eq)]
    struct CandidateAttemptView {
        /// Identifier.
        pub id: String,
        /// Title by language.
        pub title: Localized,
        /// What is to be done, by language, as Markdown; only once the candidate has begun.
        pub brief: Localized,
        /// Its state.
        pub state: AttemptState,
        /// What the candidate keeps to show that they handed it in, once they have.
        #[serde(default)]
        pub receipt: Option<ReceiptView>,
        /// Its clock.
        pub clock: ClockReading,
        /// Whether its nodes are frozen because a person stopped its clock, until it goes on.
        pub frozen: bool,
        /// Nodes that the candidate may enter; empty unless they may work.
        pub nodes: Vec<String>,
        /// Its lab's identifier, while the candidate may work.
        pub lab: Option<String>,
        /// What is to be handed in, in the order of the tasks, and which version counts; only once the
        /// candidate has begun.
        pub deliverables: Vec<AssignedDeliverableView>,
    }

    /// A message.
    #[derive(Eq)]
    struct MessageView {
        /// When, in milliseconds since the epoch.
        pub at_ms: u64,
        /// The text.
        pub text: String,
    }
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        Self {
            line: receipt.line(),
            receipt,
        }
    }
}
