//! Grading 100 checks of four nodes, and a whole room's labs at once.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use futures_util::future::join_all;
use plateau_core::api::{CheckRequest, CreateLabRequest, ExecRequest, LabState};

use super::{Bench, Bound, Figure, median};

const ROUNDS: usize = 5;
const NODES: usize = 4;
const CHECKS: usize = 100;
const LABS: usize = 30;
/// How often the agent is started to see how long that takes.
const STARTS: u32 = 50;

pub(super) async fn measure(bench: &Bench) -> Vec<Figure> {
    let mut figures = hundred(bench).await;
    figures.extend(room(bench).await);
    figures
}

/// One lab, whatever becomes of it.
async fn with_labs<T>(
    bench: &Bench,
    labs: Vec<CreateLabRequest>,
    work: impl AsyncFnOnce(&[String]) -> Result<T, String>,
) -> T {
    let mut ids = Vec::new();
    for lab in labs {
        ids.push(bench.labs.create(lab).await.expect("a lab").id);
    }
    let built = join_all(ids.iter().map(|id| bench.labs.built(id))).await;
    let failed = built.into_iter().find_map(|view| match view {
        Ok(view) if view.state == LabState::Ready => None,
        Ok(view) => Some(format!("a lab was not built: {:?}", view.problem)),
        Err(error) => Some(error.to_string()),
    });
    let done = match failed {
        None => work(&ids).await,
        Some(reason) => Err(reason),
    };
    for id in &ids {
        bench.labs.down(id).await.expect("it goes down");
    }
    done.expect("a measurement")
}

async fn hundred(bench: &Bench) -> Vec<Figure> {
    let lab = scenario("bench-hundred", NODES, CHECKS);
    with_labs(bench, vec![lab], async |ids| {
        let mut took = vec![];
        let mut execs = 0;
        for _ in 0..ROUNDS {
            let since = seconds();
            took.push(graded(bench, &ids[0], CHECKS).await?);
            execs = execs.max(probes(&since));
        }
        let start = start_of_the_agent(bench, &ids[0]).await?;
        Ok(vec![
            Figure {
                name: "grading 100 checks of 4 nodes",
                value: median(took),
                unit: " s",
                bound: Bound::AtMost(1.0),
                detail: "none of them waits".to_owned(),
            },
            Figure {
                name: "execs for them",
                value: execs as f64 / NODES as f64,
                unit: " a node and phase",
                bound: Bound::AtMost(1.0),
                detail: format!("{execs} by the engine's own events"),
            },
            Figure {
                name: "start of the agent in a node",
                value: 1000.0 * start,
                unit: " ms",
                bound: Bound::AtMost(20.0),
                detail: format!("mean of {STARTS}, the shell's part included"),
            },
            Figure {
                name: "size of the agent",
                value: fs::metadata(plateau_tests::program("plateau-agent"))
                    .map_or(f64::NAN, |found| found.len() as f64 / 1e6),
                unit: " MB",
                bound: Bound::AtMost(8.0),
                detail: "static, as every node has it".to_owned(),
            },
        ])
    })
    .await
}

/// Each lab grades alone first, then all at once.
async fn room(bench: &Bench) -> Vec<Figure> {
    let labs = (0..LABS).map(|number| scenario(&format!("bench-room-{number}"), 1, 25));
    with_labs(bench, labs.collect(), async |ids| {
        let mut alone = Duration::ZERO;
        for id in ids {
            alone = alone.max(graded(bench, id, 25).await?);
        }
        let before = resident()?;
        let clock = Instant::now();
        for result in join_all(ids.iter().map(|id| graded(bench, id, 25))).await {
            result?;
        }
        let together = clock.elapsed().as_secs_f64();
        let grown = peak()?.saturating_sub(before) as f64 / 1e6 / LABS as f64;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let fair = alone.as_secs_f64() * LABS as f64 / cores as f64;
        Ok(vec![
            Figure {
                name: "30 labs graded at once",
                value: together / fair,
                unit: " times the slowest lab's time by labs and cores",
                bound: Bound::AtMost(1.3),
                detail: format!(
                    "{together:.2} s beside {:.3} s alone, {cores} cores",
                    alone.as_secs_f64()
                ),
            },
            Figure {
                name: "memory that the daemon takes for it",
                value: grown,
                unit: " MB a lab",
                bound: Bound::AtMost(1.0),
                detail: "at its peak".to_owned(),
            },
        ])
    })
    .await
}

