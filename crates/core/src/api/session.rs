//! Sessions, their seats and attempts, as they are arranged, conducted and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ScenarioFiles;
use crate::exam::clock::{ClockReading, PauseKind};
use crate::exam::deliverable::{AssignedDeliverableView, SubmissionView};
use crate::exam::rehearsal::Rehearsal;
use crate::exam::roster::RosterProblem;
use crate::exam::session::{AttemptState, SessionMove, SessionState};
use crate::feedback::AssessmentMode;
use crate::localized::Localized;

messages! {
    /// Replaces the keys by which a candidate comes in over SSH: `PUT /v1/attempts/{attempt}/keys`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct SetKeysRequest {
        /// Public keys, each as in a line of `authorized_keys` without options; at most eight.
        pub keys: Vec<String>,
    }

    /// A key by which a candidate comes in over SSH.
    #[derive(Eq)]
    struct KeyView {
        /// SHA-256 of the key, as clients show it: `SHA256:…`.
        pub fingerprint: String,
        /// The public key, with its comment.
        pub key: String,
        /// When it was given, in milliseconds since the epoch.
        pub added_ms: u64,
    }

    /// What is decided of a session before it is prepared.
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
        /// Who watches over it, by account, besides the one who is responsible.
        #[serde(default)]
        pub invigilators: Vec<String>,
        /// Practice or exam.
        pub mode: AssessmentMode,
        /// What every candidate's parameters follow from; drawn where absent.
        #[serde(default)]
        pub seed: Option<String>,
    }

    /// Describes a session: `POST /v1/sessions`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct CreateSessionRequest {
        /// Name to address it by; unique.
        pub name: String,
        /// What is decided of it.
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
        /// Why it is taken although this very folder was not proven.
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
        /// Where it is.
        pub state: SessionState,
        /// The moves that are legal now.
        pub moves: Vec<SessionMove>,
        /// What is decided of it.
        pub terms: SessionTerms,
        /// When it was described (milliseconds since the epoch).
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
        /// When this very folder was proven (milliseconds since the epoch), if it was.
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
        /// Factor on time, in thousandths.
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
        /// Where it is.
        pub state: AttemptState,
        /// Its lab's identifier, while there is one.
        pub lab: Option<String>,
        /// Its clock.
        pub clock: ClockReading,
        /// Why it is broken, or what keeps it from going on.
        pub problem: Option<String>,
        /// What counts of its deliverables, by task; a task of which nothing was saved is not here.
        pub handed_in: Vec<SubmissionView>,
    }

    /// Which attempts are meant; all where both are absent.
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

    /// Something that needs no more than to say which attempts are meant, and why.
    #[derive(Default, Eq)]
    #[serde(deny_unknown_fields)]
    struct AttemptsRequest {
        /// Which attempts.
        #[serde(default)]
        pub selection: AttemptSelection,
        /// Why; needed where somebody's time or place is touched.
        #[serde(default)]
        pub reason: Option<String>,
    }

    /// Stops clocks: `POST /v1/sessions/{session}/pause`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct PauseRequest {
        /// Which attempts.
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
        /// Which attempts.
        #[serde(default)]
        pub selection: AttemptSelection,
        /// How much, in milliseconds; at most a day.
        pub by_ms: u64,
        /// Why.
        pub reason: String,
    }

    /// Moves a whole session, with the reason where one is needed.
    #[derive(Default, Eq)]
    #[serde(deny_unknown_fields)]
    struct TransitionRequest {
        /// Why.
        #[serde(default)]
        pub reason: Option<String>,
    }

    /// Says something to candidates: `POST /v1/sessions/{session}/say`.
    #[derive(Eq)]
    #[serde(deny_unknown_fields)]
    struct MessageRequest {
        /// Candidate number; everybody where absent.
        #[serde(default)]
        pub seat: Option<String>,
        /// The text, at most 1000 characters.
        pub text: String,
    }

    /// Removes what runs and what was kept: `POST /v1/sessions/{session}/clear`.
    #[derive(Default, Eq)]
    #[serde(deny_unknown_fields)]
    struct ClearRequest {
        /// Also the images of what was handed in: the labs can never be opened again.
        #[serde(default)]
        pub include_images: bool,
    }

    /// What an order did.
    #[derive(Eq)]
    struct AttemptsResponse {
        /// The attempts that it moved, as they are now.
        pub attempts: Vec<AttemptView>,
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
        /// The server's moment, in milliseconds since the epoch, to set a display by.
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
        /// Where it is.
        pub state: AttemptState,
        /// Its clock.
        pub clock: ClockReading,
        /// Nodes that the candidate may enter; empty unless they may work.
        pub nodes: Vec<String>,
        /// Its lab's identifier, while the candidate may work.
        pub lab: Option<String>,
        /// What is to be handed in, in the order of the tasks, and which version counts; only once the
        /// candidate has begun.
        pub deliverables: Vec<AssignedDeliverableView>,
    }

    /// Something that was said.
    #[derive(Eq)]
    struct MessageView {
        /// When, in milliseconds since the epoch.
        pub at_ms: u64,
        /// The text.
        pub text: String,
    }
}
