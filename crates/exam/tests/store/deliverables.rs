//! What candidates hand in: versions, drafts, and what counts.

use plateau_core::error::ErrorCode;
use plateau_core::exam::deliverable::{SavedDeliverableView, VersionView};
use plateau_core::exam::log::{self, LogAction};
use plateau_exam::clock::Clock;
use plateau_exam::deliverables::{DeliverableError, Deliverables, Upload};
use plateau_exam::evidence_key::EvidenceKey;
use plateau_exam::store::Database;
use sqlx::{AnyPool, Executor as _};

use crate::engines::{connect, on_both_urls};

/// An attempt, `a1`, that somebody works on.
struct Sitting {
    deliverables: Deliverables,
    database: Database,
    rows: AnyPool,
}

impl Sitting {
    async fn open(url: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let key = EvidenceKey::open(state.path()).unwrap();
        let database = Database::open(url).await.unwrap().signed_by(key);
        let rows = connect(url).await;
        for row in [
            "INSERT INTO sessions (id, name, state, terms, created) VALUES ('s1', 'june', 'open', '{}', 0)",
            "INSERT INTO seats (id, session, number, name, blocks, factor, breaks_ms, notes, generation, code) VALUES ('t1', 's1', '01', 'Zoé', '[]', 1000, 0, '', 0, 'c1')",
            "INSERT INTO attempts (id, session, seat, scenario, state, seed) VALUES ('a1', 's1', 't1', 'pair', 'running', '7')",
        ] {
            rows.execute(row).await.unwrap();
        }
        Self {
            deliverables: Deliverables::new(database.clone(), Clock::start(None)),
            database,
            rows,
        }
    }

    async fn try_save(
        &self,
        writer: Option<&str>,
        name: &str,
        content: &str,
    ) -> Result<SavedDeliverableView, DeliverableError> {
        let upload = Upload {
            session: "s1".to_owned(),
            attempt: "a1".to_owned(),
            task: "report".to_owned(),
            name: name.to_owned(),
            kind: "md".to_owned(),
            writer: writer.map(str::to_owned),
            actor: "seat:01".to_owned(),
            content: content.as_bytes().to_vec(),
        };
        let saved = self.deliverables.save(&upload).await;
        saved.map(|(saved, _)| saved)
    }

    async fn save(&self, content: &str) -> SavedDeliverableView {
        self.try_save(None, "report.md", content).await.unwrap()
    }

    async fn write(&self, tab: &str, content: &str) -> SavedDeliverableView {
        self.try_save(Some(tab), "report.md", content)
            .await
            .unwrap()
    }

    /// All that was saved, each as its number and its text.
    async fn all(&self) -> Vec<(u32, String)> {
        let mut of_attempt = self.deliverables.of_attempt("a1").await.unwrap();
        let mut all = Vec::new();
        for saved in of_attempt.remove("report").unwrap_or_default() {
            let read = self.deliverables.read("a1", "report", &saved.content);
            let read = read.await.unwrap();
            assert_eq!(read.version.content, saved.content);
            let text = String::from_utf8(read.content).unwrap();
            assert_eq!(saved.size, text.len() as u64);
            all.push((saved.number.unwrap_or(0), text));
        }
        all
    }

    /// Hashes that the log has, in their order.
    async fn logged(&self) -> Vec<String> {
        let log = self.database.log().entries("s1", 1).await.unwrap();
        assert_eq!(log::verify(&log), Ok(()));
        let logged = log.into_iter().map(|entry| {
            let LogAction::Saved { content, .. } = entry.deed else {
                panic!("{:?}", entry.deed);
            };
            content
        });
        logged.collect()
    }

    async fn contents(&self) -> usize {
        let all = self.rows.fetch_all("SELECT hash FROM contents").await;
        all.unwrap().len()
    }

