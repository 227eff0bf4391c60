//! Verification of a bundle, step by step, with nothing but the bundle and a key.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, VerifyingKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::archive::{ArchiveError, unpack};
use super::deliverables::saved;
use super::heads::{check_heads, check_log, check_receipt};
use super::key::{fingerprint, public_of_pem};
use super::{
    EVIDENCE, FORMAT, GRADE, JUDGEMENTS, LAB_SCENARIO, LOG, MANIFEST, Manifest, Member, PUBLIC,
    SCENARIO, SIGNATURE,
};
use crate::evidence::{Evidence, grade_evidence};
use crate::exam::judgement::Judgement;
use crate::exam::log::{LogAction, LogEntry};
use crate::exam::receipt::Receipt;
use crate::folder::Folder;
use crate::grade::Grade;
use crate::scenario::Scenario;

/// The key that a signature is verified with.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The key in the bundle, which its author could choose.
    Inside,
    /// This key.
    Key(Box<VerifyingKey>),
    /// The key with this fingerprint.
    Fingerprint(String),
}

/// Steps of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Whether the manifest can be understood.
    Manifest,
    /// Whether the key is the one that was asked for.
    Key,
    /// Whether the key's owner signed the manifest.
    Signature,
    /// Whether every member is there as the manifest has it, and no other.
    Members,
    /// Whether the log is a chain without a gap.
    Log,
    /// Whether every entry is signed as it was written.
    Heads,
    /// Whether the log has the entry of a receipt, where one is given.
    Receipt,
    /// Whether every fact is as it was written.
    Facts,
    /// Whether the log knows every judgement.
    Judgements,
    /// Whether what was handed in is what the log says was saved, in this order.
    Deliverables,
    /// Whether the scenario is the one of the grade.
    Scenario,
    /// Whether the grade follows from the facts.
    Grade,
}

/// Result of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The step.
    pub kind: StepKind,
    /// Whether it is good.
    pub good: bool,
    /// What was found, in English.
    pub found: String,
}

/// Result of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Whether every step is good.
    pub good: bool,
    /// Whether the key was given by whoever asked. Where it was not, the bundle is only consistent
    /// with the key that is in it.
    pub trusted: bool,
    /// Fingerprint of the key that was taken.
    pub fingerprint: Option<String>,
    /// The manifest, where it can be understood.
    pub manifest: Option<Manifest>,
    /// Step by step.
    pub steps: Vec<Step>,
}

pub(super) type Members = BTreeMap<String, Vec<u8>>;

/// What a step found: good or bad.
pub(super) type StepOutcome = Result<String, String>;

/// Verifies a bundle, and whether its log has the entry of a receipt.
///
/// # Errors
/// It cannot be a bundle: cut off, with links, with names that lead elsewhere, with anything
/// added.
pub fn verify(
    bytes: &[u8],
    trust: &Trust,
    receipt: Option<&Receipt>,
) -> Result<Verification, ArchiveError> {
    let members = unpack(bytes)?;
    let manifest: Result<Manifest, String> = read(&members, MANIFEST);
    let key = key(&members, trust);
    let evidence: Result<Evidence, String> = read(&members, EVIDENCE);
    let grade: Result<Grade, String> = read(&members, GRADE);
    let log = entries(&members);
    let mut steps = vec![
        (StepKind::Manifest, check_manifest(manifest.as_ref())),
        (StepKind::Key, check_key(key.as_ref(), trust)),
        (StepKind::Signature, check_signature(&members, key.as_ref())),
        (
            StepKind::Members,
            check_members(&members, manifest.as_ref()),
        ),
        (StepKind::Log, check_log(log.as_ref(), manifest.as_ref())),
        (
            StepKind::Heads,
            check_heads(log.as_ref(), manifest.as_ref(), key.as_ref()),
        ),
        (StepKind::Facts, check_facts(evidence.as_ref())),
        (
            StepKind::Judgements,
            check_judgements(&members, log.as_ref(), manifest.as_ref()),
        ),
        (
            StepKind::Deliverables,
            saved(&members, log.as_ref(), manifest.as_ref()),
        ),
        (
            StepKind::Scenario,
            scenarios(
                &members,
                evidence.as_ref(),
                grade.as_ref(),
                manifest.as_ref(),
            ),
        ),
        (
            StepKind::Grade,
            check_grade(&members, evidence.as_ref(), grade.as_ref()),
        ),
    ];
    if let Some(receipt) = receipt {
        let found = check_receipt(receipt, log.as_ref(), manifest.as_ref(), key.as_ref());
        steps.push((StepKind::Receipt, found));
    }
    let steps: Vec<Step> = steps
        .into_iter()
        .map(|(kind, found)| Step {
            kind,
            good: found.is_ok(),
            found: found.unwrap_or_else(|bad| bad),
        })
        .collect();
    Ok(Verification {
        good: steps.iter().all(|step| step.good),
        trusted: match trust {
            Trust::Inside => false,
            Trust::Key(_) | Trust::Fingerprint(_) => true,
        },
        fingerprint: key.ok().and_then(|key| fingerprint(&key).ok()),
        manifest: manifest.ok(),
        steps,
    })
}

