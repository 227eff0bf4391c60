//! The start of a lab of 5 nodes and 10 links, beside the bare engine and docker-compose.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use futures_util::{StreamExt, TryStreamExt, stream};
use plateau_core::api::{CreateLabRequest, LabEventKind, LabState};
use plateau_labs::runtime::{ContainerSpec, Mount};

use super::{Bench, Bound, Figure, median};

const ROUNDS: usize = 7;
const NODES: usize = 5;
const IMAGE: &str = "debian-server";
const PLUGS: [[&str; 2]; NODES] = [["a", "b"], ["a", "b"], ["b", "c"], ["b", "c"], ["a", "c"]];

/// What one start of ours took.
struct Start {
    /// Until every init had begun: the end of the wiring, which each init waits for.
    begun: Duration,
    /// Until the lab was ready.
    whole: Duration,
    /// The wiring alone.
    wiring: Duration,
}

pub(super) async fn measure(bench: &Bench) -> Vec<Figure> {
    let (mut begun, mut whole, mut wiring, mut bare, mut compose) =
        (vec![], vec![], vec![], vec![], vec![]);
    let folder = compose_folder();
    for round in 0..=ROUNDS {
        let ours = ours(bench).await;
        let engine = bare_engine(bench).await;
        let composed = docker_compose(folder.path());
        // The first round warms the caches of all three.
        if round > 0 {
            begun.push(ours.begun);
            whole.push(ours.whole);
            wiring.push(ours.wiring);
            bare.push(engine);
            compose.push(composed);
        }
    }
    let (begun, whole, wiring) = (median(begun), median(whole), median(wiring));
    let (bare, compose) = (median(bare), median(compose));
    vec![
        Figure {
            name: "wiring, part of the lab's start",
            value: 100.0 * wiring / whole,
            unit: " %",
            bound: Bound::AtMost(5.0),
            detail: format!(
                "10 links in {NODES} nodes {:.1} ms of {whole:.2} s",
                1000.0 * wiring
            ),
        },
        Figure {
            name: "lab up beside the bare engine's calls",
            value: begun / bare,
            unit: " times",
            bound: Bound::AtMost(1.25),
            detail: format!("{begun:.2} s beside {bare:.2} s until every init has begun"),
        },
        Figure {
            name: "lab up beside docker-compose",
            value: begun / compose,
            unit: " times",
            bound: Bound::AtMost(0.5),
            detail: format!("{begun:.2} s beside {compose:.2} s"),
        },
    ]
}

fn scenario() -> CreateLabRequest {
    let nodes: String = PLUGS
        .iter()
        .enumerate()
        .map(|(number, [first, second])| {
            format!("  n{number}: {{ image: {IMAGE}, interfaces: {{ eth0: {{ network: {first} }}, eth1: {{ network: {second} }} }} }}\n")
        })
        .collect();
    let document = format!(
        "plateau: 1\nid: five\ntitle: {{ en: Five }}\nduration: 1m\nbrief: {{ en: b.md }}\n\
         networks: {{ a: {{}}, b: {{}}, c: {{}} }}\nnodes:\n{nodes}\
         tasks:\n  - {{ id: t, skill: tsgeri/1.2, title: {{ en: T }}, deliverable: {{ accept: [md], at_most: 1MiB }} }}\n"
    );
    let files = [("scenario.yaml", document.as_str()), ("b.md", "x")];
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let files = files
        .map(|(path, text)| (path.to_owned(), encoded(text)))
        .into();
    CreateLabRequest {
        files,
        seed: "bench".to_owned(),
        name: Some("bench-start".to_owned()),
    }
}