async fn graded(bench: &Bench, lab: &str, checks: usize) -> Result<Duration, String> {
    let clock = Instant::now();
    let checked = bench.labs.check(lab, CheckRequest { phases: None }).await;
    let took = clock.elapsed();
    let grade = checked.map_err(|error| error.to_string())?.grade;
    if grade.points as usize == checks {
        return Ok(took);
    }
    let failing: Vec<_> = grade.checks().filter(|check| check.points == 0).collect();
    Err(format!("not everything asked is so: {failing:?}"))
}

/// Now, as the engine's events want it.
fn seconds() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

/// How many execs of a probe the engine tells of.
fn probes(since: &str) -> usize {
    let until = seconds();
    let listed = Command::new("curl")
        .args(["--silent", "--fail", "--unix-socket"])
        .arg(plateau_tests::engine::host_socket())
        .arg("--get")
        .arg("http://docker/events")
        .args([
            "--data",
            &format!("since={since}"),
            "--data",
            &format!("until={until}"),
        ])
        .args(["--data-urlencode", r#"filters={"event":["exec_create"]}"#])
        .output()
        .expect("curl");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    listed
        .lines()
        .filter(|line| line.contains(" probe"))
        .count()
}

/// Seconds from `exec` to the end of a program that does nothing.
async fn start_of_the_agent(bench: &Bench, lab: &str) -> Result<f64, String> {
    let line = format!(
        "b=$(date +%s%N); for i in $(seq {STARTS}); do /plateau/plateau-agent --version >/dev/null; done; echo $(( $(date +%s%N) - b ))"
    );
    let exec = ExecRequest {
        argv: ["sh", "-c", &line].map(str::to_owned).to_vec(),
        stdin: None,
        timeout_ms: None,
    };
    let ran = bench.labs.exec(lab, "n0", exec).await;
    let ran = ran.map_err(|error| error.to_string())?;
    let nanoseconds: f64 = ran.stdout.trim().parse().map_err(|_| ran.stderr)?;
    Ok(nanoseconds / 1e9 / f64::from(STARTS))
}

/// Bytes of memory that this process, the labs' daemon here, has now.
fn resident() -> Result<u64, String> {
    // Forgets the peak so far, see proc_pid_clear_refs(5).
    fs::write("/proc/self/clear_refs", "5").map_err(|error| error.to_string())?;
    status("VmRSS:")
}

/// The most that it had since.
fn peak() -> Result<u64, String> {
    status("VmHWM:")
}

fn status(name: &str) -> Result<u64, String> {
    let text = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes
        .map(|kilobytes| kilobytes << 10)
        .ok_or_else(|| format!("no {name} in the process's status"))
}

/// Nodes without a network, and checks that hold from the start, spread over them.
fn scenario(name: &str, nodes: usize, checks: usize) -> CreateLabRequest {
    let mut document = format!(
        "plateau: 1\nid: {name}\ntitle: {{ en: Many }}\nduration: 1m\nbrief: {{ en: b.md }}\nnodes:\n"
    );
    for node in 0..nodes {
        let _ = writeln!(
            document,
            "  n{node}: {{ image: debian-server, memory: 128MiB }}"
        );
    }
    document.push_str(
        "tasks:\n  - id: t\n    skill: tsgeri/1.2\n    title: { en: T }\n    solution: [{ on: n0, run: s.sh }]\n    checks:\n",
    );
    let kinds = [
        "file: { path: /etc/passwd, content: { contains: root } }",
        "package: { name: systemd }",
        "user: { name: daemon }",
        "service: { name: systemd-journald }",
        "process: { name: systemd }",
    ];
    for check in 0..checks {
        let (node, that) = (check % nodes, kinds[check / nodes % kinds.len()]);
        let _ = writeln!(
            document,
            "      - {{ id: c{check}, on: n{node}, that: {{ {that} }}, points: 1, holds_from_start: true }}"
        );
    }
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let files = [
        ("scenario.yaml", document.as_str()),
        ("b.md", "x"),
        ("s.sh", "true"),
    ];
    CreateLabRequest {
        files: files
            .map(|(path, text)| (path.to_owned(), encoded(text)))
            .into(),
        seed: "bench".to_owned(),
        name: Some(name.to_owned()),
    }
}
