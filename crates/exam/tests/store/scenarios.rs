//! Frozen scenarios are resolved once, and what is kept of them is bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use plateau_core::scenario::Folder;
use plateau_exam::scenarios::{FrozenError, Scenarios};
use plateau_labs::store::Store;

const DOCUMENT: &str = "\
plateau: 1
id: lone
title: { en: One }
duration: 10m
brief: { en: brief.md }
networks: { lan: {} }
nodes:
  srv1:
    image: debian-server
    interfaces: { eth0: { network: lan } }
tasks:
  - id: look
    skill: tsgeri/1.2
    title: { en: Look }
    solution: [ { on: srv1, run: look.sh } ]
    checks:
      - { id: up, on: srv1, that: { file: { path: /etc/looked, exists: true } }, points: 1 }
";

fn frozen(most: Option<u64>) -> (Scenarios, String, tempfile::TempDir) {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    let files = [
        ("scenario.yaml", DOCUMENT),
        ("brief.md", "Look."),
        ("look.sh", "touch /etc/looked\n"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let folder = Folder(BTreeMap::from(files));
    store.freeze(&folder).unwrap();
    let scenarios = match most {
        Some(most) => Scenarios::bounded(store, most),
        None => Scenarios::new(store),
    };
    (scenarios, folder.hash(), state)
}

#[tokio::test]
async fn a_second_look_resolves_nothing_again() {
    let (scenarios, hash, _state) = frozen(None);
    let first = scenarios.resolved(&hash, "7").await.unwrap();
    let again = scenarios.resolved(&hash, "7").await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let usage = scenarios.usage();
    assert_eq!((usage.resolutions, usage.kept), (1, 1));
    let other = scenarios.resolved(&hash, "8").await.unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(scenarios.usage().resolutions, 2);
    let drawn = scenarios.read(&hash).await.unwrap().draw("7").unwrap();
    assert_eq!(*first, drawn);
}

#[tokio::test]
async fn those_who_ask_at_the_same_time_have_it_resolved_once() {
    let (scenarios, hash, _state) = frozen(None);
    let looks = (0..16).map(|_| scenarios.resolved(&hash, "7"));
    let all = futures_util::future::join_all(looks).await;
    let first = all[0].as_ref().unwrap();
    assert!(
        all.iter()
            .all(|one| Arc::ptr_eq(first, one.as_ref().unwrap()))
    );
    let usage = scenarios.usage();
    assert_eq!((usage.resolutions, usage.kept), (1, 1));
}

#[tokio::test]
async fn what_is_kept_stays_below_its_bound() {
    let most = 64 << 10;
    let (scenarios, hash, _state) = frozen(Some(most));
    for seed in 0..50 {
        let resolved = scenarios.resolved(&hash, &seed.to_string()).await;
        assert_eq!(resolved.unwrap().hash, hash);
        let usage = scenarios.usage();
        assert!(usage.weight <= most && usage.kept <= 3, "{usage:?}");
    }
    assert!(scenarios.usage().kept > 0);
}

#[tokio::test]
async fn a_scenario_that_is_not_there_is_looked_for_again() {
    let (scenarios, hash, state) = frozen(None);
    let place = state.path().join("scenarios").join(&hash);
    let aside = state.path().join("aside");
    std::fs::rename(&place, &aside).unwrap();
    let missing = scenarios.resolved(&hash, "7").await;
    assert!(matches!(missing, Err(FrozenError::Read(_))), "{missing:?}");
    std::fs::rename(&aside, &place).unwrap();
    assert!(scenarios.resolved(&hash, "7").await.is_ok());
}