fn member<'a>(members: &'a Members, name: &str) -> Result<&'a [u8], String> {
    let content = members.get(name).map(Vec::as_slice);
    content.ok_or_else(|| format!("`{name}` is missing"))
}

fn read<T: DeserializeOwned>(members: &Members, name: &str) -> Result<T, String> {
    let content = member(members, name)?;
    serde_json::from_slice(content).map_err(|error| format!("`{name}` makes no sense: {error}"))
}

fn entries(members: &Members) -> Result<Vec<LogEntry>, String> {
    let text = member(members, LOG)?;
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let entries: Result<Vec<LogEntry>, _> = lines.map(serde_json::from_slice).collect();
    entries.map_err(|error| format!("`{LOG}` makes no sense: {error}"))
}

/// The key that the signature is to be of.
fn key(members: &Members, trust: &Trust) -> Result<VerifyingKey, String> {
    match trust {
        Trust::Key(key) => Ok(**key),
        Trust::Inside | Trust::Fingerprint(_) => {
            let pem = String::from_utf8_lossy(member(members, PUBLIC)?).into_owned();
            public_of_pem(&pem).map_err(|error| format!("`{PUBLIC}`: {error}"))
        }
    }
}

fn check_manifest(manifest: Result<&Manifest, &String>) -> StepOutcome {
    let manifest = manifest.map_err(String::clone)?;
    if manifest.format != FORMAT {
        let format = manifest.format;
        return Err(format!(
            "it is of format {format}, and this program knows {FORMAT}"
        ));
    }
    let Manifest {
        attempt, session, ..
    } = manifest;
    Ok(format!("attempt {attempt} of session {session}"))
}

fn check_key(key: Result<&VerifyingKey, &String>, trust: &Trust) -> StepOutcome {
    let key = key.map_err(String::clone)?;
    let found = fingerprint(key).map_err(|error| error.to_string())?;
    match trust {
        Trust::Inside => Ok(format!(
            "none was given: the bundle can only be consistent with the key in it, {found}"
        )),
        Trust::Key(_) => Ok(found),
        Trust::Fingerprint(wanted) => {
            let plain = wanted.chars().filter(|c| !c.is_whitespace() && *c != ':');
            let plain: String = plain.flat_map(char::to_lowercase).collect();
            match plain == found {
                true => Ok(found),
                false => Err(format!("the key in the bundle is another: {found}")),
            }
        }
    }
}

fn check_signature(members: &Members, key: Result<&VerifyingKey, &String>) -> StepOutcome {
    let key = key.map_err(String::clone)?;
    let manifest = member(members, MANIFEST)?;
    let signature = member(members, SIGNATURE)?;
    let signature = Signature::from_slice(signature)
        .map_err(|_| format!("`{SIGNATURE}` holds no signature"))?;
    key.verify_strict(manifest, &signature)
        .map_err(|_| "the manifest is not what the key's owner signed".to_owned())?;
    Ok("the manifest is what the key's owner signed".to_owned())
}

fn check_members(members: &Members, manifest: Result<&Manifest, &String>) -> StepOutcome {
    let manifest = manifest.map_err(String::clone)?;
    let own = [MANIFEST, SIGNATURE];
    let mut bad = Vec::new();
    for (name, content) in members {
        match manifest.members.get(name) {
            None if own.contains(&name.as_str()) => {}
            None => bad.push(format!("`{name}` was added")),
            Some(listed) if *listed != Member::of(content) => {
                bad.push(format!("`{name}` was changed"));
            }
            Some(_) => {}
        }
    }
    let missing = manifest.members.keys();
    let missing = missing.filter(|name| !members.contains_key(*name));
    bad.extend(missing.map(|name| format!("`{name}` is missing")));
    match bad.is_empty() {
        true => Ok(format!(
            "{} as the manifest has them",
            manifest.members.len()
        )),
        false => Err(bad.join(", ")),
    }
}

