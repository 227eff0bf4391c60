//! Whether what is decided of a session goes together.

use jiff::civil::Date;
use plateau_core::api::SessionTerms;
use plateau_core::feedback::AssessmentMode;
use plateau_core::name::Name;
use plateau_core::referential::{Referential, referentials};

use crate::sessions::SessionError;
use crate::sessions::context::view::blocks;

/// Longest name of a session.
const NAME: usize = 40;

/// Least jurors of an exam.
const JURORS: usize = 2;

pub(super) fn terms(what: impl Into<String>, hint: impl Into<String>) -> SessionError {
    SessionError::Terms {
        what: what.into(),
        hint: hint.into(),
    }
}

pub(super) fn check_name(name: &str) -> Result<(), SessionError> {
    if Name::parse(name, NAME).is_some() {
        return Ok(());
    }
    Err(terms(
        format!("`{name}` is not a valid session name"),
        format!("1 to {NAME} of a-z, 0-9 and `-`, beginning and ending with a letter or a digit"),
    ))
}

pub(super) fn title_of(terms_of: &SessionTerms) -> Result<&'static Referential, SessionError> {
    let known = referentials();
    let found = known.iter().find(|title| title.id == terms_of.title);
    found.ok_or_else(|| {
        let ids: Vec<&str> = known.iter().map(|title| title.id.as_str()).collect();
        terms(
            format!("`{}` is not a valid title", terms_of.title),
            format!("titles are {}", ids.join(", ")),
        )
    })
}

pub(super) fn check_terms(of: &SessionTerms) -> Result<&'static Referential, SessionError> {
    let title = title_of(of)?;
    if let Some(block) = &of.block {
        let ids: Vec<&str> = title.blocks.iter().map(|block| block.id.as_str()).collect();
        if !ids.contains(&block.as_str()) {
            return Err(terms(
                format!("title `{}` has no block `{block}`", of.title),
                format!("blocks are {}", ids.join(", ")),
            ));
        }
    }
    for (what, text) in [("centre", &of.centre), ("responsible", &of.responsible)] {
        if text.trim().is_empty() {
            return Err(terms(format!("`{what}` is empty"), "say who or what it is"));
        }
    }
    let day = |what: &str, text: &str| {
        text.parse::<Date>().map_err(|_| {
            terms(
                format!("`{text}` is not a valid day of `{what}`"),
                "such as 2026-12-01",
            )
        })
    };
    if day("to", &of.to)? < day("from", &of.from)? {
        return Err(terms(
            format!("it ends on {} and begins on {}", of.to, of.from),
            "`to` is the last day",
        ));
    }
    let mut jurors: Vec<&str> = of.jurors.iter().map(|juror| juror.trim()).collect();
    jurors.sort_unstable();
    jurors.dedup();
    if jurors.len() != of.jurors.len() || jurors.contains(&"") {
        return Err(terms(
            "a juror is named twice, or not at all",
            "name each once",
        ));
    }
    if of.mode == AssessmentMode::Exam && jurors.len() < JURORS {
        return Err(terms(
            format!("{} juror(s)", jurors.len()),
            format!("an exam has at least {JURORS}"),
        ));
    }
    Ok(title)
}

pub(super) fn check_scenario(
    topology: &plateau_core::topology::Topology,
    title: &Referential,
    block: Option<&str>,
) -> Result<(), SessionError> {
    let prefix = format!("{}/", title.id);
    let strange = topology
        .tasks
        .iter()
        .find(|task| !task.skill.starts_with(&prefix));
    if let Some(task) = strange {
        return Err(terms(
            format!(
                "task `{}` of scenario `{}` is about `{}`, which is not of title `{}`",
                task.id, topology.scenario, task.skill, title.id
            ),
            "take a scenario of this title",
        ));
    }
    let about = blocks(topology);
    match block {
        Some(block) if !about.iter().any(|one| one == block) => Err(terms(
            format!(
                "scenario `{}` has nothing to do with block `{block}`",
                topology.scenario
            ),
            format!("it is about {}", about.join(", ")),
        )),
        Some(_) | None => Ok(()),
    }
}
