//! Streams: images, proofs, and the doctor's many findings.

use plateau_core::api::{BuildEvent, Diagnosis, Health, ImageState, ImageView, ProofEvent};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::house::{House, PATIENCE, error, scenario};

async fn lines<T: DeserializeOwned>(response: reqwest::Response) -> Vec<T> {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = tokio::time::timeout(PATIENCE, response.text())
        .await
        .unwrap()
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn images_are_built_with_what_they_stand_on_and_only_once() {
    let house = House::open().await;
    for tag in ["plateau/debian-base:latest", "plateau/debian-server:latest"] {
        house.fake.without_image(tag);
    }
    let images: Vec<ImageView> = house.get("/v1/images").await.json().await.unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(
        (images[0].name.as_str(), images[0].state),
        ("debian-server", ImageState::Missing)
    );

    let body = json!({ "names": ["debian-server"] });
    let told: Vec<BuildEvent> = lines(house.post("/v1/images/build", body.clone()).await).await;
    let started: Vec<(&str, u32, u32)> = told
        .iter()
        .filter_map(|event| match event {
            BuildEvent::Started { image, number, of } => Some((image.as_str(), *number, *of)),
            BuildEvent::UpToDate { .. }
            | BuildEvent::Line { .. }
            | BuildEvent::Built { .. }
            | BuildEvent::Finished {}
            | BuildEvent::Failed { .. } => None,
        })
        .collect();
    assert_eq!(started, [("debian-base", 1, 2), ("debian-server", 2, 2)]);
    assert_eq!(told.last(), Some(&BuildEvent::Finished {}));

    let images: Vec<ImageView> = house.get("/v1/images").await.json().await.unwrap();
    assert_eq!(images[0].state, ImageState::Ready);
    let told: Vec<BuildEvent> = lines(house.post("/v1/images/build", body).await).await;
    let image = "debian-server".to_owned();
    assert_eq!(
        told,
        [BuildEvent::UpToDate { image }, BuildEvent::Finished {}]
    );

    let unknown = house
        .post("/v1/images/build", json!({ "names": ["debian-sever"] }))
        .await;
    let refused = error(unknown, StatusCode::NOT_FOUND, "image-not-found").await;
    assert!(refused.hint.unwrap().contains("`debian-server`"));
}

#[tokio::test]
async fn a_build_that_fails_says_so_last() {
    let house = House::open().await;
    house.fake.without_image("plateau/debian-base:latest");
    house.fake.fail_in(1);
    let told: Vec<BuildEvent> =
        lines(house.post("/v1/images/build", json!({ "names": [] })).await).await;
    assert!(
        matches!(told.last(), Some(BuildEvent::Failed { .. })),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_proof_is_told_line_by_line_and_leaves_nothing() {
    let house = House::open().await;
    let body = json!({ "files": scenario(), "draws": 0 });
    let told: Vec<ProofEvent> = lines(house.post("/v1/proofs", body).await).await;
    assert!(
        matches!(told.last(), Some(ProofEvent::Proven { .. })),
        "{told:?}"
    );
    assert!(house.fake.of_role("node").is_empty());
}

#[tokio::test]
async fn the_doctor_finds_something_about_everything() {
    let house = House::open().await;
    house.fake.without_image("plateau/debian-server:latest");
    let diagnosis: Diagnosis = house.get("/v1/doctor").await.json().await.unwrap();
    assert!(diagnosis.healthy);
    let found = |subject: &str| {
        let finding = diagnosis
            .findings
            .iter()
            .find(|finding| finding.subject == subject);
        finding
            .unwrap_or_else(|| panic!("{subject} in {diagnosis:?}"))
            .clone()
    };
    for subject in [
        "engine",
        "cgroups",
        "storage",
        "disk",
        "memory",
        "cores",
        "containers",
    ] {
        found(subject);
    }
    let image = found("image: debian-server");
    assert_eq!(image.health, Health::Limited);
    assert_eq!(image.remedy.unwrap(), "plateau images build debian-server");
}