fn check_facts(evidence: Result<&Evidence, &String>) -> StepOutcome {
    let evidence = evidence.map_err(String::clone)?;
    evidence.verify().map_err(|error| error.to_string())?;
    let facts = evidence.gatherings.iter().map(|one| one.facts.len());
    let count: usize = facts.sum();
    Ok(format!(
        "{count} in {} gatherings",
        evidence.gatherings.len()
    ))
}

/// The log has the hash of every judgement of the attempt.
fn check_judgements(
    members: &Members,
    log: Result<&Vec<LogEntry>, &String>,
    manifest: Result<&Manifest, &String>,
) -> StepOutcome {
    let (log, manifest) = (
        log.map_err(String::clone)?,
        manifest.map_err(String::clone)?,
    );
    let said: Vec<Judgement> = read(members, JUDGEMENTS)?;
    let hashes = log.iter().filter_map(|entry| match &entry.deed {
        LogAction::Judged {
            attempt, content, ..
        } => (*attempt == manifest.attempt).then_some(content.as_str()),
        LogAction::Created {}
        | LogAction::Changed { .. }
        | LogAction::Insisted { .. }
        | LogAction::Session { .. }
        | LogAction::Attempt { .. }
        | LogAction::Extended { .. }
        | LogAction::GaveBack { .. }
        | LogAction::Warned { .. }
        | LogAction::Entered { .. }
        | LogAction::Recoded { .. }
        | LogAction::Said { .. }
        | LogAction::Rehearsed { .. }
        | LogAction::Saved { .. }
        | LogAction::Accepted { .. }
        | LogAction::Alarmed { .. } => None,
    });
    let logged: BTreeSet<&str> = hashes.collect();
    let digests: BTreeSet<String> = said.iter().map(Judgement::digest).collect();
    let here: BTreeSet<&str> = digests.iter().map(String::as_str).collect();
    if let Some(said) = said.iter().find(|said| !logged.contains(&*said.digest())) {
        let subject = said.word.says.subject();
        return Err(format!(
            "`{subject}` by `{}` is not in the log",
            said.word.juror
        ));
    }
    if logged != here {
        return Err("the log knows more judgements than there are".to_owned());
    }
    Ok(format!("{}, all in the log", said.len()))
}

/// The files under a folder of the bundle.
fn folder(members: &Members, root: &str) -> Folder {
    let files = members.iter().filter_map(|(name, content)| {
        let path = name.strip_prefix(root)?;
        Some((path.to_owned(), content.clone()))
    });
    Folder(files.collect())
}

fn scenarios(
    members: &Members,
    evidence: Result<&Evidence, &String>,
    grade: Result<&Grade, &String>,
    manifest: Result<&Manifest, &String>,
) -> StepOutcome {
    let (evidence, grade) = (
        evidence.map_err(String::clone)?,
        grade.map_err(String::clone)?,
    );
    let hash = folder(members, SCENARIO).hash();
    let manifest = manifest.map_err(String::clone)?;
    if hash != grade.hash || hash != manifest.hash {
        return Err("the folder is not that of the grade".to_owned());
    }
    if evidence.seed != grade.seed || evidence.scenario != grade.scenario {
        return Err("facts and grade are of different scenarios".to_owned());
    }
    if evidence.hash == hash {
        return Ok(format!("{} {hash}", grade.scenario));
    }
    if folder(members, LAB_SCENARIO).hash() != evidence.hash {
        return Err("the folder that the lab was built from is missing".to_owned());
    }
    Ok(format!(
        "{} {hash}; the lab was built from {}",
        grade.scenario, evidence.hash
    ))
}

fn check_grade(
    members: &Members,
    evidence: Result<&Evidence, &String>,
    grade: Result<&Grade, &String>,
) -> StepOutcome {
    let evidence = evidence.map_err(String::clone)?;
    let grade = grade.map_err(String::clone)?;
    let problems = |problems: Vec<crate::problem::Problem>| {
        let first = problems.first().map(|problem| problem.message.clone());
        format!("the scenario has problems: {}", first.unwrap_or_default())
    };
    let scenario = Scenario::read(folder(members, SCENARIO)).map_err(problems)?;
    let topology = scenario.draw(&evidence.seed).map_err(problems)?;
    let again = grade_evidence(&topology, evidence);
    if again != *grade {
        return Err(format!(
            "the facts give {} of {} points, and the grade has {} of {}, or its verdicts differ",
            again.points, again.of, grade.points, grade.of
        ));
    }
    Ok(format!(
        "{} of {} points follow from the facts",
        grade.points, grade.of
    ))
}
