//! Judging, tried.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::evidence::{Evidence, grade_evidence};
use crate::exam::sample::{Sight, Sights, evidence, sights, topology};
use crate::grade::Verdict;
use crate::topology::Topology;

mod panel;

static PLAIN: LazyLock<Topology> = LazyLock::new(topology);

fn word(juror: &str, says: Statement) -> JurorStatement {
    JurorStatement {
        juror: juror.into(),
        agreed_with: BTreeSet::new(),
        says,
    }
}

fn level(task: &str, criterion: &str, level: u32) -> Statement {
    Statement::Level {
        task: task.into(),
        criterion: criterion.into(),
        level,
    }
}

fn overriding(check: &str, ruling: Ruling) -> Statement {
    Statement::Override {
        check: check.into(),
        ruling,
        reason: "seen on the screen".into(),
    }
}

fn skill(skill: &str, award: Award, reason: Option<&str>) -> Statement {
    Statement::Skill {
        skill: skill.into(),
        award,
        reason: reason.map(str::to_owned),
    }
}

/// What a jury said, each word numbered on its subject.
#[derive(Clone, Default)]
struct Said(Vec<Judgement>);

impl Said {
    fn with(mut self, word: JurorStatement) -> Self {
        let subject = word.says.subject();
        let before = self
            .0
            .iter()
            .filter(|said| said.word.says.subject() == subject);
        let version = u32::try_from(before.count()).unwrap() + 1;
        self.0.push(Judgement {
            version,
            at_ms: 7,
            word,
        });
        self
    }

    fn by(self, juror: &str, says: Statement) -> Self {
        self.with(word(juror, says))
    }

    fn agreed(self, juror: &str, with: &str, says: Statement) -> Self {
        let agreed_with = BTreeSet::from([with.to_owned()]);
        self.with(JurorStatement {
            agreed_with,
            ..word(juror, says)
        })
    }
}

fn come_to(evidence: &Evidence, said: &Said, jury: &Jury) -> Outcome {
    outcome(&PLAIN, evidence, &said.0, jury)
}

fn try_to(said: &Said, jury: &Jury, word: &JurorStatement) -> Result<(), JudgementError> {
    let evidence = evidence(&PLAIN, &Sights::new());
    let so_far = come_to(&evidence, said, jury);
    admit(&PLAIN, jury, &said.0, &so_far, word)
}

