//! Gradings and judgements, from the first grade to a sealed session.

use std::collections::{BTreeMap, BTreeSet};

use plateau_core::error::ErrorCode;
use plateau_core::evidence::{
    AgentCall, AnsweredQuestion, Evidence, FactRecord, GATHERING_LIMIT, Gathering, PhaseRecord,
    preparation_hashes,
};
use plateau_core::exam::bundle::{StepKind, Trust, public_of_pem, verify};
use plateau_core::exam::judgement::{
    Award, JudgementSubject, JurorStatement, OpenPoint, Statement,
};
use plateau_core::exam::log::{self, LogAction, LogEntry};
use plateau_core::exam::session::AttemptMove;
use plateau_core::grade::{Facts, Ruling, batches};
use plateau_core::probe::Fact;
use plateau_core::scenario::{Folder, Scenario};
use plateau_core::topology::Topology;
use plateau_exam::clock::Clock;
use plateau_exam::evidence_key::EvidenceKey;
use plateau_exam::judging::{CorrectedScenario, Judging, JudgingError};
use plateau_exam::scenarios::Scenarios;
use plateau_exam::store::Database;
use plateau_labs::store::Store;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, Executor as _};

use crate::engines::on_both_urls;

const DOCUMENT: &str = r#"
plateau: 1
id: pair
title: { en: Pair }
duration: 10m
brief: { en: brief.md }
nodes: { srv: { image: debian-server } }
tasks:
  - id: look
    skill: tsgeri/1.2
    title: { en: Look }
    solution: [ { on: srv, run: look.sh } ]
    checks:
      - { id: here, on: srv, that: { file: { path: /here } }, points: 3 }
      - { id: there, on: srv, that: { file: { path: /there } }, points: 1 }
  - id: tell
    skill: tsgeri/1.5
    title: { en: Tell }
    rubric: [ { id: clear, title: { en: Clear }, levels: [ { label: { en: no }, points: 0 }, { label: { en: yes }, points: 2 } ] } ]
"#;

