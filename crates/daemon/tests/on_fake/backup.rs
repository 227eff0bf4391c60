//! A backup in the middle of an exam, and a daemon that begins where it was taken.
#![expect(clippy::unwrap_used, reason = "these are tests too")]

use std::path::{Path, PathBuf};

use plateau_core::api::{AttemptSelection, AttemptsRequest, MessageRequest};
use plateau_core::exam::log::{LogAction, verify};
use plateau_core::exam::session::AttemptState;
use plateau_exam::backup::Prepared;
use plateau_exam::restore::{RestoreError, RestoreTarget, restore};
use plateau_exam::sessions::Sessions;
use plateau_exam::store::Database;

use crate::house::House;
use crate::sessions::{Centre, because, only, open};

/// Three candidates: one has handed in and is graded, two work.
async fn mid_exam() -> Centre {
    let centre = Centre::ready("30m").await;
    let sessions = &centre.sessions;
    sessions
        .conducting()
        .start("december", AttemptsRequest::default(), "invigilator")
        .await
        .unwrap();
    sessions
        .conducting()
        .hand_in("december", because(only("002")), "invigilator")
        .await
        .unwrap();
    centre.until_attempt("002", AttemptState::Graded).await;
    centre
}

async fn backup(centre: &Centre) -> PathBuf {
    let path = centre.house.state.path().join("backup.tar.gz");
    let (database, clock) = (centre.sessions.database(), centre.sessions.clock());
    let state = &centre.house.labs.settings().state;
    let prepared = Prepared::take(database, state, clock).await.unwrap();
    let file = std::fs::File::create(&path).unwrap();
    prepared.write(file).unwrap().sync_all().unwrap();
    path
}

fn target(state: &Path, force: bool) -> RestoreTarget {
    RestoreTarget {
        state: state.to_owned(),
        database: Database::in_folder(state),
        force,
    }
}

/// The daemon is gone, and another one begins in another state folder with the same engine.
async fn moved(centre: Centre, state: &Path) -> Centre {
    centre.stop.cancel();
    let Centre {
        house, sessions, ..
    } = centre;
    drop(sessions);
    let House {
        fake,
        labs,
        state: old,
    } = house;
    drop(labs);
    std::fs::rename(state, old.path().join("state")).unwrap();
    let labs = crate::house::open(&fake, &old).await;
    let house = House {
        fake,
        labs,
        state: old,
    };
    let (sessions, stop) = open(&house).await;
    Centre {
        house,
        sessions,
        stop,
    }
}

/// Sends messages to everybody until the session takes no more.
fn talk(sessions: Sessions) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        for number in 0_u32.. {
            let say = MessageRequest {
                seat: None,
                text: format!("{number}"),
            };
            let said = sessions.conducting().say("december", say, "invigilator");
            if said.await.is_err() {
                break;
            }
        }
    })
}

