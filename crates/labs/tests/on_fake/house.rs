//! A daemon's labs on the fake engine, and a small scenario.
#![expect(clippy::unwrap_used, reason = "these are tests too")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plateau_core::api::{CreateLabRequest, LabState, LabView, NodeState, ScenarioFiles};
use plateau_core::probe::Fact;
use plateau_core::question::Observation;
use plateau_core::scenario::Scenario;
use plateau_labs::labs::{Labs, folder_of};
use plateau_labs::runtime::fake::Fake;
use plateau_labs::settings::Settings;
use tempfile::TempDir;

/// Two servers and a router between two networks, with a set-up script, a phase and a mistake.
const SCENARIO: &str = r#"
plateau: 1
id: two-servers
title: { en: Two servers }
duration: 30m
brief: { en: brief.md }
parameters:
  word: { token: { length: 8 } }
networks:
  left: {}
  right: {}
nodes:
  srv1:
    image: debian-server
    interfaces:
      eth0: { network: left }
    setup: setup.sh
    access: [terminal]
  srv2:
    image: debian-server
    interfaces:
      eth0: { network: right, address: 10.0.2.2/24 }
    access: [terminal]
  gate:
    image: debian-router
    interfaces:
      eth0: { network: left, address: 10.0.1.1/24 }
      eth1: { network: right, address: 10.0.2.1/24 }
    access: []
phases:
  after-reboot: { reboot: [srv1, srv2] }
tasks:
  - id: first
    skill: tsgeri/1.2
    title: { en: First }
    solution: [ { on: srv1, run: first.sh } ]
    checks:
      - id: there
        on: srv1
        that: { file: { path: /srv/first, type: file } }
        points: 2
      - id: seen
        from: { examiner: left, address: 10.0.1.200/24 }
        that: { tcp: { host: 10.0.1.1, port: 80 } }
        points: 1
  - id: second
    skill: tsgeri/1.2
    title: { en: Second }
    solution: [ { on: srv2, run: second.sh } ]
    checks:
      - id: survives
        on: srv2
        phase: after-reboot
        that: { file: { path: /srv/second, type: file } }
        points: 3
mistakes:
  - id: half
    run: [ { on: srv2, run: half.sh } ]
    loses: [second/survives]
"#;

pub(crate) fn files() -> ScenarioFiles {
    let texts = [
        ("scenario.yaml", SCENARIO),
        ("brief.md", "Do it."),
        ("setup.sh", "echo set up\n"),
        ("first.sh", "touch /srv/first\n"),
        ("second.sh", "touch /srv/second\n"),
        ("half.sh", "rm /srv/second\n"),
    ];
    texts
        .map(|(path, text)| (path.to_owned(), STANDARD.encode(text)))
        .into()
}

pub(crate) fn new_lab(name: &str) -> CreateLabRequest {
    CreateLabRequest {
        files: files(),
        seed: "seed".to_owned(),
        name: Some(name.to_owned()),
    }
}

/// One installation of the daemon, whose engine outlives it.
pub(crate) struct House {
    pub(crate) fake: Arc<Fake>,
    pub(crate) labs: Labs,
    pub(crate) state: TempDir,
}

pub(crate) async fn house(fake: Fake) -> House {
    let state = tempfile::tempdir().unwrap();
    for program in ["agent", "plateau-grader"] {
        std::fs::write(state.path().join(program), program).unwrap();
    }
    for image in ["debian-server", "debian-router"] {
        fake.with_image(&format!("plateau/{image}:latest"));
    }
    let fake = Arc::new(fake);
    let labs = open(&fake, &state).await;
    House { fake, labs, state }
}

pub(crate) async fn open(fake: &Arc<Fake>, state: &TempDir) -> Labs {
    let settings = Settings {
        agent: state.path().join("agent"),
        watch: Duration::from_millis(10),
        ..Settings::in_folder(&state.path().join("state"))
    };
    Labs::open(fake.clone(), settings).await.unwrap()
}

impl House {
    /// The daemon ends, and another one starts with the same disk and engine.
    pub(crate) async fn restarted(self) -> Self {
        let Self { fake, labs, state } = self;
        drop(labs);
        let labs = open(&fake, &state).await;
        Self { fake, labs, state }
    }

    /// The same disk and engine, opened a second time.
    pub(crate) async fn again(&self) -> Labs {
        open(&self.fake, &self.state).await
    }

    /// Asks for a lab without looking first whether the host has what it needs.
    pub(crate) async fn create_blindly(&self, name: &str) {
        let folder = folder_of(&files()).unwrap();
        let topology = Scenario::read(folder.clone())
            .unwrap()
            .draw("seed")
            .unwrap();
        let created = self
            .labs
            .create_drawn(&folder, topology, Some(name.to_owned()));
        created.await.unwrap();
    }

    pub(crate) async fn ready(&self, name: &str) -> LabView {
        self.ready_with(new_lab(name)).await
    }

    pub(crate) async fn ready_with(&self, lab: CreateLabRequest) -> LabView {
        let name = &self.labs.create(lab).await.unwrap().name;
        let view = self.labs.built(name).await.unwrap();
        assert_eq!(view.state, LabState::Ready, "{:?}", view.problem);
        view
    }

    /// Containers of labs, which is all but the wirer.
    pub(crate) fn left(&self) -> Vec<String> {
        let all = self.fake.containers().into_iter();
        all.filter(|name| !name.starts_with("plateau-wirer-"))
            .collect()
    }

    pub(crate) fn markers(&self) -> usize {
        let folder = self.state.path().join("state/labs");
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Names of what is kept of a lab beside its marker.
    pub(crate) fn papers(&self, id: &str) -> Vec<String> {
        let folder = self.state.path().join("state/labs").join(id);
        let Ok(entries) = std::fs::read_dir(folder) else {
            return vec![];
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Waits until a node is in a state.
    pub(crate) async fn until(&self, lab: &str, node: &str, state: NodeState) {
        until(&format!("{node} is {state:?}"), || {
            self.labs.show(lab).unwrap().nodes[node].state == state
        })
        .await;
    }

    pub(crate) fn nodes(&self, lab: &str) -> BTreeMap<String, NodeState> {
        let view = self.labs.show(lab).unwrap();
        let nodes = view.nodes.into_iter();
        nodes.map(|(name, node)| (name, node.state)).collect()
    }
}

/// Waits for a condition, for at most ten seconds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// What a file's check sees: the script that makes it was run, and none that removes it after.
pub(crate) fn as_the_scripts_left_it(fake: &Fake) {
    fake.answering(|node, ran, asked| {
        let ran = |part: &str| {
            let mut texts = ran
                .iter()
                .filter(|(on, _)| on == node || node.contains('@'));
            texts.any(|(_, text)| text.contains(part))
        };
        let there = match asked.id.as_str() {
            "first/there" => ran("touch /srv/first"),
            "second/survives" => ran("touch /srv/second") && !ran("rm /srv/second"),
            _ => {
                let state = if ran("touch /srv/first") {
                    "open"
                } else {
                    "refused"
                };
                return seen(&format!(r#"{{"tcp":{{"state":"{state}"}}}}"#));
            }
        };
        seen(match there {
            true => r#"{"file":{"exists":true,"type":"file"}}"#,
            false => r#"{"file":{"exists":false}}"#,
        })
    });
}

fn seen(json: &str) -> Fact {
    Fact::Seen(serde_json::from_str::<Observation>(json).unwrap())
}
