//! `plateau lab …`

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use plateau_core::api::{CheckRequest, ExecRequest, LabGradeView, OpenWebAppRequest, SolveRequest};
use plateau_core::feedback::{AssessmentMode, feedback};
use plateau_core::plan::plan_up;

use crate::args::{Candidate, LabCommand, Shape};
use crate::client::Client;
use crate::export;
use crate::failure::{Ending, Failure};
use crate::progress::Progress;
use crate::scenario::{ValidScenario, readable};
use crate::screen::{Screen, write_raw};
use crate::show;
use crate::show::plan::Planned;

mod shell;
mod up;

/// Most bytes of standard input that a command gets.
const MOST_INPUT: u64 = 4 << 20;

/// Runs one of the commands.
pub(crate) async fn run(
    command: &LabCommand,
    screen: Screen,
    daemon: impl FnOnce() -> Result<Client, Failure>,
) -> Result<Ending, Failure> {
    match command {
        LabCommand::Plan { path, seed } => return plan(path, seed, screen),
        LabCommand::Up { path, seed, name } => {
            let scenario = readable(path)?.scenario;
            return up::run(scenario.folder(), seed, name.as_deref(), screen, &daemon()?).await;
        }
        LabCommand::List => screen.show(&daemon()?.labs().await?, |labs| show::lab::list(labs))?,
        LabCommand::Show { lab } => {
            screen.show(&daemon()?.lab(lab).await?, |lab| {
                show::lab::lab(lab, screen.language())
            })?;
        }
        LabCommand::Start { lab } => {
            screen.show(&daemon()?.start(lab).await?, |lab| {
                show::lab::lab(lab, screen.language())
            })?;
        }
        LabCommand::Exec {
            lab,
            node,
            timeout,
            stdin,
            argv,
        } => {
            let exec = ExecRequest {
                argv: argv.clone(),
                stdin: stdin.then(read_input).transpose()?,
                timeout_ms: timeout.map(|seconds| seconds.saturating_mul(1000)),
            };
            return run_command(&daemon()?, (lab, node), &exec, screen).await;
        }
        LabCommand::Shell { lab, node, user } => {
            return shell::run(&daemon()?, (lab, node), user.as_deref(), screen).await;
        }
        LabCommand::Web {
            lab,
            node,
            port,
            host,
        } => {
            let open = OpenWebAppRequest {
                port: *port,
                host: host.clone(),
            };
            let view = daemon()?.web((lab, node), &open).await?;
            // Alone on standard output, so that it can be handed to a browser.
            screen.show(&view, |view| format!("{}\n", view.address))?;
            screen.remark("a browser opens it once, within half a minute");
        }
        LabCommand::Solve {
            lab,
            tasks,
            mistake,
        } => return solve(&daemon()?, lab, tasks, mistake.clone(), screen).await,
        LabCommand::Check {
            lab,
            phases,
            as_candidate,
            export,
            output,
        } => {
            let view = check(&daemon()?, lab, phases, screen).await?;
            return graded(&view, (*as_candidate, *export, output.as_deref()), screen);
        }
        LabCommand::Reboot { lab, node } => {
            let progress = Progress::new(screen, 0);
            progress.set_message(format!("rebooting {node}"));
            daemon()?.reboot(lab, node).await?;
            progress.line(&format!("{node} has booted again"));
        }
        LabCommand::Down { labs, all } => return down(&daemon()?, labs, *all, screen).await,
    }
    Ok(Ending::Good)
}

fn plan(path: &Path, seed: &str, screen: Screen) -> Result<Ending, Failure> {
    let ValidScenario { root, scenario } = readable(path)?;
    let topology = scenario
        .draw(seed)
        .map_err(|problems| Failure::Problems(show::problem::below(&root, problems)))?;
    let plan = plan_up(&topology);
    screen.show(&Planned { topology, plan }, |planned| {
        show::plan::planned(planned, screen.language())
    })?;
    Ok(Ending::Good)
}