#[tokio::test]
async fn a_session_goes_on_where_a_backup_was_taken_while_others_wrote() {
    let centre = mid_exam().await;
    let talker = talk(centre.sessions.clone());
    centre
        .until("somebody talks", async |centre| {
            let deeds = centre.deeds().await;
            deeds
                .iter()
                .any(|deed| matches!(deed, LogAction::Said { .. }))
        })
        .await;
    let archive = backup(&centre).await;
    let before = centre.attempt("001").await;
    let gradings = centre.attempt("002").await.id;
    let graded = centre.sessions.judging().gradings(&gradings).await.unwrap();
    let key = centre.sessions.judging().public_key().clone();
    let arranging = centre.sessions.arranging();
    let codes = arranging.slips("december").await.unwrap();
    let longer = arranging.log("december", 1).await.unwrap();
    talker.abort();

    let elsewhere = tempfile::tempdir_in(centre.house.state.path()).unwrap();
    let state = elsewhere.path().join("deep/state");
    std::fs::create_dir(state.parent().unwrap()).unwrap();
    let restored = restore(&archive, &target(&state, false)).await.unwrap();
    assert!(restored.is_whole());
    let counts = restored.counts;
    assert_eq!(
        (counts.sessions, counts.attempts, counts.gradings),
        (1, 3, 1)
    );
    assert!(
        restored
            .to_string()
            .contains("1 session(s), 3 attempt(s), 1 grading(s)")
    );
    assert!(!state.join("lock").exists());
    let mode = std::os::unix::fs::PermissionsExt::mode;
    let of = |name: &str| mode(&std::fs::metadata(state.join(name)).unwrap().permissions()) & 0o777;
    assert_eq!(of("codes.key"), 0o600);
    assert_eq!(of(""), 0o700);

    // What the daemon goes on to do with the old folder is lost, as with a machine that burns.
    std::fs::rename(
        centre.house.state.path().join("state"),
        centre.house.state.path().join("burnt"),
    )
    .unwrap();
    let centre = moved(centre, &state).await;
    let arranging = centre.sessions.arranging();
    let log = arranging.log("december", 1).await.unwrap();
    verify(&log).unwrap();
    let own: Vec<_> = log
        .iter()
        .take_while(|entry| !matches!(entry.deed, LogAction::GaveBack { .. }))
        .collect();
    assert!(own.len() < log.len() && own.len() <= longer.len());
    assert!(own.iter().zip(&longer).all(|(now, then)| *now == then));
    let after = centre.attempt("001").await;
    assert_eq!(
        (after.state, &after.lab),
        (AttemptState::Running, &before.lab)
    );
    let lost = before.clock.remaining_ms.abs_diff(after.clock.remaining_ms);
    assert!(lost < 1500, "{lost} ms");
    assert_eq!(arranging.slips("december").await.unwrap(), codes);
    assert_eq!(*centre.sessions.judging().public_key(), key);
    let again = centre.sessions.judging().gradings(&gradings).await.unwrap();
    assert_eq!(again, graded);
    let everybody = because(AttemptSelection::default());
    let conducting = centre.sessions.conducting();
    let handed_in = conducting.hand_in("december", everybody, "invigilator");
    handed_in.await.unwrap();
    centre.until_attempt("001", AttemptState::Graded).await;
    centre.until_attempt("003", AttemptState::Graded).await;
    centre.deeds().await;
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_nothing_is_changed() {
    let centre = mid_exam().await;
    let archive = backup(&centre).await;
    let whole = std::fs::read(&archive).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    // Where the damage falls decides whether the archive can be read at all.
    for (bytes, told) in [
        (&damaged[..], &["is damaged", "is not what was written"][..]),
        (&whole[..whole.len() / 2], &["is damaged"]),
        (&b"hello"[..], &["it is not a valid backup"]),
    ] {
        std::fs::write(&archive, bytes).unwrap();
        let refused = restore(&archive, &target(&state, false)).await.unwrap_err();
        let text = plateau_labs::error::chain(&refused);
        assert!(told.iter().any(|told| text.contains(told)), "{text}");
        assert!(matches!(refused, RestoreError::Archive { .. }));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn what_is_there_is_left_alone_or_set_aside() {
    let centre = mid_exam().await;
    let archive = backup(&centre).await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("lock"), "").unwrap();
    restore(&archive, &target(&state, false)).await.unwrap();
    std::fs::write(state.join("mine"), "work").unwrap();
    let refused = restore(&archive, &target(&state, false)).await.unwrap_err();
    assert!(
        matches!(refused, RestoreError::NotEmpty { .. }),
        "{refused}"
    );
    assert!(state.join("mine").exists());

    let restored = restore(&archive, &target(&state, true)).await.unwrap();
    assert!(!state.join("mine").exists());
    let aside = PathBuf::from(&restored.aside[0]);
    assert_eq!(std::fs::read_to_string(aside.join("mine")).unwrap(), "work");

    // A database elsewhere is set aside as well.
    let apart = RestoreTarget {
        state: folder.path().join("other"),
        database: format!("sqlite://{}", folder.path().join("other.db").display()),
        force: false,
    };
    restore(&archive, &apart).await.unwrap();
    std::fs::remove_dir_all(&apart.state).unwrap();
    let refused = restore(&archive, &apart).await.unwrap_err();
    assert!(refused.to_string().contains("other.db"), "{refused}");
    assert!(!apart.state.exists());
    let forced = RestoreTarget {
        force: true,
        ..apart
    };
    let restored = restore(&archive, &forced).await.unwrap();
    assert!(restored.aside[0].contains("other.db.before-"));
}
