//! Jurors who work apart.

use super::*;

#[test]
fn jurors_who_work_apart_see_nothing_of_one_another_until_all_are_done() {
    let jury = two();
    let said = Said::default()
        .by("ada", overriding("web/file", Ruling::Fail))
        .by("bob", level("report", "clear", 2))
        .by("ada", Statement::Done {});
    let seen = |said: &Said, juror: &str| jury.visible_to(juror, &said.0).len();
    assert_eq!(
        (seen(&said, "ada"), seen(&said, "bob"), seen(&said, "eve")),
        (2, 1, 0)
    );
    let evidence = evidence(&PLAIN, &Sights::new());
    let working = come_to(&evidence, &said, &jury);
    assert_eq!(
        working.grade.points, working.machine.points,
        "nothing counts yet"
    );
    assert!(working.open_points.contains(&OpenPoint::AtWork {
        juror: "bob".into()
    }));
    let said = said.by("bob", Statement::Done {});
    assert_eq!((seen(&said, "ada"), seen(&said, "bob")), (4, 4));
    let done = come_to(&evidence, &said, &jury);
    let about: Vec<String> = done
        .differences
        .iter()
        .map(|d| d.subject.to_string())
        .collect();
    assert_eq!(about, ["rubric report/clear", "override web/file"]);
    assert_eq!(
        done.differences[1].silent,
        BTreeSet::from(["bob".to_owned()])
    );
    let said = said
        .agreed("ada", "bob", level("report", "clear", 1))
        .agreed(
            "bob",
            "ada",
            Statement::Withdrawal {
                subject: JudgementSubject::Check {
                    check: "web/file".into(),
                },
            },
        );
    let settled = come_to(&evidence, &said, &jury);
    assert_eq!(settled.differences, []);
    let clear = &settled.tasks[2].criteria[0];
    assert_eq!(clear.level, Some(1));
    assert_eq!(
        clear.jurors,
        BTreeSet::from(["ada".to_owned(), "bob".to_owned()])
    );
}

#[test]
fn what_both_say_apart_is_settled() {
    let said = Said::default()
        .by("ada", level("report", "whole", 1))
        .by("bob", level("report", "whole", 0))
        .by("bob", level("report", "whole", 1))
        .by("ada", Statement::Done {})
        .by("bob", Statement::Done {});
    let outcome = come_to(&evidence(&PLAIN, &Sights::new()), &said, &two());
    assert_eq!(outcome.differences, []);
    let whole = &outcome.tasks[2].criteria[1];
    assert_eq!((whole.level, whole.jurors.len()), (Some(1), 2));
}

#[test]
fn a_panel_speaks_apart_and_then_with_one_voice() {
    let jury = two();
    let ada_done = Said::default().by("ada", Statement::Done {});
    let all_done = ada_done.clone().by("bob", Statement::Done {});
    let own = word("ada", level("report", "clear", 1));
    let common = JurorStatement {
        agreed_with: BTreeSet::from(["bob".to_owned()]),
        ..own.clone()
    };
    let comment = word(
        "ada",
        Statement::Comment {
            on: "web".into(),
            text: "well".into(),
        },
    );
    let withdrawn = word(
        "ada",
        Statement::Withdrawal {
            subject: JudgementSubject::Work {},
        },
    );
    let bob = "bob".to_owned();
    let ada = "ada".to_owned();
    let at_work = JudgementError::AtWork { juror: ada.clone() };
    assert_eq!(try_to(&Said::default(), &jury, &own), Ok(()));
    assert_eq!(try_to(&Said::default(), &jury, &common), Err(at_work));
    assert_eq!(
        try_to(&ada_done, &jury, &own),
        Err(JudgementError::IsDone { juror: ada })
    );
    assert_eq!(
        try_to(&ada_done, &jury, &common),
        Err(JudgementError::AtWork { juror: bob })
    );
    assert_eq!(try_to(&ada_done, &jury, &withdrawn), Ok(()));
    assert_eq!(try_to(&all_done, &jury, &own), Err(JudgementError::AllDone));
    assert_eq!(
        try_to(&all_done, &jury, &withdrawn),
        Err(JudgementError::AllDone)
    );
    assert_eq!(try_to(&all_done, &jury, &common), Ok(()));
    assert_eq!(try_to(&all_done, &jury, &comment), Ok(()));
    let three = Jury::of(["ada", "bob", "cyd"]);
    let all = all_done.by("cyd", Statement::Done {});
    let juror = "cyd".to_owned();
    assert_eq!(
        try_to(&all, &three, &common),
        Err(JudgementError::NotAgreed { juror })
    );
    let juror = "eve".to_owned();
    let stranger = word("eve", level("report", "clear", 1));
    assert_eq!(
        try_to(&Said::default(), &jury, &stranger),
        Err(JudgementError::Stranger { juror })
    );
}