fn read_input() -> Result<String, Failure> {
    let mut input = Vec::new();
    io::stdin().take(MOST_INPUT).read_to_end(&mut input)?;
    Ok(String::from_utf8_lossy(&input).into_owned())
}

async fn run_command(
    daemon: &Client,
    (lab, node): (&str, &str),
    exec: &ExecRequest,
    screen: Screen,
) -> Result<Ending, Failure> {
    let result = daemon.exec(lab, node, exec).await?;
    if screen.for_people() {
        // As the command said it: who pipes it on wants every byte.
        io::stdout().write_all(result.stdout.as_bytes())?;
        io::stdout().flush()?;
        io::stderr().write_all(result.stderr.as_bytes())?;
    } else {
        screen.show(&result, |_| String::new())?;
    }
    Ok(Ending::Exit(u8::try_from(result.exit).unwrap_or(1)))
}

async fn solve(
    daemon: &Client,
    lab: &str,
    tasks: &[String],
    mistake: Option<String>,
    screen: Screen,
) -> Result<Ending, Failure> {
    let progress = Progress::new(screen, 0);
    progress.set_message("running the solutions");
    let solve = SolveRequest {
        tasks: (!tasks.is_empty()).then(|| tasks.to_vec()),
        mistake,
    };
    let result = daemon.solve(lab, &solve).await?;
    drop(progress);
    screen.show(&result, show::lab::solved)?;
    Ok(Ending::from_bool(result.solved))
}

async fn check(
    daemon: &Client,
    lab: &str,
    phases: &[String],
    screen: Screen,
) -> Result<LabGradeView, Failure> {
    let progress = Progress::new(screen, 0);
    progress.set_message("grading");
    let asked = CheckRequest {
        phases: (!phases.is_empty()).then(|| phases.to_vec()),
    };
    up::with_phases(daemon, lab, &progress, daemon.check(lab, &asked)).await
}

/// Shows or exports a grade, or what a candidate sees of it.
fn graded(
    view: &LabGradeView,
    (candidate, export, output): (Option<Candidate>, Option<Shape>, Option<&Path>),
    screen: Screen,
) -> Result<Ending, Failure> {
    let messages = screen.messages();
    if let Some(shape) = export {
        let exported = export::export(view, shape, &messages)?;
        match output {
            None => write_raw(exported.as_bytes())?,
            Some(path) => fs::write(path, exported).map_err(|source| Failure::WriteFile {
                path: path.to_owned(),
                source,
            })?,
        }
    }
    match (candidate, export, output) {
        (Some(candidate), ..) => {
            let mode = match candidate {
                Candidate::Training => AssessmentMode::Training,
                Candidate::Exam => AssessmentMode::Exam,
            };
            let seen = feedback(&view.grade, mode);
            screen.show(&seen, |seen| show::feedback::feedback(seen, &messages))?;
        }
        (None, None, _) | (None, _, Some(_)) => {
            screen.show(view, |view| show::grade::result(view, &messages))?;
        }
        (None, Some(_), None) => {}
    }
    Ok(Ending::from_bool(show::grade::is_full(&view.grade)))
}

async fn down(
    daemon: &Client,
    labs: &[String],
    all: bool,
    screen: Screen,
) -> Result<Ending, Failure> {
    let labs = if all {
        daemon
            .labs()
            .await?
            .into_iter()
            .map(|lab| lab.name)
            .collect()
    } else {
        labs.to_vec()
    };
    let progress = Progress::new(screen, labs.len() as u64);
    let mut first_failure = None;
    // One lab that resists must not keep the others.
    for lab in &labs {
        progress.set_message(format!("taking {lab} down"));
        match daemon.down(lab).await {
            Ok(()) => progress.line(&format!("{lab} is down")),
            Err(failure) if first_failure.is_none() => first_failure = Some(failure),
            Err(failure) => progress.line(&format!("{lab}: {}", failure.chain())),
        }
        progress.step();
    }
    first_failure.map_or(Ok(Ending::Good), Err)
}
