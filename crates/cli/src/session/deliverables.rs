//! `plateau session deliverables`

use std::path::Path;

use plateau_core::exam::deliverable::VersionView;

use crate::client::Client;
use crate::failure::Failure;
use crate::file;
use crate::screen::Screen;
use crate::show::deliverable::{self as show, HandedIn};

/// Shows what was handed in, and saves it where that is wanted.
pub(super) async fn run(
    screen: Screen,
    daemon: &Client,
    session: &str,
    seat: Option<&str>,
    output: Option<&Path>,
) -> Result<(), Failure> {
    let seats = daemon.seats(session).await?;
    if let Some(wanted) = seat.filter(|wanted| seats.iter().all(|seat| seat.number != *wanted)) {
        return Err(Failure::NoSeat {
            session: session.to_owned(),
            seat: wanted.to_owned(),
        });
    }
    let mut all = Vec::new();
    for one in seats {
        if seat.is_some_and(|wanted| wanted != one.number) {
            continue;
        }
        for attempt in one.attempts {
            all.push(HandedIn {
                deliverables: daemon.deliverables(&attempt.id).await?,
                seat: one.number.clone(),
                scenario: attempt.scenario,
                attempt: attempt.id,
            });
        }
    }
    if let Some(folder) = output {
        let mut saved = 0;
        for one in &all {
            saved += save(daemon, one, folder).await?;
        }
        screen.remark(&format!("{saved} saved in `{}`", folder.display()));
    }
    screen.show(&all, |all| show::deliverables(all))
}

/// Saves all versions of an attempt below a folder; how many they were.
async fn save(daemon: &Client, of: &HandedIn, folder: &Path) -> Result<usize, Failure> {
    let mut saved = 0;
    for deliverable in &of.deliverables {
        for version in &deliverable.versions {
            let task = &deliverable.task;
            let content = daemon.deliverable(&of.attempt, task, &version.content);
            let content = content.await?;
            let mut path = folder.to_owned();
            for part in [&of.seat, &of.scenario, task, &file_name(version)] {
                path.push(plain(part));
            }
            file::write_new(&path, &content)?;
            saved += 1;
        }
    }
    Ok(saved)
}

/// The name of a version among the others of its task; drafts stand behind all versions.
fn file_name(version: &VersionView) -> String {
    match version.number {
        Some(number) => format!("{number:03}-{}", version.name),
        None => format!("draft-{}-{}", version.saved_ms, version.name),
    }
}

/// One part of a path, which leads nowhere else whatever candidates call their files.
fn plain(part: &str) -> String {
    let plain = part.replace(|c: char| c.is_control() || "/\\:".contains(c), "_");
    match plain.trim_start_matches('.') {
        "" => "_".to_owned(),
        plain => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for (part, expected) in [
            ("01", "01"),
            ("001-Résumé.md", "001-Résumé.md"),
            ("..", "_"),
            ("../../etc", "_.._etc"),
            ("", "_"),
            ("a/b\\c", "a_b_c"),
        ] {
            assert_eq!(plain(part), expected, "{part}");
        }
    }
}
