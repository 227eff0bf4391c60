//! Documents as the daemon makes them, with the real `plateau-report`.

use std::process::{Command, Stdio};

use plateau_exam::report::{DocumentKind, Limits, ReportError, Reports};
use plateau_tests::program;
use serde_json::{Value, json};

fn slips(seats: usize) -> Value {
    let seat = |number: usize| {
        json!({
            "name": format!("Zoé Lefèvre {number}"),
            "number": format!("C{number}"),
            "code": "K7QF-2M9X-P4TB",
        })
    };
    json!({
        "language": "fr",
        "made": "2026-11-24T10:14:27Z",
        "session": { "title": "TSGERI", "centre": "Lyon", "starts": "2026-12-03T09:00" },
        "access": { "browser": "https://plateau.lan/" },
        "seats": (1..=seats).map(seat).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn the_daemon_has_slips_printed_within_its_limits() {
    let reports = Reports::new(program("plateau-report"), Limits::default());
    let pdf = reports
        .make(DocumentKind::Slips, &slips(12))
        .await
        .expect("a PDF");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("slips.pdf");
    std::fs::write(&path, &pdf).expect("written");
    let text = Command::new("pdftotext")
        .arg(&path)
        .arg("-")
        .stderr(Stdio::inherit())
        .output()
        .expect("pdftotext");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("Zoé Lefèvre 12"), "{text}");
    assert_eq!(text.matches("K7QF-2M9X-P4TB").count(), 12, "{text}");
}

#[tokio::test]
async fn the_program_refuses_what_is_no_slip_and_dies_of_too_little_memory() {
    let reports = Reports::new(program("plateau-report"), Limits::default());
    let refused = reports
        .make(DocumentKind::Slips, &json!({ "seat": 1 }))
        .await;
    let error = refused.expect_err("no slips");
    assert!(
        error.to_string().contains("unknown field `seat`"),
        "{error}"
    );

    let limits = Limits {
        memory: 16 << 20,
        ..Limits::default()
    };
    let small = Reports::new(program("plateau-report"), limits);
    let error = small
        .make(DocumentKind::Slips, &slips(100))
        .await
        .expect_err("no memory");
    assert!(matches!(error, ReportError::Failed { .. }), "{error}");
}