    async fn end(self) {
        self.rows.close().await;
        self.database.close().await;
    }
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn text_of(version: Option<&VersionView>) -> Option<&str> {
    version.map(|version| version.content.as_str())
}

#[tokio::test]
async fn every_version_is_kept_and_is_an_entry_of_the_log() {
    on_both_urls(async |url| {
        let sitting = Sitting::open(url).await;
        let first = sitting.save("one").await;
        assert_eq!((first.saved.number, first.before), (Some(1), None));
        let again = sitting.save("one").await;
        assert_eq!(again.saved, first.saved, "the same is saved already");
        let second = sitting.save("two\u{0}\u{1F4BE}").await;
        assert_eq!(second.before.as_ref(), Some(&first.saved));
        assert!(second.saved.saved_ms > first.saved.saved_ms);
        let back = sitting.save("one").await;
        assert_eq!(back.saved.number, Some(3));
        let renamed = sitting.try_save(None, "other.md", "one").await.unwrap();
        assert_eq!(renamed.saved.number, Some(4));
        let texts = [(1, "one"), (2, "two\u{0}\u{1F4BE}"), (3, "one"), (4, "one")];
        assert_eq!(
            sitting.all().await,
            texts.map(|(number, text)| (number, text.to_owned()))
        );
        assert_eq!(
            sitting.logged().await,
            texts.map(|(_, text)| hash(text)),
            "in the order in which they were saved"
        );
        assert_eq!(sitting.contents().await, 2, "the same bytes are kept once");
        let counting = sitting.deliverables.current_by_attempt("s1").await.unwrap();
        assert_eq!(counting["a1"][0].task, "report");
        assert_eq!(counting["a1"][0].current, renamed.saved);
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn drafts_of_one_writer_take_each_others_place_until_one_becomes_a_version() {
    on_both_urls(async |url| {
        let sitting = Sitting::open(url).await;
        for text in ["w", "wr", "wri", "write"] {
            let saved = sitting.write("tab-1", text).await;
            assert_eq!(saved.saved.number, None);
            assert_eq!(saved.saved.content, hash(text));
        }
        assert_eq!(sitting.all().await, [(0, "write".to_owned())]);
        assert_eq!(sitting.contents().await, 1, "old drafts are gone");
        assert_eq!(sitting.logged().await, Vec::<String>::new());

        let later = "UPDATE drafts SET began = began - 120000";
        sitting.rows.execute(later).await.unwrap();
        let due = sitting.write("tab-1", "written").await;
        assert_eq!(due.saved.number, Some(1));
        assert_eq!(text_of(due.before.as_ref()), Some(hash("write").as_str()));
        assert_eq!(sitting.all().await, [(1, "written".to_owned())]);
        assert_eq!(sitting.logged().await, [hash("written")]);
        assert_eq!(sitting.contents().await, 1);

        sitting.write("tab-1", "on and on").await;
        let whole = sitting.save("on and on").await;
        assert_eq!(whole.saved.number, Some(2), "the draft became it");
        assert_eq!(sitting.logged().await.len(), 2);
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_written_at_two_places_is_kept_of_both_and_each_learns_of_the_other() {
    on_both_urls(async |url| {
        let sitting = Sitting::open(url).await;
        let here = sitting.write("tab-1", "here").await;
        let there = sitting.write("tab-2", "there").await;
        assert_eq!(there.before.as_ref(), Some(&here.saved));
        let here = sitting.write("tab-1", "here too").await;
        assert_eq!(text_of(here.before.as_ref()), Some(hash("there").as_str()));
        let all = [(0, "there"), (0, "here too")];
        assert_eq!(
            sitting.all().await,
            all.map(|(number, text)| (number, text.to_owned()))
        );
        // A whole file counts from now on, and neither draft is lost.
        let whole = sitting.save("whole").await;
        assert_eq!(
            text_of(whole.before.as_ref()),
            Some(hash("here too").as_str())
        );
        let all = [(1, "there"), (2, "here too"), (3, "whole")];
        assert_eq!(
            sitting.all().await,
            all.map(|(number, text)| (number, text.to_owned()))
        );
        assert_eq!(sitting.logged().await, all.map(|(_, text)| hash(text)));
        for tab in 0..9 {
            sitting
                .write(&format!("tab-{tab}"), &format!("by {tab}"))
                .await;
        }
        assert_eq!(
            sitting.all().await.len(),
            3 + 9,
            "one of too many writers is kept too"
        );
        assert_eq!(sitting.logged().await.len(), 3 + 8);
        sitting.end().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_saved_but_while_the_attempt_is_open_nor_without_bound() {
    on_both_urls(async |url| {
        let sitting = Sitting::open(url).await;
        sitting.save("kept").await;
        for state in ["ready", "paused", "handed-in", "kept", "graded", "absent"] {
            let moved = sqlx::query("UPDATE attempts SET state = $1").bind(state);
            moved.execute(&sitting.rows).await.unwrap();
            for writer in [None, Some("tab-1")] {
                let refused = sitting.try_save(writer, "report.md", "late").await;
                assert_eq!(
                    refused.unwrap_err().code(),
                    ErrorCode::AttemptNotOpen,
                    "{state}"
                );
            }
        }
        assert_eq!(sitting.all().await, [(1, "kept".to_owned())]);
        let back = "UPDATE attempts SET state = 'running'";
        sitting.rows.execute(back).await.unwrap();
        let many = "INSERT INTO deliverables WITH RECURSIVE n (i) AS \
            (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
            SELECT attempt, task, n.i, name, kind, content, saved, actor FROM deliverables, n \
            WHERE number = 1";
        sitting.rows.execute(many).await.unwrap();
        let refused = sitting.try_save(None, "report.md", "one too many").await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::TooManyVersions);
        // Whoever writes goes on: their drafts take each other's place.
        sitting.write("tab-1", "still").await;
        let later = "UPDATE drafts SET began = began - 120000";
        sitting.rows.execute(later).await.unwrap();
        let still = sitting.write("tab-1", "still here").await;
        assert_eq!(still.saved.number, None);
        let all = sitting.deliverables.of_attempt("a1").await.unwrap();
        assert_eq!(all["report"].len(), 501);
        let missing = sitting
            .deliverables
            .read("a1", "report", &hash("late"))
            .await;
        assert_eq!(missing.unwrap_err().code(), ErrorCode::DeliverableNotFound);
        let elsewhere = sitting.deliverables.read("a1", "web", &hash("kept")).await;
        assert_eq!(
            elsewhere.unwrap_err().code(),
            ErrorCode::DeliverableNotFound
        );
        sitting.end().await;
    })
    .await;
}
