//! `plateau lab up`: creates a lab and follows it until it is ready.

use std::future::Future;
use std::pin::pin;

use futures_util::{Stream, StreamExt};
use plateau_core::api::{CreateLabRequest, LabEvent, LabEventKind, LabState, LabView};
use plateau_core::scenario::Folder;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::folder;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::show;
use crate::style::{FAINT, styled};

/// Builds a lab, and takes it down again on Ctrl-C.
pub(crate) async fn run(
    folder: &Folder,
    seed: &str,
    name: Option<&str>,
    screen: Screen,
    daemon: &Client,
) -> Result<Ending, Failure> {
    let new = CreateLabRequest {
        files: folder::to_files(folder),
        seed: seed.to_owned(),
        name: name.map(str::to_owned),
    };
    // Listened for from here on: once the lab is asked for, nobody else knows its name.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::Terminal)?;
    let lab = daemon.up(&new).await?;
    let progress = Progress::new(screen, 0);
    progress.set_message(format!("building {}", lab.name));
    let built = tokio::select! {
        built = follow(daemon, &lab, &progress) => built?,
        _ = interrupted.recv() => {
            progress.line(&format!("taking {} down again", lab.name));
            daemon.down(&lab.id).await?;
            return Err(Failure::Interrupted);
        }
    };
    drop(progress);
    if let (LabState::Failed, Some(problem)) = (built.state, &built.problem) {
        return Err(Failure::Answered(problem.clone()));
    }
    screen.show(&built, |lab| {
        let next = [
            format!("plateau lab check {}", lab.name),
            format!("plateau lab down {}", lab.name),
        ];
        let next = styled(FAINT, format!("next: {}", next.join("  or  ")));
        format!("{}\n{next}\n", show::lab::lab(lab, screen.language()))
    })?;
    Ok(Ending::from_bool(built.state == LabState::Ready))
}

/// Follows a lab's events until it is ready or failed, and returns it as it is then.
async fn follow(daemon: &Client, lab: &LabView, progress: &Progress) -> Result<LabView, Failure> {
    let mut events = daemon.events(&lab.id).await?;
    // It may have been ready before anybody listened.
    let mut now = daemon.lab(&lab.id).await?;
    while now.state == LabState::Building {
        if !next_change(&mut events, progress).await? {
            now = daemon.lab(&lab.id).await?;
            if now.state == LabState::Building {
                return Err(Failure::Ended("building the lab"));
            }
            break;
        }
        now = daemon.lab(&lab.id).await?;
    }
    Ok(now)
}

/// Tells events until the lab's state changes; `false` when the stream ended.
async fn next_change(
    events: &mut (impl Stream<Item = Result<LabEvent, Failure>> + Unpin),
    progress: &Progress,
) -> Result<bool, Failure> {
    while let Some(event) = events.next().await {
        let event = event?;
        match &event.what {
            LabEventKind::State { state } if *state != LabState::Building => return Ok(true),
            LabEventKind::StepStarted { stage, step } => {
                progress.set_message(format!("{stage}: {step}"))
            }
            LabEventKind::State { .. }
            | LabEventKind::StepDone { .. }
            | LabEventKind::StepFailed { .. }
            | LabEventKind::Node { .. }
            | LabEventKind::Disk { .. }
            | LabEventKind::ScenarioEvent { .. }
            | LabEventKind::PhaseStarted { .. } => {
                if let Some(line) = show::lab::event(&event) {
                    progress.line(&line);
                }
            }
        }
    }
    Ok(false)
}

/// Waits for `work`, and meanwhile says which phase a grading has reached.
pub(crate) async fn with_phases<T>(
    daemon: &Client,
    lab: &str,
    progress: &Progress,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    // Without the stream the grading goes on all the same, only silently.
    let mut events = tokio::select! {
        biased;
        events = daemon.events(lab) => events.ok(),
        done = &mut work => return done,
    };
    loop {
        let event = async {
            match &mut events {
                Some(stream) => stream.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = &mut work => return done,
            event = event => match event {
                Some(Ok(LabEvent { what: LabEventKind::PhaseStarted { phase }, .. })) => {
                    progress.set_message(format!("grading: {phase}"));
                }
                Some(Ok(LabEvent { what: LabEventKind::StepStarted { stage, step }, .. })) => {
                    progress.set_message(format!("grading: {stage}: {step}"));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => events = None,
            },
        }
    }
}
