//! Reconciliation of judgements: what counts, and where jurors disagree.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Judgement, JudgementSubject, Jury, Position, Statement};

/// Disagreements of the jurors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Disagreement {
    /// The subject.
    pub subject: JudgementSubject,
    /// Juror → their statement.
    pub words: BTreeMap<String, Statement>,
    /// Jurors without a statement, which leaves it as it was graded or proposed.
    pub silent: BTreeSet<String>,
}

/// Reconciled judgements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// What counts for each subject: one statement, or the same one of each juror.
    pub settled: BTreeMap<JudgementSubject, Vec<Judgement>>,
    /// The disagreements, which do not count yet.
    pub differences: Vec<Disagreement>,
    /// The last remark of each juror on each subject, in the order of the jurors.
    pub comments: BTreeMap<String, Vec<Judgement>>,
    /// Jurors who have not finished; until all have, nothing that a juror says alone counts.
    pub at_work: BTreeSet<String>,
}

/// Reconciles judgements: what counts for each subject, and where jurors disagree.
#[must_use]
pub fn reconcile(jury: &Jury, judgements: &[Judgement]) -> Reconciliation {
    let mut subjects: BTreeMap<JudgementSubject, Vec<&Judgement>> = BTreeMap::new();
    for said in judgements {
        let subject = said.word.says.subject();
        subjects.entry(subject).or_default().push(said);
    }
    let mut reconciled = Reconciliation::default();
    if let Jury::Apart(panel) = jury {
        reconciled.at_work = panel.at_work(judgements);
    }
    for (subject, mut said) in subjects {
        said.sort_by_key(|said| said.version);
        match &subject {
            JudgementSubject::Work {} => {}
            JudgementSubject::Comment { on } => {
                let remarks = last_of_each(&said).into_values();
                let kept = remarks.filter(|said| !is_withdrawal(said)).cloned();
                let kept: Vec<Judgement> = kept.collect();
                if !kept.is_empty() {
                    reconciled.comments.insert(on.clone(), kept);
                }
            }
            JudgementSubject::Criterion { .. }
            | JudgementSubject::Check { .. }
            | JudgementSubject::Skill { .. }
            | JudgementSubject::Block { .. } => reconciled.settle(jury, &subject, &said),
        }
    }
    reconciled
}

impl Reconciliation {
    fn settle(&mut self, jury: &Jury, subject: &JudgementSubject, said: &[&Judgement]) {
        let common = |said: &&&Judgement| match jury {
            Jury::Together => true,
            Jury::Apart(_) => !said.word.agreed_with.is_empty(),
        };
        if let Some(last) = said.iter().rfind(common) {
            if !is_withdrawal(last) {
                self.settled.insert(subject.clone(), vec![(*last).clone()]);
            }
            return;
        }
        let Jury::Apart(panel) = jury else {
            return;
        };
        if !self.at_work.is_empty() {
            return;
        }
        let own = last_of_each(said);
        let word = |juror: &String| own.get(juror.as_str()).filter(|said| !is_withdrawal(said));
        let words: BTreeMap<String, Option<&&Judgement>> = panel
            .jurors()
            .iter()
            .map(|juror| (juror.clone(), word(juror)))
            .collect();
        let positions: BTreeSet<Option<Position>> = words
            .values()
            .map(|said| said.and_then(|said| said.word.says.position()))
            .collect();
        if positions.len() > 1 {
            let (mut said, mut silent) = (BTreeMap::new(), BTreeSet::new());
            for (juror, word) in words {
                match word {
                    Some(word) => drop(said.insert(juror, word.word.says.clone())),
                    None => drop(silent.insert(juror)),
                }
            }
            self.differences.push(Disagreement {
                subject: subject.clone(),
                words: said,
                silent,
            });
            return;
        }
        let same: Vec<Judgement> = words
            .into_values()
            .flatten()
            .map(|said| (*said).clone())
            .collect();
        if !same.is_empty() {
            self.settled.insert(subject.clone(), same);
        }
    }
}

/// The last statement of each juror, from statements in their order.
fn last_of_each<'a>(said: &[&'a Judgement]) -> BTreeMap<&'a str, &'a Judgement> {
    let words = said.iter();
    words
        .map(|said| (said.word.juror.as_str(), *said))
        .collect()
}

fn is_withdrawal(said: &Judgement) -> bool {
    matches!(said.word.says, Statement::Withdrawal { .. })
}
