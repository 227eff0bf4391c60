//! Every code with its HTTP status, its meaning and its default hint. Nothing else decides a status.

use serde::{Deserialize, Serialize};

use super::UnknownCode;

/// A row is: meaning, name, text on the wire, HTTP status, and what to do about it, where that is
/// the same wherever the code is used.
macro_rules! error_codes {
    ($( $(#[doc = $meaning:literal])+ $name:ident $text:literal $status:literal $($hint:literal)?; )+) => {
        /// What is wrong, in a word that programs can rely on. The set is closed: whom it blames, its
        /// HTTP status and its default hint follow from the code.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum ErrorCode {
            $( $(#[doc = $meaning])+ #[serde(rename = $text)] $name, )+
            /// A code of another version of the daemon. It can be read, and nobody can make it.
            #[serde(untagged)]
            Unknown(UnknownCode),
        }

        impl ErrorCode {
            /// All that there are.
            pub const ALL: &[Self] = &[$( Self::$name ),+];

            /// The code, as it is sent.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$name => $text, )+
                    Self::Unknown(code) => code.as_str(),
                }
            }

            /// The HTTP status that it is answered with.
            #[must_use]
            pub fn status(&self) -> u16 {
                match self {
                    $( Self::$name => $status, )+
                    Self::Unknown(_) => 500,
                }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(&self) -> &'static str {
                match self {
                    $( Self::$name => concat!($($meaning),+).trim_ascii(), )+
                    Self::Unknown(_) => "A code of another version of the daemon.",
                }
            }

            /// What to do about it, where the error itself says nothing more fitting.
            #[must_use]
            pub fn default_hint(&self) -> Option<&'static str> {
                match self {
                    $( Self::$name => error_codes!(@hint $($hint)?), )+
                    Self::Unknown(_) => None,
                }
            }
        }
    };
    (@hint) => { None };
    (@hint $hint:literal) => { Some($hint) };
}