fn two() -> Jury {
    Jury::of(["ada", "bob"])
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let checks: Vec<String> = PLAIN.checks().map(|check| check.id.clone()).collect();
    let check = prop::sample::select(checks);
    let ruling = prop_oneof![Just(Ruling::Pass), Just(Ruling::Fail)];
    let award = prop_oneof![Just(Award::Acquired), Just(Award::NotAcquired)];
    let skills = prop::sample::select(vec!["tsgeri/1.2", "tsgeri/1.3", "tsgeri/1.5"]);
    prop_oneof![
        (check.clone(), ruling).prop_map(|(check, ruling)| overriding(&check, ruling)),
        (0..3_u32).prop_map(|number| level("report", "clear", number)),
        (0..2_u32).prop_map(|number| level("report", "whole", number)),
        (skills, award).prop_map(|(id, award)| skill(id, award, Some("x"))),
        check.prop_map(|on| Statement::Comment {
            on,
            text: "well".into()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_outcome_without_a_judgement_is_the_grade(sights in sights(&PLAIN)) {
        let evidence = evidence(&PLAIN, &sights);
        let grade = grade_evidence(&PLAIN, &evidence);
        for jury in [Jury::Together, two()] {
            let outcome = come_to(&evidence, &Said::default(), &jury);
            prop_assert_eq!(&outcome.machine, &grade);
            let checks: Vec<_> = outcome.grade.checks().collect();
            prop_assert_eq!(checks, grade.checks().collect::<Vec<_>>());
            prop_assert_eq!(outcome.grade.points, grade.points);
            for (skill, proposed) in outcome.skills.iter().zip(&grade.skills) {
                prop_assert_eq!(&skill.proposal.id, &proposed.id);
                prop_assert_eq!(skill.proposal.points, proposed.points);
                prop_assert_eq!(skill.standing, proposed.standing);
            }
            for (block, proposed) in outcome.blocks.iter().zip(&grade.blocks) {
                prop_assert_eq!(&block.proposal, proposed);
            }
        }
    }

    #[test]
    fn the_order_in_which_judgements_are_kept_does_not_matter(
        sights in sights(&PLAIN),
        words in prop::collection::vec((any_statement(), any::<bool>()), 0..10)
            .prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle())),
        apart in any::<bool>(),
    ) {
        let evidence = evidence(&PLAIN, &sights);
        let jury = if apart { two() } else { Jury::Together };
        let mut said = Said::default();
        for (says, first) in &words.0 {
            said = said.by(if *first { "ada" } else { "bob" }, says.clone());
        }
        let said = said.by("ada", Statement::Done {}).by("bob", Statement::Done {});
        let one = come_to(&evidence, &said, &jury);
        let mut shuffled = said.clone();
        let mut left = said.0.clone();
        shuffled.0.clear();
        for (says, _) in &words.1 {
            let place = left.iter().position(|said| said.word.says == *says).unwrap();
            shuffled.0.push(left.remove(place));
        }
        shuffled.0.extend(left);
        prop_assert_eq!(come_to(&evidence, &shuffled, &jury), one);
    }

    #[test]
    fn an_override_without_a_reason_is_refused(blank in "[ \t\n]{0,4}", which in 0..6_usize) {
        let check = PLAIN.checks().nth(which).unwrap().id.clone();
        let says = Statement::Override { check, ruling: Ruling::Pass, reason: blank };
        let subject = says.subject();
        let refused = try_to(&Said::default(), &Jury::Together, &word("ada", says));
        prop_assert_eq!(refused, Err(JudgementError::NoReason { subject }));
    }

    #[test]
    fn overriding_to_a_pass_never_takes_points_away(sights in sights(&PLAIN), which in 0..6_usize) {
        let evidence = evidence(&PLAIN, &sights);
        let check = PLAIN.checks().nth(which).unwrap().id.clone();
        let said = Said::default().by("ada", overriding(&check, Ruling::Pass));
        let outcome = come_to(&evidence, &said, &Jury::Together);
        prop_assert!(outcome.grade.points >= outcome.machine.points);
        let check = outcome.tasks.iter().flat_map(|task| &task.checks).find(|c| c.id == check).unwrap();
        prop_assert_eq!(check.verdict, Verdict::Pass);
        let machine = outcome.machine.checks().find(|c| c.id == check.id).unwrap();
        prop_assert_eq!(check.machine, machine.verdict);
    }
}

#[test]
fn a_rubric_adds_its_points_and_decides_its_skill_once_it_is_full() {
    let evidence = evidence(&PLAIN, &Sights::new());
    let said = Said::default().by("ada", level("report", "clear", 1));
    let half = come_to(&evidence, &said, &Jury::Together);
    assert!(half.open_points.contains(&OpenPoint::Rubric {
        task: "report".into(),
        criterion: "whole".into()
    }));
    let said = said
        .by("ada", level("report", "whole", 1))
        .by("ada", level("report", "clear", 2));
    let full = come_to(&evidence, &said, &Jury::Together);
    assert_eq!(full.open_points, []);
    assert_eq!(full.grade.points, full.machine.points + 5);
    let report = full
        .skills
        .iter()
        .find(|s| s.proposal.id == "tsgeri/1.5")
        .unwrap();
    assert_eq!((report.proposal.points, report.proposal.of), (5, 5));
    assert_eq!(report.standing, Standing::Acquired);
    let clear = &full.tasks[2].criteria[0];
    assert_eq!((clear.level, clear.points, clear.of), (Some(2), 3, 3));
    assert_eq!(clear.label["en"], "clear");
}

#[test]
fn an_override_counts_as_if_it_had_been_seen_and_the_original_stays() {
    let sights = Sights::from([("web/file".to_owned(), Sight::Bad)]);
    let evidence = evidence(&PLAIN, &sights);
    let said = Said::default().by("ada", overriding("web/file", Ruling::Pass));
    let outcome = come_to(&evidence, &said, &Jury::Together);
    let check = |id: &str| {
        let mut checks = outcome.tasks.iter().flat_map(|task| &task.checks);
        checks.find(|check| check.id == id).unwrap()
    };
    assert_eq!(
        (check("web/file").machine, check("web/file").verdict),
        (Verdict::Fail, Verdict::Pass)
    );
    let overridden = check("web/file").overridden.as_ref().unwrap();
    assert_eq!(overridden.reasons, ["seen on the screen"]);
    assert_eq!(overridden.jurors, BTreeSet::from(["ada".to_owned()]));
    // What needed it is judged by its own fact, where there is one; else a person has to rule.
    assert_eq!(check("web/service").verdict, Verdict::Pass);
    assert_eq!(check("web/survives").verdict, Verdict::Unknown);
    let open = OpenPoint::Unknown {
        check: "web/survives".into(),
    };
    assert!(outcome.open_points.contains(&open));
    let said = said.by(
        "ada",
        Statement::Withdrawal {
            subject: JudgementSubject::Check {
                check: "web/file".into(),
            },
        },
    );
    let withdrawn = come_to(&evidence, &said, &Jury::Together);
    assert_eq!(withdrawn.grade.points, withdrawn.machine.points);
}

#[test]
fn a_decision_against_the_proposal_needs_a_reason() {
    let against = skill("tsgeri/1.2", Award::NotAcquired, None);
    let said = Said::default();
    let subject = against.subject();
    assert_eq!(
        try_to(&said, &Jury::Together, &word("ada", against)),
        Err(JudgementError::NoReason { subject })
    );
    let reasoned = skill("tsgeri/1.2", Award::NotAcquired, Some("did it by luck"));
    assert_eq!(
        try_to(&said, &Jury::Together, &word("ada", reasoned.clone())),
        Ok(())
    );
    let with_it = skill("tsgeri/1.2", Award::Acquired, None);
    assert_eq!(
        try_to(&said, &Jury::Together, &word("ada", with_it.clone())),
        Ok(())
    );
    let open = skill("tsgeri/1.5", Award::Acquired, None);
    assert_eq!(try_to(&said, &Jury::Together, &word("ada", open)), Ok(()));
    // What was as proposed when it was said may not be so any longer.
    let sights = Sights::from([("web/file".to_owned(), Sight::Bad)]);
    let worse = evidence(&PLAIN, &sights);
    let outcome = come_to(&worse, &said.by("ada", with_it), &Jury::Together);
    let subject = JudgementSubject::Skill {
        skill: "tsgeri/1.2".into(),
    };
    assert!(outcome.open_points.contains(&OpenPoint::Reason { subject }));
    assert_eq!(outcome.skills[0].standing, Standing::Acquired);
    assert_eq!(outcome.skills[0].proposal.standing, Standing::NotAcquired);
}

#[test]
fn what_is_not_there_cannot_be_judged() {
    let said = Said::default();
    let try_it = |says: Statement| try_to(&said, &Jury::Together, &word("ada", says));
    for says in [
        level("report", "nothing", 0),
        level("nothing", "clear", 0),
        overriding("web/nothing", Ruling::Pass),
        skill("tsgeri/9.9", Award::Acquired, None),
        Statement::Block {
            block: "tsgeri/9".into(),
            award: Award::Acquired,
            reason: None,
        },
        Statement::Comment {
            on: "nothing".into(),
            text: "x".into(),
        },
    ] {
        let refused = try_it(says.clone());
        assert!(
            matches!(refused, Err(JudgementError::NoSuch { .. })),
            "{says:?}: {refused:?}"
        );
    }
    let beyond = JudgementError::NoSuchLevel {
        criterion: "report/clear".into(),
        level: 3,
        levels: 3,
    };
    assert_eq!(try_it(level("report", "clear", 3)), Err(beyond));
    let empty = Statement::Comment {
        on: "web".into(),
        text: " ".into(),
    };
    assert!(matches!(try_it(empty), Err(JudgementError::Empty { .. })));
    let long = Statement::Comment {
        on: "web".into(),
        text: "x".repeat(TEXT_LIMIT + 1),
    };
    assert!(matches!(try_it(long), Err(JudgementError::TooLong { .. })));
    let nameless = try_to(
        &said,
        &Jury::Together,
        &word(" ", level("report", "clear", 0)),
    );
    assert_eq!(nameless, Err(JudgementError::Nameless));
}

#[test]
fn a_judgement_is_the_same_through_json_and_its_words_are_closed() {
    let said = Said::default().agreed("ada", "bob", overriding("web/file", Ruling::Fail));
    let text = serde_json::to_string(&said.0[0]).unwrap();
    let through: Judgement = serde_json::from_str(&text).unwrap();
    assert_eq!(through, said.0[0]);
    assert_eq!(through.digest(), said.0[0].digest());
    let unknown = r#"{ "juror": "ada", "says": { "override": { "check": "a/b", "ruling": "pass", "reason": "x", "points": 3 } } }"#;
    assert!(serde_json::from_str::<JurorStatement>(unknown).is_err());
}
