//! The jury, and which judgements its members may see.

use std::collections::BTreeSet;

use super::{Judgement, JudgementSubject, Statement};

/// How jurors work together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Jury {
    /// Together, or one alone: the last judgement counts, whoever enters it.
    #[default]
    Together,
    /// Independently, until all have finished.
    Apart(Panel),
}

/// At least two jurors who work independently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel(BTreeSet<String>);

impl Panel {
    /// A panel of these jurors; `None` where there are fewer than two.
    pub fn of<N: Into<String>>(jurors: impl IntoIterator<Item = N>) -> Option<Self> {
        let jurors: BTreeSet<String> = jurors.into_iter().map(Into::into).collect();
        (jurors.len() >= 2).then_some(Self(jurors))
    }

    /// Their names.
    #[must_use]
    pub fn jurors(&self) -> &BTreeSet<String> {
        &self.0
    }

    /// Jurors who have not finished.
    #[must_use]
    pub fn at_work(&self, judgements: &[Judgement]) -> BTreeSet<String> {
        let done = |juror: &&String| {
            let own = judgements.iter().filter(|said| {
                said.word.juror == **juror && said.word.says.subject() == JudgementSubject::Work {}
            });
            let last = own.max_by_key(|said| said.version);
            last.is_some_and(|said| said.word.says == Statement::Done {})
        };
        let jurors = self.0.iter();
        jurors.filter(|juror| !done(juror)).cloned().collect()
    }
}

impl Jury {
    /// A jury of these jurors: a panel where there are at least two, else together.
    pub fn of<N: Into<String>>(jurors: impl IntoIterator<Item = N>) -> Self {
        Panel::of(jurors).map_or(Self::Together, Self::Apart)
    }

    /// Whether a juror of a panel has not finished.
    #[must_use]
    pub fn is_apart(&self, judgements: &[Judgement]) -> bool {
        match self {
            Self::Together => false,
            Self::Apart(panel) => !panel.at_work(judgements).is_empty(),
        }
    }

    /// The judgements that a juror may see: all, or only their own while a juror of the panel has not finished.
    #[must_use]
    pub fn visible_to<'a>(&self, viewer: &str, judgements: &'a [Judgement]) -> Vec<&'a Judgement> {
        let apart = self.is_apart(judgements);
        let own = |said: &&Judgement| !apart || said.word.juror == viewer;
        judgements.iter().filter(own).collect()
    }
}