async fn ours(bench: &Bench) -> Start {
    let mut events = bench.labs.subscribe();
    let clock = Instant::now();
    let lab = bench.labs.create(scenario()).await.expect("a lab");
    let mut start = Start {
        begun: Duration::ZERO,
        whole: Duration::ZERO,
        wiring: Duration::ZERO,
    };
    let mut wiring = None;
    loop {
        let event = events.recv().await.expect("an event");
        match event.what {
            LabEventKind::StepStarted { stage, .. } if stage == "wire" => {
                wiring = Some(clock.elapsed())
            }
            LabEventKind::StepDone { .. } if wiring.is_some() && start.wiring.is_zero() => {
                start.begun = clock.elapsed();
                start.wiring = start.begun - wiring.unwrap_or_default();
            }
            LabEventKind::State {
                state: LabState::Ready,
            } => break,
            LabEventKind::State {
                state: LabState::Failed,
            } => panic!("the lab failed: {:?}", bench.labs.show(&lab.id)),
            LabEventKind::State { .. }
            | LabEventKind::StepStarted { .. }
            | LabEventKind::StepDone { .. }
            | LabEventKind::StepFailed { .. }
            | LabEventKind::Node { .. }
            | LabEventKind::Disk { .. }
            | LabEventKind::PhaseStarted { .. }
            | LabEventKind::ScenarioEvent { .. } => {}
        }
    }
    start.whole = clock.elapsed();
    bench.labs.down(&lab.id).await.expect("it goes down");
    start
}

/// The same containers, created and started with the same parallelism, without any network.
async fn bare_engine(bench: &Bench) -> Duration {
    let version_one = bench
        .runtime
        .info()
        .await
        .expect("an engine")
        .cgroup_version
        == 1;
    let specs: Vec<ContainerSpec> = (0..NODES)
        .map(|number| bare_spec(number, version_one))
        .collect();
    let clock = Instant::now();
    for stage in ["create", "start"] {
        stream::iter(&specs)
            .map(|spec| async move {
                match stage {
                    "create" => bench.runtime.create_container(spec).await.map(|_| ()),
                    _ => bench.runtime.start_container(&spec.name).await,
                }
            })
            .buffer_unordered(bench.concurrency)
            .try_collect::<Vec<()>>()
            .await
            .expect("containers");
    }
    let took = clock.elapsed();
    for spec in specs {
        bench
            .runtime
            .remove_container(&spec.name)
            .await
            .expect("it is removed");
    }
    took
}

fn bare_spec(number: usize, version_one: bool) -> ContainerSpec {
    let cgroups = Mount::Bind {
        source: "/sys/fs/cgroup".into(),
        target: "/sys/fs/cgroup".into(),
        read_only: true,
    };
    let tmpfs = ["/run", "/run/lock", "/tmp"];
    ContainerSpec {
        name: format!("plateau-bench-bare-{number}"),
        image: plateau_core::image::reference(IMAGE),
        argv: vec!["/sbin/init".to_owned()],
        env: BTreeMap::from([("container".to_owned(), "docker".to_owned())]),
        memory: Some(512 << 20),
        cpu_millis: Some(1000),
        pids: Some(512),
        cap_add: ["NET_ADMIN", "NET_RAW", "SYS_BOOT"]
            .map(str::to_owned)
            .to_vec(),
        tmpfs: tmpfs
            .map(|path| (path.to_owned(), "rw,exec".to_owned()))
            .into(),
        mounts: if version_one { vec![cgroups] } else { vec![] },
        stop_signal: Some("SIGRTMIN+3".to_owned()),
        private_cgroups: !version_one,
        ..ContainerSpec::default()
    }
}

fn compose_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("plateaubench")
        .tempdir()
        .expect("a folder");
    let image = plateau_core::image::reference(IMAGE);
    let services: String = PLUGS
        .iter()
        .enumerate()
        .map(|(number, [first, second])| {
            format!(
                "  n{number}:\n    image: {image}\n    command: /sbin/init\n    networks: [{first}, {second}]\n    \
                 environment: [container=docker]\n    tmpfs: [/run, /run/lock, /tmp]\n    cap_add: [NET_ADMIN, SYS_BOOT]\n    \
                 volumes: [\"/sys/fs/cgroup:/sys/fs/cgroup:ro\"]\n    stop_signal: SIGRTMIN+3\n"
            )
        })
        .collect();
    let document = format!(
        "version: \"2.4\"\nservices:\n{services}networks: {{ a: {{}}, b: {{}}, c: {{}} }}\n"
    );
    fs::write(folder.path().join("docker-compose.yml"), document).expect("a file");
    folder
}

fn docker_compose(folder: &Path) -> Duration {
    let compose = |args: &[&str]| {
        let mut command = Command::new("docker-compose");
        command
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let output = command.output().expect("docker-compose");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let clock = Instant::now();
    compose(&["up", "-d"]);
    let took = clock.elapsed();
    compose(&["down", "-t", "1", "--volumes"]);
    took
}
