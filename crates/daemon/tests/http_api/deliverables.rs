//! What candidates hand in, through the front door: saved, refused, locked, shown, exported.

use plateau_core::api::CandidateView;
use plateau_core::exam::bundle::{Trust, public_of_pem, verify};
use plateau_core::exam::log::{LogAction, LogEntry};
use plateau_core::exam::session::AttemptState;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::house::error;
use crate::room::Room;

const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n";

/// The hash that an entry says was saved.
fn saved(entry: &LogEntry) -> Option<&String> {
    let LogAction::Saved { content, .. } = &entry.deed else {
        return None;
    };
    Some(content)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_candidate_saves_is_kept_locked_shown_and_in_the_evidence() {
    let room = Room::open().await;
    let own = room.own().await;
    let due = &own.attempts[0].deliverables[0];
    assert_eq!((due.task.as_str(), due.at_most), ("report", 2048));
    assert_eq!(
        (&due.accept[..], &due.current),
        (&["md".into(), "pdf".into()][..], &None)
    );

    let first = room.save("report?name=report.pdf", PDF).await;
    assert_eq!(first.saved.number, Some(1));
    assert_eq!(first.saved.by, "seat:01");
    let same = room.save("report?name=report.pdf", PDF).await;
    assert_eq!(same.saved, first.saved);
    let name = "report?name=R%C3%A9sum%C3%A9.md&draft=tab-1";
    room.save(name, "I plug").await;
    let draft = room.save(name, "I plugged it in").await;
    assert_eq!(draft.saved.number, None);
    let own = room.own().await;
    let current = own.attempts[0].deliverables[0].current.as_ref();
    assert_eq!(current, Some(&draft.saved));

    let list = format!("/v1/attempts/{}/deliverables", room.attempts[0]);
    let one = format!("{list}/report/{}", first.saved.content);
    let handed = room
        .client
        .post(format!(
            "{}/v1/attempts/{}/hand-in",
            room.house.url, room.attempts[0]
        ))
        .header("cookie", &room.cookies[0])
        .header("origin", &room.house.url)
        .header("x-plateau", "1")
        .json(&json!({}));
    let handed: CandidateView = handed.send().await.unwrap().json().await.unwrap();
    let current = handed.attempts[0].deliverables[0].current.clone().unwrap();
    assert_eq!(
        (current.number, &current.content),
        (Some(2), &draft.saved.content)
    );
    let late = room.put("report?name=report.pdf", PDF).await;
    error(late, StatusCode::FORBIDDEN, "attempt-not-open").await;

    let listed = room.listed().await;
    assert_eq!(listed.len(), 1);
    let versions: Vec<_> = listed[0]
        .versions
        .iter()
        .map(|version| (version.number, version.name.as_str()))
        .collect();
    assert_eq!(versions, [(Some(1), "report.pdf"), (Some(2), "Résumé.md")]);
    let seats = room.seats().await;
    assert_eq!(seats[0].attempts[0].handed_in[0].current, current);
    assert_eq!(seats[1].attempts[0].handed_in, []);
    let read = room.ask(0, Method::GET, &one, "").await;
    assert_eq!(read.headers()["content-type"], "application/pdf");
    assert_eq!(read.headers()["x-content-type-options"], "nosniff");
    assert_eq!(read.bytes().await.unwrap(), PDF);
    let none = room.house.get(&format!("{list}/report/none")).await;
    error(none, StatusCode::NOT_FOUND, "deliverable-not-found").await;

    room.order("hand-in").await;
    room.until(AttemptState::Graded).await;
    let log: Vec<LogEntry> = room.told("/v1/sessions/june/log").await;
    let saved: Vec<&String> = log.iter().filter_map(saved).collect();
    assert_eq!(saved, [&first.saved.content, &current.content]);
    let bundle = format!("/v1/attempts/{}/evidence.tar", room.attempts[0]);
    let bundle = room.house.get(&bundle).await.bytes().await.unwrap();
    let key = room.house.api.judging.public_key();
    let key = public_of_pem(&key.pem).unwrap();
    let verification = verify(&bundle, &Trust::Key(Box::new(key)), None).unwrap();
    assert!(verification.good, "{verification:#?}");
    let members = verification.manifest.unwrap().members;
    assert_eq!(
        members["deliverables/report/002-Résumé.md"].blake3,
        current.content
    );
    assert!(members.contains_key("deliverables/report/001-report.pdf"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_candidate_does_not_learn_that_anything_is_there() {
    let room = Room::open().await;
    let first = room.save("report?name=report.pdf", PDF).await;
    let list = format!("/v1/attempts/{}/deliverables", room.attempts[0]);
    let one = format!("{list}/report/{}", first.saved.content);
    for path in [&list, &one] {
        let other = room.ask(1, Method::GET, path, "").await;
        error(other, StatusCode::NOT_FOUND, "attempt-not-found").await;
    }
    let other = format!("{list}/report?name=a.md");
    let other = room.ask(1, Method::PUT, &other, "mine").await;
    error(other, StatusCode::NOT_FOUND, "attempt-not-found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_is_refused_with_the_reason_and_changes_nothing() {
    let room = Room::open().await;
    let refused = async |path: &str, content: Vec<u8>, status: StatusCode, code: &str| {
        let response = room.put(path, content).await;
        let error = error(response, status, code).await;
        assert!(error.hint.is_some() || code == "bad-query", "{error:?}");
        error.message
    };
    let bad = StatusCode::BAD_REQUEST;
    let text = || b"text".to_vec();
    refused(
        "none?name=a.md",
        text(),
        StatusCode::NOT_FOUND,
        "task-not-found",
    )
    .await;
    refused("look?name=a.md", text(), bad, "nothing-asked-for").await;
    refused("report", text(), bad, "bad-query").await;
    refused("report?name=a.md", vec![], bad, "file-empty").await;
    refused("report?name=a.odt", text(), bad, "kind-not-accepted").await;
    refused("report?name=a.pdf", text(), bad, "other-content").await;
    refused("report?name=a.md", PDF.to_vec(), bad, "other-content").await;
    refused("report?name=..%2Fa.md", text(), bad, "bad-file-name").await;
    refused("report?name=a%0A.md", text(), bad, "bad-file-name").await;
    refused("report?name=a.md&draft=a%20b", text(), bad, "bad-writer").await;
    refused("report?name=a.pdf&draft=tab", PDF.to_vec(), bad, "no-draft").await;
    let large = StatusCode::PAYLOAD_TOO_LARGE;
    let told = refused(
        "report?name=a.md",
        vec![b'x'; 2049],
        large,
        "file-too-large",
    )
    .await;
    assert_eq!(told, "the file is larger than 2KiB");
    room.save("report?name=a.md", vec![b'x'; 2048]).await;

    // Nothing says how much comes, and whoever sends is told all the same.
    let pieces = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1 << 16]));
    let unsaid = reqwest::Body::wrap_stream(futures_util::StreamExt::take(pieces, 128));
    let response = room.put("report?name=b.md", unsaid).await;
    error(response, large, "file-too-large").await;
    let said = room.put("report?name=b.md", vec![b'x'; 8 << 20]).await;
    error(said, large, "file-too-large").await;

    room.house
        .post(
            "/v1/sessions/june/pause",
            json!({ "kind": "incident", "reason": "a fire drill" }),
        )
        .await;
    let paused = StatusCode::FORBIDDEN;
    refused("report?name=a.md", text(), paused, "attempt-not-open").await;
    let listed = room.listed().await;
    assert_eq!(listed[0].versions.len(), 1);
    let over_socket = format!(
        "/v1/attempts/{}/deliverables/report?name=a.md",
        room.attempts[0]
    );
    let nobody = room.house.ask(Method::PUT, &over_socket, None).await;
    error(nobody, bad, "not-a-candidate").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_are_in_the_evidence_also_once_their_lab_is_gone() {
    let room = Room::open().await;
    let lab = room.own().await.attempts[0].lab.clone().unwrap();
    let folder = room.house.state.path().join("recordings").join(&lab);
    std::fs::create_dir_all(&folder).unwrap();
    let cast = "{\"version\":3,\"timestamp\":1,\"title\":\"srv1\"}\n[0.1,\"o\",\"hi\"]\n";
    std::fs::write(folder.join("srv1-main.cast"), cast).unwrap();
    room.order("hand-in").await;
    room.until(AttemptState::Graded).await;
    let cleared = room.house.post("/v1/sessions/june/clear", json!({})).await;
    assert_eq!(cleared.status(), StatusCode::NO_CONTENT);
    assert_eq!(room.seats().await[0].attempts[0].lab, None);
    let bundle = format!("/v1/attempts/{}/evidence.tar", room.attempts[0]);
    let bundle = room.house.get(&bundle).await.bytes().await.unwrap();
    let verification = verify(&bundle, &Trust::Inside, None).unwrap();
    assert!(verification.good, "{verification:#?}");
    let members = verification.manifest.unwrap().members;
    let recorded = &members[&format!("recordings/{lab}/srv1-main.cast")];
    assert_eq!(recorded.size, cast.len() as u64);
}
