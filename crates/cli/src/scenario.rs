//! `plateau scenario …`

use std::path::{Path, PathBuf};

use futures_util::{Stream, StreamExt};
use plateau_core::api::{ProofEvent, ProofRequest};
use plateau_core::problem::{Problem, SourceLocation};
use plateau_core::proof::{self, Proof};
use plateau_core::reliance::Reliance;
use plateau_core::scenario::Scenario;
use plateau_core::spec;
use serde::Serialize;

use crate::args::{FurtherDraws, ScenarioCommand};
use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::folder;
use crate::progress::Progress;
use crate::screen::{Screen, write_out};
use crate::show;
use crate::style::{GOOD, WRONG, styled};

/// One of the draws that [`Scenario::read`] looks at: who looks and what is asked are the same in all.
const ANY_SEED: &str = "check-0";

mod starter;

/// Runs one of the commands.
pub(crate) async fn run(
    command: &ScenarioCommand,
    screen: Screen,
    daemon: impl FnOnce() -> Result<Client, Failure>,
) -> Result<Ending, Failure> {
    match command {
        ScenarioCommand::Check { paths } => check(paths, screen),
        ScenarioCommand::Schema => schema(),
        ScenarioCommand::Reference => reference(),
        ScenarioCommand::Prove {
            path,
            draws,
            further_draws,
            parallel,
            again,
        } => {
            let new = ProofRequest {
                files: folder::to_files(readable(path)?.scenario.folder()),
                draws: *draws,
                further_draws: match further_draws {
                    FurtherDraws::All => proof::FurtherDraws::All,
                    FurtherDraws::UntouchedAndSolved => proof::FurtherDraws::UntouchedAndSolved,
                },
                parallel: *parallel,
                again: *again,
            };
            let daemon = daemon()?;
            let proof = proven(daemon.prove(&new).await?, screen).await?;
            screen.show(&proof, |proof| {
                show::proof::proof(proof, &screen.messages())
            })?;
            Ok(Ending::from_bool(proof.holds))
        }
        ScenarioCommand::New { id, parent } => starter::write(id, parent, screen),
    }
}

/// A scenario without problems.
pub(crate) struct ValidScenario {
    /// The folder that it lies in.
    pub(crate) root: PathBuf,
    /// The scenario.
    pub(crate) scenario: Scenario,
}

/// Reads a scenario that has to be without problems.
pub(crate) fn readable(path: &Path) -> Result<ValidScenario, Failure> {
    let root = folder::scenario_folder(path)?;
    let with_place = |problems| Failure::Problems(show::problem::below(&root, problems));
    let folder = folder::read(&root)?.map_err(with_place)?;
    let scenario = Scenario::read(folder).map_err(with_place)?;
    Ok(ValidScenario { root, scenario })
}

/// One scenario, checked.
#[derive(Debug, Serialize)]
struct Checked {
    path: PathBuf,
    hash: Option<String>,
    /// What the points rest on; absent where there are problems.
    reliance: Option<Reliance>,
    problems: Vec<Problem>,
}

fn check(paths: &[PathBuf], screen: Screen) -> Result<Ending, Failure> {
    let checked: Vec<Checked> = paths.iter().map(|path| check_one(path)).collect();
    let good = checked.iter().all(|one| one.problems.is_empty());
    screen.show(&checked, |checked| shown(checked))?;
    Ok(if good { Ending::Good } else { Ending::Refused })
}

/// Whatever is wrong is a problem of this scenario, so that the others are checked all the same.
fn check_one(path: &Path) -> Checked {
    match read_whole(path) {
        Ok(checked) => checked,
        Err(failure) => Checked {
            path: path.to_owned(),
            hash: None,
            reliance: None,
            problems: vec![unreadable(path, &failure)],
        },
    }
}

fn read_whole(path: &Path) -> Result<Checked, Failure> {
    let root = folder::scenario_folder(path)?;
    let mut checked = Checked {
        path: path.to_owned(),
        hash: None,
        reliance: None,
        problems: Vec::new(),
    };
    let read = folder::read(&root)?.and_then(|folder| {
        checked.hash = Some(folder.hash());
        Scenario::read(folder)?.draw(ANY_SEED)
    });
    match read {
        Ok(topology) => checked.reliance = Some(Reliance::of(&topology)),
        Err(problems) => checked.problems = show::problem::below(&root, problems),
    }
    Ok(checked)
}

fn unreadable(path: &Path, failure: &Failure) -> Problem {
    Problem {
        place: SourceLocation {
            file: path.display().to_string(),
            line: 0,
            column: 0,
        },
        code: "unreadable".to_owned(),
        message: failure.chain(),
        hint: failure.hint(),
    }
}

fn shown(checked: &[Checked]) -> String {
    let mut text = String::new();
    let mut problems = Vec::new();
    for one in checked {
        if one.problems.is_empty() {
            let path = one.path.display();
            text.push_str(&format!("{path}: {}\n", styled(GOOD, "no problems")));
            if let Some(reliance) = &one.reliance {
                text.push_str(&show::reliance::text(reliance));
            }
        }
        problems.extend_from_slice(&one.problems);
    }
    if !problems.is_empty() {
        text.push_str(&show::problem::list(&problems));
    }
    text
}

fn schema() -> Result<Ending, Failure> {
    let schema = serde_json::to_string_pretty(&spec::schema()).map_err(std::io::Error::from)?;
    write_out(&format!("{schema}\n"))?;
    Ok(Ending::Good)
}

fn reference() -> Result<Ending, Failure> {
    write_out(&plateau_core::reference::reference())?;
    Ok(Ending::Good)
}

async fn proven(
    mut events: impl Stream<Item = Result<ProofEvent, Failure>> + Unpin,
    screen: Screen,
) -> Result<Proof, Failure> {
    let progress = Progress::new(screen, 0);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            // Dropping the stream is what tells the daemon to take the proof's labs down.
            _ = tokio::signal::ctrl_c() => return Err(Failure::Interrupted),
        };
        match event {
            None => return Err(Failure::Ended("the proof")),
            Some(event) => match event? {
                ProofEvent::Started { column } => progress.set_message(column),
                ProofEvent::Done { column, done, of } => {
                    progress.set(u64::from(done), u64::from(of));
                    progress.line(&format!("{done} of {of} graded: {column}"));
                }
                ProofEvent::Proven { proof, cached } => {
                    if cached {
                        progress.line(
                            "proven before with the same images and programs; --again builds its labs again",
                        );
                    }
                    let end = if proof.holds {
                        styled(GOOD, "holds")
                    } else {
                        styled(WRONG, "does not hold")
                    };
                    progress.line(&format!("the proof {end}"));
                    return Ok(*proof);
                }
                ProofEvent::Failed { error } => return Err(Failure::Answered(error)),
            },
        }
    }
}
