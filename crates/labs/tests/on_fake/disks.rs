//! What nodes write: warned of, stopped, and not copied where it is too much.

#![expect(clippy::unwrap_used, reason = "tests outside a test function too")]

use plateau_core::api::{DiskAlertLevel, LabEventKind, NodeState};
use plateau_core::wire::{DiskUse, LargeFile};
use plateau_labs::runtime::fake::Fake;

use crate::house::{House, house, until};

/// The limit of a node whose scenario says nothing.
const LIMIT: u64 = 4 << 30;

fn written(bytes: u64) -> DiskUse {
    DiskUse {
        bytes,
        files: 100,
        apparent: bytes,
        ..DiskUse::default()
    }
}

fn level(house: &House, node: &str) -> Option<DiskAlertLevel> {
    let view = house.labs.show("one").unwrap();
    view.nodes[node].disk.map(|alert| alert.level)
}

#[tokio::test]
async fn a_node_that_writes_too_much_is_warned_of_and_stopped_and_can_be_started_again() {
    let house = house(Fake::new()).await;
    house
        .fake
        .write_to_disk("plateau-one-srv1", written(LIMIT / 10 * 9));
    house.ready("one").await;
    until("it is warned", || {
        level(&house, "srv1") == Some(DiskAlertLevel::High)
    })
    .await;
    house
        .fake
        .write_to_disk("plateau-one-srv1", written(LIMIT + 1));
    house.fake.set_disk_free(99 << 30);
    house.until("one", "srv1", NodeState::Stopped).await;
    until("it is told", || {
        level(&house, "srv1") == Some(DiskAlertLevel::Stopped)
    })
    .await;
    let (events, _) = house.labs.follow("one").unwrap();
    let told = events.iter().filter(|event| {
        matches!(&event.what, LabEventKind::Disk { node, alert: Some(_) } if node == "srv1")
    });
    assert_eq!(told.count(), 2, "each level once");
    let view = house.labs.show("one").unwrap();
    let alerts = view.nodes.values().filter(|node| node.disk.is_some());
    assert_eq!(alerts.count(), 1);

    house.labs.reboot("one", "srv1").await.unwrap();
    house.fake.set_disk_free(98 << 30);
    until("it may be cleared up", || {
        level(&house, "srv1") == Some(DiskAlertLevel::High)
    })
    .await;
    assert_eq!(house.nodes("one")["srv1"], NodeState::Running);
    house.fake.write_to_disk("plateau-one-srv1", written(1));
    house.fake.set_disk_free(97 << 30);
    until("nothing is wrong", || level(&house, "srv1").is_none()).await;
}

#[tokio::test]
async fn a_disk_that_is_too_large_is_not_kept_and_said_to_be_so() {
    let house = house(Fake::new()).await;
    house.ready("one").await;
    let holes = DiskUse {
        apparent: 200 << 30,
        largest: vec![LargeFile {
            path: "/srv/hole".to_owned(),
            size: 200 << 30,
        }],
        ..written(1)
    };
    house.fake.write_to_disk("plateau-one-srv1", holes);
    let refused = house.labs.keep("one", "a").await.unwrap();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("`/srv/hole`"), "{refused:?}");
    let kept = house.fake.images_with_prefix("plateau/kept:a-");
    assert!(!kept.is_empty(), "the others are kept");
    assert!(
        !kept.contains(&"plateau/kept:a-srv1".to_owned()),
        "{kept:?}"
    );
    let again = house.labs.reopen("a", "again".to_owned()).await;
    let error = again.unwrap_err().to_string();
    assert!(error.contains("too large to be copied"), "{error}");
    // Cleared up, it is kept whole.
    house.labs.thaw("one").await.unwrap();
    house.fake.write_to_disk("plateau-one-srv1", written(1));
    assert_eq!(
        house.labs.keep("one", "a").await.unwrap(),
        <[String; 0]>::default()
    );
    house.labs.down("one").await.unwrap();
    house.labs.reopen("a", "again".to_owned()).await.unwrap();
}