fn folder(document: &str) -> Folder {
    let files = [
        ("scenario.yaml", document),
        ("brief.md", ""),
        ("look.sh", ""),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    Folder(files.into())
}

fn topology(folder: Folder) -> Topology {
    Scenario::read(folder).unwrap().draw("7").unwrap()
}

/// What a lab says in which one of the two files is there.
fn evidence(topology: &Topology) -> Evidence {
    let mut facts = Vec::new();
    let mut room = GATHERING_LIMIT;
    for (observer, batch) in batches(topology, "as-left", &Facts::new()) {
        for asked in &batch.questions {
            let seen = serde_json::json!({ "file": { "exists": asked.id == "look/here" } });
            let answered = AnsweredQuestion {
                fact: Fact::Seen(serde_json::from_value(seen).unwrap()),
                took_ms: Some(1),
                call: AgentCall::unanswered(1, 2).by("0.1.0"),
            };
            let record = FactRecord::new("as-left", &observer, asked, answered, &mut room);
            facts.push(record);
        }
    }
    Evidence {
        scenario: topology.scenario.clone(),
        hash: topology.hash.clone(),
        seed: topology.seed.clone(),
        parameters: topology.parameters.clone(),
        left_out: vec![],
        gatherings: vec![Gathering {
            hash: topology.hash.clone(),
            begun_ms: 1,
            done_ms: 2,
            reopened: false,
            daemon: "0".to_owned(),
            engine: None,
            kernel: None,
            phases: vec![PhaseRecord {
                name: "as-left".to_owned(),
                way: preparation_hashes(topology, &["as-left"])["as-left"].clone(),
                begun_ms: 1,
                took_ms: 1,
                steps: vec![],
                problem: None,
            }],
            facts,
        }],
        events: vec![],
    }
}

/// A closed session of one attempt, `a1`, with two jurors or none.
struct Sitting {
    judging: Judging,
    database: Database,
    rows: AnyPool,
    evidence: Evidence,
    _state: tempfile::TempDir,
}

impl Sitting {
    async fn open(url: &str, terms: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let database = Database::open(url).await.unwrap();
        let rows = AnyPoolOptions::new()
            .max_connections(1)
            .connect(url)
            .await
            .unwrap();
        for table in [
            "judgements",
            "gradings",
            "log",
            "attempts",
            "seats",
            "sessions",
        ] {
            let all = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            rows.execute(all).await.unwrap();
        }
        let session = "INSERT INTO sessions (id, name, state, terms, created) VALUES ('s1', 'june', 'closed', $1, 0)";
        sqlx::query(session)
            .bind(terms)
            .execute(&rows)
            .await
            .unwrap();
        for row in [
            "INSERT INTO seats (id, session, number, name, blocks, factor, breaks_ms, notes, generation, code) VALUES ('t1', 's1', '01', 'Zoé', '[]', 1000, 0, '', 0, 'c1')",
            "INSERT INTO attempts (id, session, seat, scenario, state, seed) VALUES ('a1', 's1', 't1', 'pair', 'kept', '7')",
        ] {
            rows.execute(row).await.unwrap();
        }
        let folder = folder(DOCUMENT);
        let store = Store::open(state.path()).unwrap();
        store.freeze(&folder).unwrap();
        let key = EvidenceKey::open(state.path()).unwrap();
        let (scenarios, clock) = (Scenarios::new(store), Clock::start(None));
        Self {
            judging: Judging::new(
                database.clone().signed_by(key.clone()),
                scenarios,
                key,
                clock,
            ),
            evidence: evidence(&topology(folder)),
            database,
            rows,
            _state: state,
        }
    }

    async fn graded(url: &str, terms: &str) -> Self {
        let sitting = Self::open(url, terms).await;
        let graded = sitting
            .judging
            .record("a1", sitting.evidence.clone(), "system", None);
        assert!(graded.await.unwrap().accepted);
        sitting
    }

    async fn say(&self, juror: &str, says: Statement) -> Result<u32, JudgingError> {
        self.say_with(juror, &[], says).await
    }

    async fn say_with(
        &self,
        juror: &str,
        with: &[&str],
        says: Statement,
    ) -> Result<u32, JudgingError> {
        let word = JurorStatement {
            juror: juror.to_owned(),
            agreed_with: with.iter().map(|name| (*name).to_owned()).collect(),
            says,
        };
        self.judging
            .judge("a1", juror, word)
            .await
            .map(|said| said.version)
    }

    async fn log(&self) -> Vec<String> {
        let log = self.database.log().entries("s1", 1).await.unwrap();
        assert_eq!(log::verify(&log), Ok(()));
        let json = |entry: &log::LogEntry| serde_json::to_value(&entry.deed).unwrap();
        let word = |deed: serde_json::Value| match deed["judged"]["what"].as_str() {
            Some(what) => what.to_owned(),
            None => deed.as_object().unwrap().keys().next().unwrap().clone(),
        };
        log.iter().map(json).map(word).collect()
    }

    async fn state(&self, state: &str) {
        let moved = sqlx::query("UPDATE sessions SET state = $1").bind(state);
        moved.execute(&self.rows).await.unwrap();
    }

    /// Before the database is removed with its server.
    async fn end(self) {
        self.rows.close().await;
        self.database.close().await;
    }
}

fn level(level: u32) -> Statement {
    Statement::Level {
        task: "tell".to_owned(),
        criterion: "clear".to_owned(),
        level,
    }
}

fn passes(check: &str, reason: &str) -> Statement {
    Statement::Override {
        check: check.to_owned(),
        ruling: Ruling::Pass,
        reason: reason.to_owned(),
    }
}

/// A mended scenario whose new questions stay unknown.
fn by(folder: Folder, reason: &str) -> CorrectedScenario {
    CorrectedScenario {
        folder,
        reason: reason.to_owned(),
        labs: None,
    }
}

#[tokio::test]
async fn one_grading_counts_the_others_stay_and_can_be_returned_to() {
    on_both_urls(async |url| {
        let sitting = Sitting::open(url, "{}").await;
        let judging = &sitting.judging;
        let none = judging.outcome("a1", "").await.unwrap_err();
        assert_eq!(none.code(), ErrorCode::AttemptNotGraded);
        let first = judging
            .record("a1", sitting.evidence.clone(), "system", None)
            .await
            .unwrap();
        assert_eq!((first.points, first.of, first.accepted), (3, 4, true));
        let mended = folder(&DOCUMENT.replace("points: 3", "points: 5"));
        let proposal = judging
            .regrade("a1", by(mended, "too few points"), "ada")
            .await
            .unwrap();
        assert_eq!(proposal.comparison.points, (3, 5));
        assert!(!proposal.grading.accepted);
        assert_eq!(proposal.unanswered, Vec::<String>::new());
        assert_eq!(
            judging.outcome("a1", "").await.unwrap().grade.points,
            3,
            "not accepted yet"
        );

        let counts = async || {
            let all = judging.gradings("a1").await.unwrap();
            let counts: Vec<bool> = all.iter().map(|grading| grading.accepted).collect();
            counts
        };
        assert_eq!(counts().await, [true, false]);
        let second = proposal.grading.id;
        judging
            .accept("a1", &second, "ada", "the check was worth more")
            .await
            .unwrap();
        assert_eq!(counts().await, [false, true]);
        assert_eq!(judging.outcome("a1", "").await.unwrap().grade.points, 5);
        judging
            .accept("a1", &first.id, "ada", "it was not")
            .await
            .unwrap();
        assert_eq!(counts().await, [true, false]);
        assert_eq!(sitting.log().await, ["accepted"; 3]);

        let refused = judging.accept("a1", "none", "ada", "x").await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::GradingNotFound);
        assert_eq!(counts().await, [true, false], "nothing is half done");
        let refused = judging.accept("a1", &second, "ada", " ").await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::NoReason);
        assert_eq!(
            judging.gradings("none").await.unwrap_err().code(),
            ErrorCode::AttemptNotFound
        );
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_question_that_is_new_stays_unknown_without_a_lab_and_bad_scenarios_are_refused() {
    on_both_urls(async |url| {
        let sitting = Sitting::graded(url, "{}").await;
        let regrade = async |from: &str, to: &str| {
            let folder = folder(&DOCUMENT.replace(from, to));
            sitting
                .judging
                .regrade("a1", by(folder, "mended"), "ada")
                .await
        };
        let proposal = regrade("path: /there", "path: /elsewhere").await.unwrap();
        assert_eq!(proposal.unanswered, ["look/there"]);
        assert_eq!(proposal.grading.unknown, 1);
        let reused: Vec<&String> = proposal.reused.keys().collect();
        assert_eq!(reused, ["look/here"]);
        let other = regrade("id: pair", "id: other").await.unwrap_err();
        assert_eq!(other.code(), ErrorCode::OtherScenario);
        let bad = regrade("points: 3", "points: 0").await.unwrap_err();
        assert_eq!(bad.code(), ErrorCode::ScenarioProblems);
        assert_eq!(bad.api().problems.len(), 1);
        assert_eq!(sitting.judging.gradings("a1").await.unwrap().len(), 2);
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_jurors_say_is_kept_with_its_version_and_stands_in_the_log() {
    on_both_urls(async |url| {
        let sitting = Sitting::graded(url, "{}").await;
        let judging = &sitting.judging;
        assert_eq!(sitting.say("ada", level(0)).await.unwrap(), 1);
        assert_eq!(sitting.say("bob", level(1)).await.unwrap(), 2);
        assert_eq!(
            sitting
                .say("ada", passes("look/there", "it is there"))
                .await
                .unwrap(),
            1
        );
        let refused = sitting
            .say("ada", passes("look/there", " "))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), ErrorCode::NoReason);
        let outcome = judging.outcome("a1", "").await.unwrap();
        assert_eq!((outcome.machine.points, outcome.grade.points), (3, 6));
        assert_eq!(outcome.open_points, []);
        let said = judging.judgements("a1", "").await.unwrap();
        assert_eq!(said.judgements.len(), 3);
        assert_eq!(said.independent_jurors, BTreeSet::new());
        let expected = [
            "accepted",
            "rubric tell/clear",
            "rubric tell/clear",
            "override look/there",
        ];
        assert_eq!(sitting.log().await, expected);
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn two_jurors_judge_apart_and_then_agree() {
    on_both_urls(async |url| {
        let sitting =
            Sitting::graded(url, r#"{ "jurors": ["ada", "bob"], "place": "room 3" }"#).await;
        let judging = &sitting.judging;
        sitting.say("ada", level(1)).await.unwrap();
        sitting.say("bob", level(0)).await.unwrap();
        assert_eq!(
            sitting.say("eve", level(1)).await.unwrap_err().code(),
            ErrorCode::NotOfTheJury
        );
        let ada = judging.judgements("a1", "ada").await.unwrap();
        assert_eq!((ada.judgements.len(), ada.pending_jurors.len()), (1, 2));
        assert_eq!(judging.judgements("a1", "").await.unwrap().judgements, []);
        // Each juror sees what they said, as if they were alone.
        assert_eq!(judging.outcome("a1", "ada").await.unwrap().grade.points, 5);
        assert_eq!(judging.outcome("a1", "bob").await.unwrap().grade.points, 3);
        let agreed = sitting
            .say_with("ada", &["bob"], level(1))
            .await
            .unwrap_err();
        assert_eq!(agreed.code(), ErrorCode::NotInTurn);
        sitting.say("ada", Statement::Done {}).await.unwrap();
        sitting.say("bob", Statement::Done {}).await.unwrap();
        let apart = judging.outcome("a1", "").await.unwrap();
        let subject = JudgementSubject::Criterion {
            task: "tell".to_owned(),
            criterion: "clear".to_owned(),
        };
        assert!(
            apart
                .open_points
                .contains(&OpenPoint::Difference { subject })
        );
        sitting.say_with("ada", &["bob"], level(1)).await.unwrap();
        let decided = Statement::Skill {
            skill: "tsgeri/1.2".to_owned(),
            award: Award::NotAcquired,
            reason: Some("only half of it".to_owned()),
        };
        sitting.say_with("bob", &["ada"], decided).await.unwrap();
        let outcome = judging.outcome("a1", "").await.unwrap();
        assert_eq!(outcome.open_points, []);
        assert_eq!(outcome.grade.points, 5);
        let decision = outcome.skills[0].decision.as_ref().unwrap();
        assert_eq!(decision.jurors.len(), 2);
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_sealed_session_changes_until_it_is_opened_again() {
    on_both_urls(async |url| {
        let sitting = Sitting::graded(url, "{}").await;
        let judging = &sitting.judging;
        let first = judging.gradings("a1").await.unwrap()[0].id.clone();
        sitting.state("sealed").await;
        let before = sitting.log().await;
        let sealed = |error: JudgingError| assert_eq!(error.code(), ErrorCode::SessionSealed);
        sealed(sitting.say("ada", level(1)).await.unwrap_err());
        sealed(judging.accept("a1", &first, "ada", "x").await.unwrap_err());
        sealed(
            judging
                .record("a1", sitting.evidence.clone(), "ada", None)
                .await
                .unwrap_err(),
        );
        let mended = folder(&DOCUMENT.replace("points: 3", "points: 5"));
        sealed(
            judging
                .regrade("a1", by(mended, "x"), "ada")
                .await
                .unwrap_err(),
        );
        assert_eq!(sitting.log().await, before);
        assert_eq!(judging.gradings("a1").await.unwrap().len(), 1);
        assert_eq!(
            judging.outcome("a1", "").await.unwrap().grade.points,
            3,
            "it can be read"
        );
        sitting.state("closed").await;
        sitting.say("ada", level(1)).await.unwrap();
        sitting.end().await;
    })
    .await;
}

/// Appends as versions did that signed nothing.
async fn append_unsigned(rows: &AnyPool, deed: LogAction) {
    let last: Option<(i64, String)> =
        sqlx::query_as("SELECT seq, hash FROM log WHERE session = 's1' ORDER BY seq DESC LIMIT 1")
            .fetch_optional(rows)
            .await
            .unwrap();
    let last = last.as_ref().map(|(seq, hash)| (*seq as u64, &**hash));
    let entry = LogEntry::after(last, 1, "local", None, deed);
    sqlx::query("INSERT INTO log (session, seq, hash, entry) VALUES ('s1', $1, $2, $3)")
        .bind(entry.seq as i64)
        .bind(&entry.hash)
        .bind(serde_json::to_string(&entry).unwrap())
        .execute(rows)
        .await
        .unwrap();
}

#[tokio::test]
async fn entries_are_signed_behind_those_of_earlier_versions_and_a_rewritten_log_shows() {
    on_both_urls(async |url| {
        let sitting = Sitting::open(url, "{}").await;
        let handed_in = || LogAction::Attempt {
            attempt: "a1".to_owned(),
            by: AttemptMove::HandIn,
            pause: None,
        };
        append_unsigned(&sitting.rows, LogAction::Created {}).await;
        append_unsigned(&sitting.rows, handed_in()).await;
        let judging = &sitting.judging;
        let graded = judging.record("a1", sitting.evidence.clone(), "system", None);
        graded.await.unwrap();
        sitting.say("ada", level(1)).await.unwrap();
        let key = public_of_pem(&judging.public_key().pem).unwrap();
        let found = async || {
            let bundle = judging.export("a1", "ada", BTreeMap::new()).await.unwrap();
            let verification = verify(&bundle, &Trust::Key(Box::new(key)), None).unwrap();
            let steps = verification.steps.into_iter();
            let mut heads = steps.filter(|step| step.kind == StepKind::Heads);
            let heads = heads.next().unwrap();
            (verification.good, heads.good, heads.found)
        };
        let signed = "2 entries from number 3 on, each as it was written".to_owned();
        assert_eq!(found().await, (true, true, signed));

        // A tail with the same sense at another time, with all hashes as they have to be.
        let log = sitting.database.log().entries("s1", 1).await.unwrap();
        let cut = "DELETE FROM log WHERE session = 's1' AND seq > 3";
        sitting.rows.execute(cut).await.unwrap();
        append_unsigned(&sitting.rows, log[3].deed.clone()).await;
        let again = sitting.database.log().entries("s1", 1).await.unwrap();
        assert_eq!(log::verify(&again), Ok(()));
        let (good, heads, why) = found().await;
        assert!(!good && !heads, "{why}");
        assert!(why.contains("entry 4 is not signed"), "{why}");
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_exported_bundle_can_be_verified_also_after_a_mended_scenario_was_accepted() {
    on_both_urls(async |url| {
        let sitting = Sitting::graded(url, "{}").await;
        let judging = &sitting.judging;
        sitting.say("ada", level(1)).await.unwrap();
        let key = public_of_pem(&judging.public_key().pem).unwrap();
        let check = async |extra: BTreeMap<String, Vec<u8>>| {
            let bundle = judging.export("a1", "ada", extra).await.unwrap();
            let verification = verify(&bundle, &Trust::Key(Box::new(key)), None).unwrap();
            assert!(verification.good, "{verification:#?}");
            verification.manifest.unwrap()
        };
        let recorded = ("recordings/l1/srv-main.cast".to_owned(), b"{}".to_vec());
        let manifest = check(BTreeMap::from([recorded])).await;
        assert_eq!((manifest.session.as_str(), manifest.log_entries), ("s1", 2));
        assert!(manifest.members.contains_key("recordings/l1/srv-main.cast"));
        let mended = folder(&DOCUMENT.replace("points: 3", "points: 5"));
        let proposal = judging
            .regrade("a1", by(mended.clone(), "mended"), "ada")
            .await
            .unwrap();
        judging
            .accept("a1", &proposal.grading.id, "ada", "mended")
            .await
            .unwrap();
        let manifest = check(BTreeMap::new()).await;
        assert_eq!(manifest.hash, mended.hash());
        assert!(manifest.members.contains_key("lab-scenario/scenario.yaml"));
        let bad = BTreeMap::from([("grade.json".to_owned(), vec![])]);
        assert_eq!(
            judging.export("a1", "ada", bad).await.unwrap_err().code(),
            ErrorCode::BundleFailed
        );
        sitting.end().await;
    })
    .await;
}
