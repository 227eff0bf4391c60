//! `plateau images …`

use futures_util::{Stream, StreamExt};
use plateau_core::api::{BuildEvent, BuildImagesRequest};

use crate::args::ImagesCommand;
use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::progress::Progress;
use crate::screen::Screen;
use crate::show;

/// Runs one of the commands.
pub(crate) async fn run(
    command: &ImagesCommand,
    screen: Screen,
    daemon: &Client,
) -> Result<Ending, Failure> {
    match command {
        ImagesCommand::List => {
            screen.show(&daemon.images().await?, |images| show::image::list(images))?;
        }
        ImagesCommand::Build { names } => {
            let names = names.clone();
            let events = daemon.build(&BuildImagesRequest { names }).await?;
            follow(events, screen).await?;
            if !screen.for_people() {
                screen.show(&daemon.images().await?, |images| show::image::list(images))?;
            }
        }
    }
    Ok(Ending::Good)
}

/// How many lines of a failed build are shown.
const TAIL: usize = 30;

async fn follow(
    mut events: impl Stream<Item = Result<BuildEvent, Failure>> + Unpin,
    screen: Screen,
) -> Result<(), Failure> {
    let progress = Progress::new(screen, 0);
    let mut tail: Vec<String> = Vec::new();
    while let Some(event) = events.next().await {
        match event? {
            BuildEvent::UpToDate { image } => progress.line(&format!("{image} is up to date")),
            BuildEvent::Started { image, number, of } => {
                tail.clear();
                progress.set(u64::from(number - 1), u64::from(of));
                progress.line(&format!("building {image} ({number} of {of})"));
            }
            BuildEvent::Line { image, line } => {
                let line: String = line.chars().filter(|c| !c.is_control()).collect();
                progress.set_message(format!("{image}: {line}"));
                if tail.len() == TAIL {
                    tail.remove(0);
                }
                tail.push(line);
            }
            BuildEvent::Built {
                image,
                size,
                took_ms,
            } => {
                progress.step();
                progress.line(&format!(
                    "built {image}: {} in {}",
                    show::image::size(size),
                    show::seconds(took_ms)
                ));
            }
            BuildEvent::Finished {} => return Ok(()),
            BuildEvent::Failed { error } => {
                for line in &tail {
                    progress.line(&format!("    {line}"));
                }
                return Err(Failure::Answered(error));
            }
        }
    }
    Err(Failure::Ended("building images"))
}
