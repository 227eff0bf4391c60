//! Authorization: the roles, and one table of their rights.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Role of a user or a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the daemon and its accounts.
    Administrator,
    /// Writes scenarios, tries them, and arranges sessions.
    Trainer,
    /// Reads evidence and judges.
    Evaluator,
    /// Watches over the sessions that they were named for.
    Invigilator,
    /// Sits at one seat.
    Candidate,
}

impl Role {
    /// All roles.
    pub const ALL: &'static [Self] = &[
        Self::Administrator,
        Self::Trainer,
        Self::Evaluator,
        Self::Invigilator,
        Self::Candidate,
    ];

    /// Its name, as it is written and stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Trainer => "trainer",
            Self::Evaluator => "evaluator",
            Self::Invigilator => "invigilator",
            Self::Candidate => "candidate",
        }
    }

    /// The role with a name; `None` if the name is unknown.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.word() == word)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// A right. Each route of the API requires one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// See what the host has and lacks.
    SeeHost,
    /// Take a backup: all there is, the keys too.
    TakeBackup,
    /// Create, change and remove accounts and tokens.
    ManageAccounts,
    /// See which images there are.
    SeeImages,
    /// Build images.
    BuildImages,
    /// Prove scenarios.
    Prove,
    /// See all labs, and all that happens to them.
    SeeLabs,
    /// Ask for labs of one's own.
    BuildLabs,
    /// See one lab, and what happens to it.
    SeeLab,
    /// Use a terminal of a node.
    EnterNode,
    /// Act on a lab by hand: run commands, solve, check, restart, remove.
    WorkLab,
    /// See which sessions there are, of those that one may see.
    SeeSessions,
    /// See one session, its seats and its clocks.
    SeeSession,
    /// Describe sessions, and say who sits and who watches over them.
    ArrangeSessions,
    /// Open and close a session, pause, extend, send messages, replace codes.
    ConductSession,
    /// Seal a session, and open it again.
    SealSession,
    /// Watch terminals, live and as they were recorded.
    WatchTerminals,
    /// Read evidence and grades.
    SeeEvidence,
    /// Override verdicts, fill rubrics, decide.
    Judge,
    /// See an attempt as its candidate does: briefs, time left, messages.
    SeeAttempt,
    /// Work on an attempt: save deliverables, ask for help, hand in.
    WorkAttempt,
}

/// The resources to which a role's right extends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RightScope {
    /// Everything.
    All,
    /// Whatever belongs to no attempt.
    Spare,
    /// The sessions that one was named for, and all in them.
    Named,
    /// Labs of attempts that were opened again as they were handed in.
    Reopened,
    /// One's own seat, and all of it while its attempt is open.
    Open,
    /// One's own seat, and all of it.
    Own,
}

/// The table of rights: role, right, scope. What is not listed is not allowed.
///
/// A trainer does not act on the lab of an attempt, and nobody judges by being a trainer. Whoever
/// was named for a session has an invigilator's rights there besides those of their role.
pub const TABLE: &[(Role, Right, RightScope)] = {
    use RightScope::{All, Named, Open, Own, Reopened, Spare};
    use Role::{Administrator, Candidate, Evaluator, Invigilator, Trainer};
    &[
        (Administrator, Right::SeeHost, All),
        (Administrator, Right::TakeBackup, All),
        (Administrator, Right::ManageAccounts, All),
        (Administrator, Right::SeeImages, All),
        (Administrator, Right::BuildImages, All),
        (Administrator, Right::Prove, All),
        (Administrator, Right::SeeLabs, All),
        (Administrator, Right::BuildLabs, All),
        (Administrator, Right::SeeLab, All),
        (Administrator, Right::EnterNode, All),
        (Administrator, Right::WorkLab, All),
        (Administrator, Right::SeeSessions, All),
        (Administrator, Right::SeeSession, All),
        (Administrator, Right::ArrangeSessions, All),
        (Administrator, Right::ConductSession, All),
        (Administrator, Right::SealSession, All),
        (Administrator, Right::WatchTerminals, All),
        (Administrator, Right::SeeEvidence, All),
        (Administrator, Right::Judge, All),
        (Administrator, Right::SeeAttempt, All),
        (Administrator, Right::WorkAttempt, All),
        (Trainer, Right::SeeHost, All),
        (Trainer, Right::SeeImages, All),
        (Trainer, Right::Prove, All),
        (Trainer, Right::SeeLabs, All),
        (Trainer, Right::BuildLabs, All),
        (Trainer, Right::SeeLab, All),
        (Trainer, Right::EnterNode, Spare),
        (Trainer, Right::WorkLab, Spare),
        (Trainer, Right::SeeSessions, All),
        (Trainer, Right::SeeSession, All),
        (Trainer, Right::ArrangeSessions, All),
        (Trainer, Right::ConductSession, All),
        (Trainer, Right::WatchTerminals, All),
        (Trainer, Right::SeeEvidence, All),
        (Trainer, Right::SeeAttempt, All),
        (Evaluator, Right::SeeLab, All),
        (Evaluator, Right::EnterNode, Reopened),
        (Evaluator, Right::SeeSessions, All),
        (Evaluator, Right::SeeSession, All),
        (Evaluator, Right::SealSession, All),
        (Evaluator, Right::WatchTerminals, All),
        (Evaluator, Right::SeeEvidence, All),
        (Evaluator, Right::Judge, All),
        (Evaluator, Right::SeeAttempt, All),
        (Invigilator, Right::SeeLab, Named),
        (Invigilator, Right::SeeSessions, All),
        (Invigilator, Right::SeeSession, Named),
        (Invigilator, Right::ConductSession, Named),
        (Invigilator, Right::WatchTerminals, Named),
        (Invigilator, Right::SeeAttempt, Named),
        (Candidate, Right::SeeLab, Open),
        (Candidate, Right::EnterNode, Open),
        (Candidate, Right::SeeAttempt, Own),
        (Candidate, Right::WorkAttempt, Open),
    ]
};

