//! Reading scenarios: the good ones of the project, and a corpus of broken ones.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests read the corpus; the core itself reads nothing"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use plateau_core::problem::Problem;
use plateau_core::reliance::{Reliance, RelianceShare};
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;

/// A folder with the files that the corpus refers to, and this document.
fn folder(document: &[u8]) -> Folder {
    let files: [(&str, &[u8]); 6] = [
        ("brief.fr.md", b"# Mission\nLe domaine est {{ domain }}.\n"),
        (
            "brief.en.md",
            b"# Assignment\nThe domain is {{ domain }}.\n",
        ),
        ("files/index.html", b"<h1>Bienvenue {{ octet }}</h1>\n"),
        ("files/logo.png", b"\x89PNG\xff\xfe"),
        (
            "files/bad-template.conf",
            b"line one\nvalue = {{ octett }}\n",
        ),
        ("solutions/web.sh", b"systemctl enable --now nginx\n"),
    ];
    let mut folder: BTreeMap<String, Vec<u8>> = files
        .into_iter()
        .map(|(path, content)| (path.to_owned(), content.to_vec()))
        .collect();
    folder.insert("scenario.yaml".to_owned(), document.to_vec());
    Folder(folder)
}

fn show(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut paths: Vec<PathBuf> = fs::read_dir(root)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fn good() -> Topology {
    let document = include_bytes!("good.yaml");
    let scenario =
        Scenario::read(folder(document)).unwrap_or_else(|problems| panic!("{}", show(&problems)));
    scenario
        .draw("candidate-07")
        .unwrap_or_else(|problems| panic!("{}", show(&problems)))
}

#[test]
fn every_broken_scenario_is_refused_with_all_its_problems() {
    let corpus = corpus();
    assert!(corpus.len() >= 40, "only {} files", corpus.len());
    for path in corpus {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let document = fs::read(&path).expect("a file");
        let problems = match Scenario::read(folder(&document)) {
            Ok(_) => panic!("`{name}` is accepted"),
            Err(problems) => problems,
        };
        insta::with_settings!({ snapshot_path => "broken-snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, show(&problems));
        });
    }
}

#[test]
fn a_document_of_100_mb_is_refused_unread() {
    let document = vec![b'a'; 100 << 20];
    let problems = Scenario::read(folder(&document)).expect_err("it is far too large");
    assert_eq!(problems[0].code, "too-large");
}

#[test]
fn the_good_scenario_resolves_to_this_topology_and_plan() {
    let topology = good();
    insta::assert_json_snapshot!("topology", topology);
    insta::assert_json_snapshot!("plan", plateau_core::plan::plan_up(&topology));
}

#[test]
fn every_phase_of_the_good_scenario_has_this_plan() {
    let topology = good();
    let plans: BTreeMap<&str, _> = topology
        .phase_names()
        .map(|phase| (phase, plateau_core::plan::plan_phase(&topology, phase)))
        .collect();
    insta::assert_json_snapshot!("phases", plans);
    let words: Vec<String> = topology
        .actions()
        .map(|(of, action)| format!("{of}: {action}"))
        .collect();
    insta::assert_snapshot!("actions", words.join("\n"));
}

#[test]
fn a_link_has_the_faults_that_were_made_and_not_mended() {
    use plateau_core::link::LinkImpairments;
    use plateau_core::plan::wiring;
    let topology = good();
    let mut faults = LinkImpairments::default();
    let ports = |faults: &LinkImpairments| {
        let names: Vec<&String> = topology.nodes.keys().collect();
        let mut wiring = wiring(&topology, &names);
        faults.apply_to(&mut wiring);
        let ports = wiring.ports.into_iter();
        let ports = ports.map(|(node, port)| {
            let key = format!("{node}:{}", port.interface);
            (key, (port.cut, port.rate, port.delay_ms, port.loss_ppm))
        });
        ports.collect::<BTreeMap<_, _>>()
    };
    let planned = ports(&faults);
    assert_eq!(planned["srv1:eth0"], (false, Some(100_000_000), None, None));
    let mut cut = 0;
    for (_, action) in topology.actions() {
        faults.record_action(action);
        let now = ports(&faults);
        cut = cut.max(now.values().filter(|(cut, ..)| *cut).count());
        assert_eq!(now["srv1:eth1"], planned["srv1:eth1"], "{action}");
    }
    assert_eq!(cut, 1);
    let last = ports(&faults);
    assert_eq!(last["client:eth0"], (true, Some(100_000_000), None, None));
    assert_eq!(
        last["srv1:eth0"],
        (false, Some(10_000_000), Some(50), Some(5000))
    );
}

#[test]
fn parameters_are_rendered_in_texts_files_scripts_and_numbers() {
    let topology = good();
    let octet = match &topology.parameters["octet"] {
        plateau_core::topology::Value::Integer(octet) => *octet,
        other => panic!("{other:?}"),
    };
    let index = topology.nodes["srv1"]
        .files
        .iter()
        .find(|file| file.path == "/srv/www/index.html");
    let text = String::from_utf8(index.expect("the file").content.clone()).expect("text");
    assert_eq!(text, format!("<h1>Bienvenue {octet}</h1>\n"));
    let address = topology.nodes["client"].interfaces["eth0"]
        .address
        .expect("an address");
    assert_eq!(address.to_string(), format!("192.168.10.{octet}/24"));
    assert!(
        topology.brief["fr"].contains(".lan"),
        "{}",
        topology.brief["fr"]
    );
}

#[test]
fn the_same_seed_gives_the_same_topology_and_another_another() {
    let scenario = Scenario::read(folder(include_bytes!("good.yaml"))).expect("it is good");
    let draw = |seed: &str| {
        serde_json::to_string(&scenario.draw(seed).expect("it is good")).expect("JSON")
    };
    assert_eq!(draw("a"), draw("a"));
    assert_ne!(draw("a"), draw("b"));
}

#[test]
fn the_schema_accepts_every_key_of_the_good_scenario() {
    let schema = plateau_core::spec::schema();
    let document: serde_json::Value =
        serde_saphyr::from_str(include_str!("good.yaml")).expect("the good scenario as JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn points_that_rest_on_machines_of_the_candidate_are_counted() {
    let document = include_str!("good.yaml");
    let of = |document: &str| {
        let scenario = Scenario::read(folder(document.as_bytes()));
        let scenario = scenario.unwrap_or_else(|problems| panic!("{}", show(&problems)));
        Reliance::of(&scenario.draw("candidate-07").expect("a draw"))
    };
    let seen_from_outside = of(document);
    assert_eq!(seen_from_outside.points, 5);
    assert_eq!(seen_from_outside.own_programs, RelianceShare::default());
    assert_eq!(seen_from_outside.entered_views, RelianceShare::default());

    let entered = document.replacen("access: []", "access: [terminal]", 1).replacen(
        "{ file: { path: /srv/www/index.html, type: file, mode: \"0640\", size: { at_least: 10, } } }",
        "{ command: { run: nginx -t } }",
        1,
    );
    let reliance = of(&entered);
    let share = |points, id: &str| RelianceShare {
        points,
        checks: BTreeMap::from([(id.to_owned(), points)]),
    };
    assert_eq!(reliance.points, 5);
    assert_eq!(reliance.own_programs, share(1, "web/mode"));
    assert_eq!(reliance.entered_views, share(3, "web/answers"));
}