error_codes! {
    // What the path names is not there.
    /// There is no such account.
    AccountNotFound "account-not-found" 404;
    /// No web application is served under this host name.
    ApplicationNotFound "application-not-found" 404;
    /// There is no such attempt.
    AttemptNotFound "attempt-not-found" 404 "`plateau session seats` shows the attempts";
    /// The daemon has no certificate authority of its own.
    AuthorityNotFound "authority-not-found" 404;
    /// No saved file of the task has this hash.
    DeliverableNotFound "deliverable-not-found" 404 "GET /v1/attempts/{attempt}/deliverables says what is asked for, and what was saved";
    /// The attempt has no such grading.
    GradingNotFound "grading-not-found" 404;
    /// There is no recipe of such an image.
    ImageNotFound "image-not-found" 404;
    /// No lab has this name or identifier.
    LabNotFound "lab-not-found" 404 "`plateau lab list` shows those that are there";
    /// The lab has no such node, or none that can be entered.
    NodeNotFound "node-not-found" 404 "`plateau lab show` names the lab's nodes";
    /// The scenario has no such task, mistake or phase.
    PartNotFound "part-not-found" 404;
    /// There is no such recording.
    RecordingNotFound "recording-not-found" 404;
    /// There is no such route.
    RouteNotFound "route-not-found" 404 "GET /v1/openapi.json names all routes";
    /// The session has no such scenario.
    ScenarioNotFound "scenario-not-found" 404 "`plateau session show` names the session's scenarios";
    /// The session has no such seat.
    SeatNotFound "seat-not-found" 404 "`plateau session seats` shows the candidates' numbers";
    /// No session has this name or identifier.
    SessionNotFound "session-not-found" 404 "`plateau session list` shows those that are there";
    /// The rubric has no such criterion or level.
    SubjectNotFound "subject-not-found" 404;
    /// The scenario has no such task.
    TaskNotFound "task-not-found" 404 "GET /v1/attempts/{attempt}/deliverables says what is asked for, and what was saved";
    /// There is no such token.
    TokenNotFound "token-not-found" 404;
    /// The daemon serves no web applications.
    WebNotFound "web-not-found" 404 "start it with --web and a name such as labs.localhost";

    // Who asks.
    /// Nobody is logged in, or the token is wrong.
    Unauthorized "unauthorized" 401 "log in with POST /v1/logins, or send `Authorization: Bearer …` with a token, such as \
        the content of the file `token` in the daemon's state folder";
    /// The name and the password, or the access code, are wrong.
    LoginRefused "login-refused" 401;
    /// The role does not have the right.
    Forbidden "forbidden" 403;
    /// The `Host` header names another machine.
    HostNotAllowed "host-not-allowed" 403;
    /// The request may come from another site.
    CrossSite "cross-site" 403;
    /// The attempt is not open: not begun yet, paused, or over.
    AttemptNotOpen "attempt-not-open" 403;
    /// The account is not one of the session's jurors.
    NotOfTheJury "not-of-the-jury" 403 "a juror has the name of the account in the session's terms";
    /// The browser was not let into the web application.
    NotLetIn "not-let-in" 403 "open the application again from the daemon, or with `plateau lab web`";
    /// There were too many tries to log in.
    TooManyTries "too-many-tries" 429;
    /// The login does not sit at a seat.
    NotACandidate "not-a-candidate" 400 "log in with the access code of a seat";

    // The request.
    /// The route does not take this method.
    MethodNotAllowed "method-not-allowed" 405;
    /// The body has more bytes than the route takes.
    BodyTooLarge "body-too-large" 413;
    /// The body is not sent as JSON.
    NotJson "not-json" 415 "send `Content-Type: application/json`";
    /// The body is not valid JSON, or not of the expected shape.
    BadJson "bad-json" 400;
    /// A variable of the path is not valid.
    BadPath "bad-path" 400;
    /// The query is not valid.
    BadQuery "bad-query" 400;
    /// The request does not open a WebSocket.
    NotAWebsocket "not-a-websocket" 400;
    /// The port is not a valid TCP port.
    BadPort "bad-port" 400;
    /// The host name is not one that the application can be asked for.
    BadHost "bad-host" 400;
    /// The name is not valid.
    BadName "bad-name" 400;
    /// The name of the node is too long for the host name of an application.
    NameTooLong "name-too-long" 409;
    /// Another one has the name.
    NameTaken "name-taken" 409 "take another name";
    /// The role cannot be given in this way.
    BadRole "bad-role" 400 "an account is an administrator, a trainer, an evaluator or an invigilator; \
        a token the same, but no invigilator; a candidate gets in by the code of their seat";
    /// The password is too short or too long.
    BadPassword "bad-password" 400 "a few words that nobody would put together are easy to keep";
    /// The number of days is not one that a token can last.
    BadDays "bad-days" 400 "1 to 36500, or none for one that never ends";

    // Scenarios.
    /// The scenario has problems; the answer lists them.
    ScenarioProblems "scenario-problems" 400;
    /// The scenario has too many files.
    TooManyFiles "too-many-files" 400;
    /// The scenario has too many bytes.
    ScenarioTooLarge "scenario-too-large" 400;
    /// A file of the scenario cannot be used.
    BadFile "bad-file" 400;
    /// The scenario is not the one that is meant.
    OtherScenario "other-scenario" 400;
    /// The scenario was not proven as it is.
    NotProven "not-proven" 400 "run `plateau scenario prove` on it, or insist with a reason, which is recorded";
    /// A stored scenario cannot be read any longer.
    ScenarioUnreadable "scenario-unreadable" 500;
    /// A proof ended by a mistake of the daemon.
    ProofPanicked "proof-panicked" 500;

    // Labs.
    /// The name begins the identifiers of several labs.
    LabAmbiguous "lab-ambiguous" 409;
    /// The lab does not run.
    LabNotReady "lab-not-ready" 409 "`plateau lab show` says what it is doing, and why it failed";
    /// The lab is being removed.
    LabRemoved "lab-removed" 409;
    /// The node does not run.
    NodeStopped "node-stopped" 409 "reboot the node";
    /// The command has no program.
    NothingToRun "nothing-to-run" 400;
    /// The command took longer than it might, and was ended.
    CommandTimeout "command-timeout" 400 "give it more time, or let it run in the background";
    /// People run as many commands, tunnels and transfers in the lab as they may.
    LabBusy "lab-busy" 429 "end one of them, or try again in a moment";
    /// A script of the scenario failed.
    ScriptFailed "script-failed" 400;
    /// Nothing is kept of the attempt's lab.
    NothingKept "nothing-kept" 400 "a lab is kept once it was handed in, until `plateau session clear --kept`";
    /// What is kept of the attempt's lab is damaged.
    KeptDamaged "kept-damaged" 500;
    /// The host lacks what the lab needs.
    HostLacks "host-lacks" 503;
    /// The nodes could not be connected.
    WiringFailed "wiring-failed" 500;
    /// A node did not finish booting.
    BootFailed "boot-failed" 500 "an init that ends with 255 lacks inotify instances \
        (`sysctl fs.inotify.max_user_instances=8192`); one that is slow lacks cores or memory";
    /// Nodes did not come back with the engine.
    NotBack "not-back" 500 "`plateau lab reboot` tries a node again";
    /// A fault could not be injected.
    FaultFailed "fault-failed" 500;
    /// An awaited condition could not be looked at.
    ConditionUnseen "condition-unseen" 500;
    /// There is no snapshot of the nodes.
    SnapshotFailed "snapshot-failed" 500;
    /// Some of the lab could not be removed.
    DownIncomplete "down-incomplete" 500 "removing it again goes on where this ended";

    // Terminals and web applications.
    /// The terminals of the lab are closed.
    TerminalsClosed "terminals-closed" 409;
    /// The lab has as many terminals as it may have.
    TooManyTerminals "too-many-terminals" 409;
    /// The terminal does not answer.
    TerminalSilent "terminal-silent" 500;
    /// The terminal's shell ended.
    TerminalEnded "terminal-ended" 500;
    /// The recordings cannot be read.
    RecordingsUnreadable "recordings-unreadable" 500;
    /// The web application cannot be reached.
    ApplicationUnreachable "application-unreachable" 502;
    /// The web application has as many connections as it may have.
    ApplicationBusy "application-busy" 503;
    /// The web application does not answer.
    ApplicationSilent "application-silent" 504;

    // Sessions.
    /// What is decided of the session does not go together.
    BadTerms "bad-terms" 400;
    /// The list of candidates has flaws; the answer lists them.
    BadRoster "bad-roster" 400 "mend the list and send it again; nothing was changed";
    /// A reason is needed.
    ReasonMissing "reason-missing" 400 "say why with --reason; it is kept in the session's log";
    /// The session is being rehearsed.
    SessionRehearsing "session-rehearsing" 400 "wait for its end, or end it";
    /// The session is not in a state in which this can be done.
    SessionNotReady "session-not-ready" 409;
    /// The session is sealed.
    SessionSealed "session-sealed" 409 "reopen the session first, which is recorded with its reason";
    /// The attempt is not in a state in which this can be done.
    AttemptNotReady "attempt-not-ready" 409 "`plateau session seats` shows where each is";
    /// There is no attempt for which this can be done.
    NobodyConcerned "nobody-concerned" 409 "`plateau session seats` shows where each is";
    /// The session cannot be sealed before open points are decided.
    OpenPoints "open-points" 409 "GET /v1/attempts/{attempt}/outcome says more of each; the jury decides what is open";
    /// The labs need more memory than is left.
    NoRoom "no-room" 503 "take other labs down, or prepare fewer seats at a time";

    // What candidates hand in.
    /// The task asks for nothing to be handed in.
    NothingAskedFor "nothing-asked-for" 400 "GET /v1/attempts/{attempt}/deliverables says what is asked for, and what was saved";
    /// The name of the file is not valid.
    BadFileName "bad-file-name" 400 "a plain name with an ending, such as `report.pdf`";
    /// The text that says who writes is not valid.
    BadWriter "bad-writer" 400 "1 to 40 letters, digits and `-`";
    /// Only a text can be a draft.
    NoDraft "no-draft" 400 "save it without `draft`";
    /// The task does not take this kind of file.
    KindNotAccepted "kind-not-accepted" 400;
    /// The file is larger than the task takes.
    FileTooLarge "file-too-large" 413 "make it smaller, such as its pictures";
    /// The file is empty.
    FileEmpty "file-empty" 400 "save it in your program, and send it again";
    /// The file is not what its name says.
    OtherContent "other-content" 400;
    /// The task has too many versions.
    TooManyVersions "too-many-versions" 409;
    /// The file ended before it was whole.
    FileCutOff "file-cut-off" 400 "send it again; what was saved before is kept";

    // Judging.
    /// The attempt is not graded yet.
    AttemptNotGraded "attempt-not-graded" 409 "it is graded once it was handed in and kept";
    /// The judgement needs a reason.
    NoReason "no-reason" 400;
    /// The judgement is not valid.
    BadJudgement "bad-judgement" 400;
    /// The judgement cannot be made at this point.
    NotInTurn "not-in-turn" 409;
    /// The evidence could not be put together.
    BundleFailed "bundle-failed" 500;

    // Images.
    /// Images are being built already.
    ImagesBeingBuilt "images-being-built" 409 "wait until it has ended";
    /// The image is not there.
    ImageMissing "image-missing" 500 "build it with `plateau images build`; `plateau images list` shows what is missing";
    /// The image could not be built.
    ImageBuildFailed "image-build-failed" 500;
    /// The image's folder could not be packed.
    ImageNotPacked "image-not-packed" 500;
    /// The recipes of the images are broken.
    RecipesBroken "recipes-broken" 500;
    /// The build cannot reach the network.
    NoNetwork "no-network" 500;
    /// mmdebstrap is not installed.
    MmdebstrapMissing "mmdebstrap-missing" 500 "apt-get install mmdebstrap, or start plateaud with `--base-image debian:bookworm`";
    /// mmdebstrap could not be run.
    MmdebstrapNotRun "mmdebstrap-not-run" 500;
    /// mmdebstrap failed.
    MmdebstrapFailed "mmdebstrap-failed" 500;

    // The container engine.
    /// The container engine cannot be reached.
    EngineUnreachable "engine-unreachable" 503 "start Docker (`systemctl start docker`), or set DOCKER_HOST to where it listens";
    /// The container engine's socket refuses the daemon.
    EnginePermissionDenied "engine-permission-denied" 503 "run plateaud as root or as a member of the group `docker`";
    /// The container engine says that something conflicts.
    EngineConflict "engine-conflict" 502;
    /// The container engine answered with an error.
    EngineError "engine-error" 502;
    /// The container engine's answer could not be read.
    EngineTransport "engine-transport" 502;
    /// The container engine was away meanwhile.
    EngineInterrupted "engine-interrupted" 502 "ask again";
    /// The container is not there.
    ContainerMissing "container-missing" 500;
    /// The container does not run.
    ContainerNotRunning "container-not-running" 500 "start or reboot the node";
    // Never `docker system prune`: it removes nodes that a candidate has switched off.
    /// The container engine's disk is full.
    NoSpace "no-space" 500 "free some with `docker image prune`, or give Docker a larger disk";
    /// The container engine took too long.
    Timeout "timeout" 500 "look at the host's load; `plateau doctor` shows what it has";
    /// The fake engine was told to fail.
    Injected "injected" 500;

    // The daemon and its host.
    /// The disk of the daemon's state folder or database is full.
    DiskFull "disk-full" 507 "nothing was changed: free some space on the disk of the daemon's state folder and database, \
        and do it again; labs and clocks go on meanwhile";
    /// The daemon's state folder cannot be used.
    StateUnusable "state-unusable" 500 "plateaud needs a state folder that it can write to";
    /// The database failed.
    DatabaseFailed "database-failed" 500 "look at the disk's space and, with PostgreSQL, whether it answers";
    /// Accounts or log-ins failed.
    AccessFailed "access-failed" 500 "look at the disk's space and, with PostgreSQL, whether it answers";
    /// The backup failed.
    BackupFailed "backup-failed" 500 "the daemon's log has more";
    /// The program that makes documents is missing.
    ReportProgramMissing "report-program-missing" 500 "install plateau-report beside plateaud; `cargo xtask build` builds both";
    /// The program that makes documents could not be started.
    ReportNotStarted "report-not-started" 500;
    /// The program that makes documents did not take its input.
    ReportRefused "report-refused" 500;
    /// The document could not be made.
    ReportFailed "report-failed" 500 "ask for fewer candidates at once";
    /// The document took too long.
    ReportTooSlow "report-too-slow" 500 "ask for fewer candidates at once";
    /// The document became too large.
    ReportTooLarge "report-too-large" 500 "ask for fewer candidates at once";
    /// The daemon made a mistake.
    Bug "bug" 500 "please report it with the daemon's log";
}