/// The scope of a right of a role; `None` if the role does not have it.
#[must_use]
pub fn reach(role: Role, right: Right) -> Option<RightScope> {
    let row = TABLE.iter().find(|row| (row.0, row.1) == (role, right));
    row.map(|row| row.2)
}

/// The rights of a role, whatever their scope.
pub fn rights(role: Role) -> impl Iterator<Item = Right> {
    let rows = TABLE.iter().filter(move |row| row.0 == role);
    rows.map(|row| row.1)
}

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Their role.
    pub role: Role,
    /// The sessions that they were named for.
    pub named: BTreeSet<String>,
    /// Their seat.
    pub seat: Option<String>,
}

/// The resource that a request concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The session that it belongs to, if any.
    pub session: Option<String>,
    /// The seat that it belongs to, if any.
    pub seat: Option<String>,
    /// Whether the seat's attempt that it belongs to is open.
    pub open: bool,
    /// Whether it is a lab that was opened again as the attempt was handed in.
    pub reopened: bool,
}

/// Whether a request is allowed, and if not, how it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDecision {
    /// Allowed.
    Allowed,
    /// Never allowed, whatever the resource.
    NoRight,
    /// Allowed for other resources; they must not learn whether this one exists.
    OutOfReach,
    /// They may see it, but not do this to it, since it belongs to an attempt.
    OfAttempt,
    /// It is theirs, and their attempt is not open.
    NotOpen,
}

/// The widest scope of a right of somebody; `None` where they do not have it for any resource.
#[must_use]
pub fn widest(who: &Actor, right: Right) -> Option<RightScope> {
    let by_name = || match who.named.is_empty() {
        true => None,
        false => reach(Role::Invigilator, right),
    };
    reach(who.role, right).or_else(by_name)
}

/// Whether somebody has a right on a resource, and if not, how they are refused.
#[must_use]
pub fn answer(who: &Actor, right: Right, about: &Resource) -> AccessDecision {
    let by_role = reach(who.role, right).map(|reach| is_in_scope(reach, who, about));
    let by_name = || {
        let reach = reach(Role::Invigilator, right)?;
        (!who.named.is_empty()).then(|| is_in_scope(reach, who, about))
    };
    match by_role {
        Some(AccessDecision::Allowed) => AccessDecision::Allowed,
        other => match (other, by_name()) {
            (_, Some(AccessDecision::Allowed)) => AccessDecision::Allowed,
            (Some(own), _) => own,
            (None, Some(named)) => named,
            (None, None) => AccessDecision::NoRight,
        },
    }
}

/// Whether somebody has a right about something.
#[must_use]
pub fn is_allowed(who: &Actor, right: Right, about: &Resource) -> bool {
    answer(who, right, about) == AccessDecision::Allowed
}

