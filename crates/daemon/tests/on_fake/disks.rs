//! That a node has written too much is told to those who watch over a session.

use plateau_core::api::AttemptsRequest;
use plateau_core::exam::log::LogAction;
use plateau_core::wire::DiskUse;

use crate::sessions::Centre;

fn written(bytes: u64) -> DiskUse {
    DiskUse {
        bytes,
        files: 100,
        apparent: bytes,
        ..DiskUse::default()
    }
}

#[tokio::test]
async fn a_full_disk_is_told_once_with_its_seat() {
    let centre = Centre::ready("30m").await;
    let conducting = centre.sessions.conducting();
    let all = AttemptsRequest::default();
    conducting
        .start("december", all, "invigilator")
        .await
        .unwrap();
    let lab = centre.attempt("001").await.lab.unwrap();
    let lab = centre.house.labs.show(&lab).unwrap();
    let node = lab.nodes.keys().next().unwrap();
    let container = format!("plateau-{}-{node}", lab.name);
    let alarms = async |centre: &Centre| {
        let deeds = centre.deeds().await.into_iter();
        let what = deeds.filter_map(|deed| {
            let LogAction::Alarmed { what } = deed else {
                return None;
            };
            Some(what)
        });
        what.collect::<Vec<String>>()
    };
    let mut free = 90;
    for (written, told) in [
        (written(5 << 30), 1),
        (written(1), 1),
        (written(5 << 30), 1),
    ] {
        centre.house.fake.write_to_disk(&container, written);
        free -= 1;
        centre.house.fake.set_disk_free(free << 30);
        centre
            .until("it is told", async |centre| {
                alarms(centre).await.len() == told
            })
            .await;
    }
    let told = alarms(&centre).await;
    let begin = format!(
        "node `{node}` of seat 001 was stopped, because its disk is full: 5.0 GiB of 4.0 GiB"
    );
    assert!(told[0].starts_with(&begin), "{told:?}");
    centre.stop.cancel();
}
