//! 72 checks of one node, beside pytest-testinfra asking the same through its docker backend.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use plateau_core::api::{CheckRequest, CreateLabRequest, LabState};

use super::{Bench, Bound, Figure, median};

const ROUNDS: usize = 5;
const EACH: usize = 24;
const LAB: &str = "bench-grading";
/// Things that every `debian-server` has.
const FILES: [&str; 8] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/hosts",
    "/etc/fstab",
    "/etc/login.defs",
    "/etc/profile",
    "/etc/shells",
    "/etc/hostname",
];
const PACKAGES: [&str; 8] = [
    "bash",
    "coreutils",
    "systemd",
    "dpkg",
    "apt",
    "tar",
    "gzip",
    "grep",
];
const USERS: [&str; 8] = [
    "root", "daemon", "bin", "sys", "games", "mail", "news", "backup",
];

pub(super) async fn measure(bench: &Bench) -> Vec<Figure> {
    let lab = bench.labs.create(scenario()).await.expect("a lab");
    let rounds = rounds(bench, &lab.id).await;
    bench.labs.down(&lab.id).await.expect("it goes down");
    let (ours, theirs) = rounds.expect("both sides grade");
    let (ours, theirs) = (median(ours), median(theirs));
    vec![Figure {
        name: "grading 72 checks of one node beside testinfra",
        value: theirs / ours,
        unit: " times faster",
        bound: Bound::AtLeast(15.0),
        detail: format!("{:.0} ms beside {theirs:.2} s", 1000.0 * ours),
    }]
}

/// What each round took, on our side and on testinfra's. The first warms the caches of both.
async fn rounds(bench: &Bench, lab: &str) -> Result<(Vec<Duration>, Vec<Duration>), String> {
    let built = bench
        .labs
        .built(lab)
        .await
        .map_err(|error| error.to_string())?;
    if built.state != LabState::Ready {
        return Err(format!("the lab was not built: {:?}", built.problem));
    }
    let folder = testinfra_folder();
    let (mut ours, mut theirs) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        let clock = Instant::now();
        let checked = bench.labs.check(lab, CheckRequest { phases: None }).await;
        let took = clock.elapsed();
        let grade = checked.map_err(|error| error.to_string())?.grade;
        if (grade.points, grade.of) != (72, 72) {
            let failing: Vec<_> = grade
                .checks()
                .filter(|check| check.points == 0)
                .map(|check| &check.asked)
                .collect();
            return Err(format!("not everything asked is so: {failing:?}"));
        }
        let other = testinfra(folder.path())?;
        if round > 0 {
            ours.push(took);
            theirs.push(other);
        }
    }
    Ok((ours, theirs))
}

fn scenario() -> CreateLabRequest {
    let mut checks = String::new();
    for number in 0..EACH {
        let pick = number % 8;
        for (kind, that) in [
            (
                "file",
                format!("file: {{ path: {}, exists: true }}", FILES[pick]),
            ),
            (
                "package",
                format!("package: {{ name: {}, installed: true }}", PACKAGES[pick]),
            ),
            (
                "user",
                format!("user: {{ name: {}, exists: true }}", USERS[pick]),
            ),
        ] {
            checks.push_str(&format!("      - {{ id: {kind}{number}, on: n, that: {{ {that} }}, points: 1, holds_from_start: true }}\n"));
        }
    }
    let document = format!(
        "plateau: 1\nid: grading\ntitle: {{ en: Grading }}\nduration: 1m\nbrief: {{ en: b.md }}\n\
         nodes: {{ n: {{ image: debian-server }} }}\n\
         tasks:\n  - id: t\n    skill: tsgeri/1.2\n    title: {{ en: T }}\n    checks:\n{checks}"
    );
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let files = [("scenario.yaml", document.as_str()), ("b.md", "x")];
    let files = files
        .map(|(path, text)| (path.to_owned(), encoded(text)))
        .into();
    CreateLabRequest {
        files,
        seed: "bench".to_owned(),
        name: Some(LAB.to_owned()),
    }
}

fn testinfra_folder() -> tempfile::TempDir {
    let quoted = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let text = format!(
        "import pytest\n\n\
         @pytest.mark.parametrize('n', range({EACH}))\ndef test_file(host, n):\n    assert host.file([{}][n % 8]).exists\n\n\
         @pytest.mark.parametrize('n', range({EACH}))\ndef test_package(host, n):\n    assert host.package([{}][n % 8]).is_installed\n\n\
         @pytest.mark.parametrize('n', range({EACH}))\ndef test_user(host, n):\n    assert host.user([{}][n % 8]).exists\n",
        quoted(&FILES),
        quoted(&PACKAGES),
        quoted(&USERS)
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("test_node.py"), text).expect("a file");
    folder
}

fn testinfra(folder: &Path) -> Result<Duration, String> {
    let python = std::env::var("PLATEAU_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let clock = Instant::now();
    let output = Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .args([&format!("--hosts=docker://plateau-{LAB}-n"), "."])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("pytest: {error}"))?;
    let took = clock.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.contains("72 passed") {
        return Ok(took);
    }
    Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}