fn is_in_scope(reach: RightScope, who: &Actor, about: &Resource) -> AccessDecision {
    let is_own = about.seat.is_some() && about.seat == who.seat;
    let is_named = || {
        let session = about.session.as_ref();
        session.is_some_and(|session| who.named.contains(session))
    };
    let unseen = |allowed| match allowed {
        true => AccessDecision::Allowed,
        false => AccessDecision::OutOfReach,
    };
    match reach {
        RightScope::All => AccessDecision::Allowed,
        RightScope::Spare if about.seat.is_none() => AccessDecision::Allowed,
        RightScope::Spare => AccessDecision::OfAttempt,
        RightScope::Named => unseen(is_named()),
        RightScope::Reopened if about.reopened => AccessDecision::Allowed,
        RightScope::Reopened if about.seat.is_some() => AccessDecision::OfAttempt,
        RightScope::Reopened => AccessDecision::NoRight,
        RightScope::Own => unseen(is_own),
        RightScope::Open if is_own && !about.open => AccessDecision::NotOpen,
        RightScope::Open => unseen(is_own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role) -> Actor {
        Actor {
            role,
            named: BTreeSet::new(),
            seat: None,
        }
    }

    fn of_attempt(session: &str, seat: &str, open: bool) -> Resource {
        Resource {
            session: Some(session.to_owned()),
            seat: Some(seat.to_owned()),
            open,
            reopened: false,
        }
    }

    #[test]
    fn a_role_has_a_right_once() {
        let mut seen = BTreeSet::new();
        for (role, right, _) in TABLE {
            assert!(seen.insert((role, right)), "{role} {right:?}");
        }
        for role in Role::ALL {
            assert_eq!(Role::of(role.word()), Some(*role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.word());
        }
    }

    #[test]
    fn an_administrator_has_every_right_that_anybody_has() {
        let held: BTreeSet<Right> = rights(Role::Administrator).collect();
        for (role, right, _) in TABLE {
            assert!(held.contains(right), "{role} {right:?}");
        }
        assert!(
            TABLE
                .iter()
                .all(|row| { row.0 != Role::Administrator || row.2 == RightScope::All })
        );
    }

    #[test]
    fn a_candidate_reaches_nothing_but_their_own() {
        let candidate = Actor {
            seat: Some("t1".to_owned()),
            ..person(Role::Candidate)
        };
        for (role, right, reach) in TABLE {
            if *role == Role::Candidate {
                assert!(
                    matches!(reach, RightScope::Own | RightScope::Open),
                    "{right:?}"
                );
            }
            let foreign = [Resource::default(), of_attempt("s1", "t2", true)];
            for about in foreign {
                assert!(
                    !is_allowed(&candidate, *right, &about),
                    "{right:?} {about:?}"
                );
            }
        }
        let own = of_attempt("s1", "t1", true);
        assert!(is_allowed(&candidate, Right::EnterNode, &own));
        let over = of_attempt("s1", "t1", false);
        assert_eq!(
            answer(&candidate, Right::EnterNode, &over),
            AccessDecision::NotOpen
        );
        assert_eq!(
            answer(&candidate, Right::WorkLab, &own),
            AccessDecision::NoRight
        );
    }

    #[test]
    fn an_evaluator_enters_what_was_opened_again_and_no_other_lab() {
        let evaluator = person(Role::Evaluator);
        let lab = of_attempt("s1", "t1", false);
        let told = |about: &Resource| answer(&evaluator, Right::EnterNode, about);
        assert_eq!(told(&lab), AccessDecision::OfAttempt);
        assert_eq!(told(&Resource::default()), AccessDecision::NoRight);
        let reopened = Resource {
            reopened: true,
            ..lab
        };
        assert_eq!(told(&reopened), AccessDecision::Allowed);
        let candidate = Actor {
            seat: Some("t1".to_owned()),
            ..person(Role::Candidate)
        };
        assert_eq!(
            answer(&candidate, Right::EnterNode, &reopened),
            AccessDecision::NotOpen
        );
    }

    #[test]
    fn whoever_is_named_for_a_session_watches_over_it_and_over_no_other() {
        let mut evaluator = person(Role::Evaluator);
        let here = of_attempt("s1", "t1", true);
        assert_eq!(
            answer(&evaluator, Right::ConductSession, &here),
            AccessDecision::NoRight
        );
        evaluator.named.insert("s1".to_owned());
        assert!(is_allowed(&evaluator, Right::ConductSession, &here));
        assert!(is_allowed(&evaluator, Right::Judge, &here));
        let elsewhere = of_attempt("s2", "t2", true);
        let told = answer(&evaluator, Right::ConductSession, &elsewhere);
        assert_eq!(told, AccessDecision::OutOfReach);
    }

    #[test]
    fn a_trainer_acts_on_labs_of_no_attempt() {
        let trainer = person(Role::Trainer);
        assert!(is_allowed(&trainer, Right::WorkLab, &Resource::default()));
        let told = answer(&trainer, Right::WorkLab, &of_attempt("s1", "t1", false));
        assert_eq!(told, AccessDecision::OfAttempt);
    }
}
