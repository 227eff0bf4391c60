//! A scenario and what was seen in its lab, for tests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use crate::evidence::{
    AgentCall, AnsweredQuestion, Evidence, FactRecord, Gathering, PhaseRecord, preparation_hashes,
};
use crate::folder::Folder;
use crate::grade::{batches, mark};
use crate::observer::Observer;
use crate::probe::ProbeQuestion;
use crate::question::Fact;
use crate::question::Question;
use crate::scenario::Scenario;
use crate::topology::Topology;

/// Two tasks with checks in three phases, one of them of a message and one that needs another, and
/// one task with a rubric.
pub(crate) const DOCUMENT: &str = r#"
plateau: 1
id: sample
title: { en: Sample }
duration: 1h
brief: { en: b.md }
parameters: { octet: { integer: { min: 20, max: 60 } } }
networks: { lan: {} }
nodes:
  srv: { image: debian-server, interfaces: { eth0: { network: lan, address: "10.0.0.{{ octet }}/24" } } }
  log: { image: debian-server, interfaces: { eth0: { network: lan } } }
phases:
  after-reboot: { reboot: [srv] }
  wrecked: { from: as-left, steps: [ { run: { on: srv, run: s.sh } } ] }
tasks:
  - id: web
    skill: tsgeri/1.2
    title: { en: Web }
    solution: [ { on: srv, run: s.sh } ]
    checks:
      - { id: file, on: srv, that: { file: { path: /x } }, points: 4 }
      - { id: service, on: srv, needs: [file], that: { service: { name: nginx, running: true } }, points: 3 }
      - { id: survives, on: srv, phase: after-reboot, needs: [service], that: { service: { name: nginx, running: true } }, points: 2 }
      - { id: wrecked, on: srv, phase: wrecked, that: { file: { path: /y } }, points: 1 }
  - id: logs
    skill: tsgeri/1.3
    title: { en: Logs }
    solution: [ { on: srv, run: s.sh } ]
    checks:
      - { id: arrives, on: log, that: { syslog: { through: srv, path: /var/log/remote } }, points: 2 }
      - { id: dns, from: { examiner: lan, address: 10.0.0.9/24 }, that: { tcp: { host: "10.0.0.{{ octet }}", port: 53 } }, points: 1 }
  - id: report
    skill: tsgeri/1.5
    title: { en: Report }
    deliverable: { accept: [pdf], at_most: 1MiB }
    rubric:
      - { id: clear, title: { en: Clear }, levels: [ { label: { en: not }, points: 0 }, { label: { en: so so }, points: 1 }, { label: { en: clear }, points: 3 } ] }
      - { id: whole, title: { en: Whole }, levels: [ { label: { en: not }, points: 0 }, { label: { en: whole }, points: 2 } ] }
"#;

pub(crate) fn folder(document: &str) -> Folder {
    let files = [
        ("scenario.yaml", document),
        ("b.md", "Do it."),
        ("s.sh", "true\n"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    Folder(BTreeMap::from(files))
}

pub(crate) fn topology_of(folder: Folder) -> Topology {
    let scenario = Scenario::read(folder).expect("it is good");
    scenario.draw("seed").expect("it is good")
}

pub(crate) fn topology() -> Topology {
    topology_of(folder(DOCUMENT))
}

/// What there is to see of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    Good,
    Bad,
    Blind,
}

/// By check; what is not named is good.
pub(crate) type Sights = BTreeMap<String, Sight>;

pub(crate) fn sights(topology: &Topology) -> impl Strategy<Value = Sights> + use<> {
    let names: Vec<String> = topology.checks().map(|check| check.id.clone()).collect();
    let sight = prop_oneof![4 => Just(Sight::Good), 2 => Just(Sight::Bad), 1 => Just(Sight::Blind)];
    let all = prop::collection::vec(sight, names.len());
    all.prop_map(move |sights| names.iter().cloned().zip(sights).collect())
}

pub(crate) fn fact(asked: &ProbeQuestion, sight: Sight) -> Fact {
    if sight == Sight::Blind {
        let reason = "the node is stopped".to_owned();
        return Fact::CouldNotLook { reason };
    }
    let good = sight == Sight::Good;
    let seen = match asked.question.kind() {
        "file" => json!({ "exists": good }),
        "service" => json!({ "running": good }),
        "tcp" => json!({ "state": if good { "open" } else { "refused" } }),
        // The sender says when it sent, the log host until when it looked.
        "syslog" if asked.id.ends_with("+sent") => json!({ "arrived": true, "at_ms": 1000 }),
        "syslog" => json!({ "arrived": good, "at_ms": 60_000 }),
        other => panic!("`{other}` is not asked here"),
    };
    let seen = json!({ asked.question.kind(): seen });
    Fact::Seen(serde_json::from_value(seen).expect("an observation"))
}

/// Asks some checks, or all, as the daemon does.
pub(crate) fn gather(topology: &Topology, sights: &Sights, only: Option<&[String]>) -> Gathering {
    let phases: Vec<&str> = topology.phase_names().collect();
    let ways = preparation_hashes(topology, &phases);
    let mut gathering = Gathering {
        hash: topology.hash.clone(),
        begun_ms: 1,
        done_ms: 2,
        reopened: false,
        daemon: "0".into(),
        engine: Some("fake".into()),
        kernel: None,
        phases: vec![],
        facts: vec![],
    };
    let mut room = crate::evidence::GATHERING_LIMIT;
    for phase in phases {
        let mut asked = batches(topology, phase, &gathering.facts());
        mark(&mut asked, &format!("nonce {}", only.is_some()));
        gathering.phases.push(PhaseRecord {
            name: phase.to_owned(),
            way: ways[phase].clone(),
            begun_ms: 1,
            took_ms: 1,
            steps: vec![],
            problem: None,
        });
        for (observer, asked) in asked {
            let questions = asked.questions.iter();
            let questions = questions.filter(|asked| {
                let check = asked.id.trim_end_matches("+sent").to_owned();
                only.is_none_or(|only| only.contains(&check))
            });
            for asked in questions {
                let record = record(phase, &observer, asked, sights, &mut room);
                gathering.facts.push(record);
            }
        }
    }
    gathering
}

fn record(
    phase: &str,
    observer: &Observer,
    asked: &ProbeQuestion,
    sights: &Sights,
    room: &mut usize,
) -> FactRecord {
    let check = asked.id.trim_end_matches("+sent");
    let sight = sights.get(check).copied().unwrap_or(Sight::Good);
    if let Question::Syslog(question) = &asked.question {
        let marked = question
            .send
            .as_ref()
            .map_or(&question.digest, |m| &m.marker);
        assert!(!marked.is_empty());
    }
    let answered = AnsweredQuestion {
        fact: fact(asked, sight),
        took_ms: Some(1),
        call: AgentCall::unanswered(1, 2).by("0.1.0"),
    };
    FactRecord::new(phase, observer, asked, answered, room)
}

pub(crate) fn evidence(topology: &Topology, sights: &Sights) -> Evidence {
    Evidence {
        scenario: topology.scenario.clone(),
        hash: topology.hash.clone(),
        seed: topology.seed.clone(),
        parameters: topology.parameters.clone(),
        left_out: vec![],
        gatherings: vec![gather(topology, sights, None)],
        events: vec![],
    }
}
