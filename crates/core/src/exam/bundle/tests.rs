//! Bundles, tried: whole ones, changed ones, and hostile ones.

use std::sync::LazyLock;

use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::*;
use crate::evidence::grade_evidence;
use crate::exam::judgement::{JurorStatement, Statement};
use crate::exam::log::LogAction;
use crate::exam::sample::{DOCUMENT, Sights, evidence, folder, topology_of};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn judgement() -> Judgement {
    Judgement {
        version: 1,
        at_ms: 3,
        word: JurorStatement {
            juror: "ada".into(),
            agreed_with: Default::default(),
            says: Statement::Comment {
                on: "web".into(),
                text: "well done".into(),
            },
        },
    }
}

fn log(judgement: &Judgement) -> Vec<LogEntry> {
    let judged = LogAction::Judged {
        attempt: "attempt".into(),
        what: judgement.word.says.subject().to_string(),
        content: judgement.digest(),
    };
    let saved = LogAction::Saved {
        attempt: "attempt".into(),
        task: "report".into(),
        content: blake3::hash(b"%PDF").to_hex().to_string(),
    };
    let mut log: Vec<LogEntry> = Vec::new();
    for deed in [LogAction::Created {}, saved, judged] {
        let last = log.last().map(|entry| (entry.seq, entry.hash.as_str()));
        let mut entry = LogEntry::after(last, 1, "ada", None, deed);
        entry.signature = Some(entry.head("session").sign(&key()));
        log.push(entry);
    }
    log
}

/// A bundle whose parts were changed before it was sealed.
fn sealed(
    change: impl FnOnce(&mut Evidence, &mut Grade, &mut Vec<Judgement>, &mut Vec<LogEntry>, &mut Folder),
) -> Vec<u8> {
    let mut scenario = folder(DOCUMENT);
    let topology = topology_of(scenario.clone());
    let mut evidence = evidence(&topology, &Sights::new());
    let mut grade = grade_evidence(&topology, &evidence);
    let mut judgements = vec![judgement()];
    let mut log = log(&judgements[0]);
    change(
        &mut evidence,
        &mut grade,
        &mut judgements,
        &mut log,
        &mut scenario,
    );
    let content = Content {
        session: "session",
        attempt: "attempt",
        exported_by: "ada",
        exported_ms: 5,
        evidence: &evidence,
        grade: &grade,
        judgements: &judgements,
        log: &log,
        scenario: &scenario,
        lab_scenario: None,
        extra: BTreeMap::from([(
            deliverable_name("report", 1, "my-report.pdf"),
            b"%PDF".to_vec(),
        )]),
    };
    seal(&content, &key()).unwrap()
}

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| sealed(|_, _, _, _, _| {}));

fn members() -> BTreeMap<String, Vec<u8>> {
    archive::unpack(&WHOLE).unwrap()
}

fn bad_steps(bytes: &[u8], trust: &Trust) -> Vec<StepKind> {
    let verification = verify(bytes, trust, None).unwrap();
    let bad: Vec<StepKind> = (verification.steps.iter())
        .filter(|step| !step.good)
        .map(|step| step.kind)
        .collect();
    assert_eq!(verification.good, bad.is_empty());
    bad
}

fn mine() -> Trust {
    Trust::Key(Box::new(key().verifying_key()))
}

#[test]
fn a_whole_bundle_is_good_in_every_step_and_equal_contents_give_equal_bytes() {
    assert_eq!(*WHOLE, sealed(|_, _, _, _, _| {}));
    let verification = verify(&WHOLE, &mine(), None).unwrap();
    assert!(verification.good, "{verification:#?}");
    assert!(verification.trusted);
    assert_eq!(verification.steps.len(), 11);
    let fingerprint = fingerprint(&key().verifying_key()).unwrap();
    assert_eq!(verification.fingerprint.as_ref(), Some(&fingerprint));
    assert_eq!(
        bad_steps(&WHOLE, &Trust::Fingerprint(fingerprint.to_uppercase())),
        []
    );
    let inside = verify(&WHOLE, &Trust::Inside, None).unwrap();
    assert!(inside.good && !inside.trusted);
    assert!(
        inside.steps[1].found.contains("only"),
        "{:?}",
        inside.steps[1]
    );
}

#[test]
fn a_strangers_signature_is_found_where_the_key_is_known() {
    let stranger = SigningKey::from_bytes(&[8; 32]).verifying_key();
    let trust = Trust::Key(Box::new(stranger));
    assert_eq!(
        bad_steps(&WHOLE, &trust),
        [StepKind::Signature, StepKind::Heads]
    );
    let trust = Trust::Fingerprint(fingerprint(&stranger).unwrap());
    assert_eq!(bad_steps(&WHOLE, &trust), [StepKind::Key]);
}

#[test]
fn what_was_wrong_before_it_was_signed_is_found_as_well() {
    let bad = |bytes: Vec<u8>| bad_steps(&bytes, &mine());
    assert_eq!(
        bad(sealed(|_, grade, _, _, _| grade.points += 1)),
        [StepKind::Grade]
    );
    let fact = sealed(|evidence, _, _, _, _| evidence.gatherings[0].facts[0].took_ms = None);
    assert_eq!(bad(fact), [StepKind::Facts]);
    let unlogged = sealed(|_, _, judgements, _, _| judgements[0].word.juror = "bob".into());
    assert_eq!(bad(unlogged), [StepKind::Judgements]);
    let dropped = sealed(|_, _, judgements, _, _| judgements.clear());
    assert_eq!(bad(dropped), [StepKind::Judgements]);
    let log = sealed(|_, _, _, log, _| log[0].actor = "bob".into());
    assert_eq!(bad(log), [StepKind::Log]);
    let scenario = sealed(|_, _, _, _, folder| drop(folder.0.insert("b.md".into(), vec![])));
    assert_eq!(bad(scenario), [StepKind::Scenario, StepKind::Grade]);
}

#[test]
fn a_grade_by_a_mended_scenario_brings_both_folders() {
    let lab_scenario = folder(DOCUMENT);
    let scenario = folder(&DOCUMENT.replace("points: 4", "points: 6"));
    let evidence = evidence(&topology_of(lab_scenario.clone()), &Sights::new());
    let grade = grade_evidence(&topology_of(scenario.clone()), &evidence);
    let mut content = Content {
        session: "session",
        attempt: "attempt",
        exported_by: "ada",
        exported_ms: 5,
        evidence: &evidence,
        grade: &grade,
        judgements: &[],
        log: &[],
        scenario: &scenario,
        lab_scenario: Some(&lab_scenario),
        extra: BTreeMap::new(),
    };
    assert_eq!(bad_steps(&seal(&content, &key()).unwrap(), &mine()), []);
    content.lab_scenario = None;
    assert_eq!(
        bad_steps(&seal(&content, &key()).unwrap(), &mine()),
        [StepKind::Scenario]
    );
    content.extra.insert("grade.json".into(), vec![]);
    assert!(matches!(
        seal(&content, &key()),
        Err(BundleError::Name { .. })
    ));
    content.extra = BTreeMap::from([("recordings/../x".into(), vec![])]);
    let refused = seal(&content, &key());
    assert!(matches!(
        refused,
        Err(BundleError::Archive(ArchiveError::Path { .. }))
    ));
}

#[test]
fn a_member_that_is_missing_or_was_added_is_found() {
    for name in members().keys() {
        let mut fewer = members();
        fewer.remove(name);
        let bad = bad_steps(&archive::pack(&fewer).unwrap(), &mine());
        assert!(!bad.is_empty(), "without {name}");
    }
    let mut more = members();
    more.insert("scenario/more.sh".into(), vec![]);
    let bad = bad_steps(&archive::pack(&more).unwrap(), &mine());
    assert_eq!(
        bad,
        [StepKind::Members, StepKind::Scenario, StepKind::Grade]
    );
}

#[test]
fn an_archive_that_is_cut_off_is_refused_wherever_it_is() {
    for length in (0..WHOLE.len())
        .step_by(509)
        .chain([WHOLE.len() - 1, WHOLE.len() - 512])
    {
        let refused = verify(&WHOLE[..length], &mine(), None);
        assert!(refused.is_err(), "{length}");
    }
    assert!(matches!(
        verify(&WHOLE[..WHOLE.len() - 600], &mine(), None),
        Err(ArchiveError::CutOff)
    ));
    let mut more = WHOLE.clone();
    more.extend([0; 512]);
    assert!(matches!(
        verify(&more, &mine(), None),
        Err(ArchiveError::Layout)
    ));
}

/// An archive as no `pack` writes it.
fn hostile(write: impl FnOnce(&mut Builder<Vec<u8>>)) -> ArchiveError {
    let mut builder = Builder::new(Vec::new());
    write(&mut builder);
    let bytes = builder.into_inner().unwrap();
    verify(&bytes, &mine(), None).unwrap_err()
}

fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "a//b",
        "./x",
        "a/",
        "..",
        "C:x",
        "a\\b",
    ] {
        let error = hostile(|tar| {
            tar.append(&header(name, EntryType::Regular, 0), &[][..])
                .unwrap();
        });
        assert!(
            matches!(error, ArchiveError::Path { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn links_devices_and_long_names_of_other_formats_are_refused() {
    for kind in [
        EntryType::Link,
        EntryType::Symlink,
        EntryType::Char,
        EntryType::Block,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::GNUSparse,
        EntryType::XGlobalHeader,
        EntryType::XHeader,
    ] {
        let error = hostile(|tar| {
            tar.append(&header("x", kind, 0), &[][..]).unwrap();
        });
        assert!(
            matches!(error, ArchiveError::NotAFile { .. }),
            "{kind:?}: {error}"
        );
    }
}

#[test]
fn members_that_are_there_twice_or_claim_to_be_huge_are_refused() {
    let twice = hostile(|tar| {
        for _ in 0..2 {
            tar.append(&header("x", EntryType::Regular, 0), &[][..])
                .unwrap();
        }
    });
    assert!(matches!(twice, ArchiveError::Twice { .. }), "{twice}");
    for size in [2048, 1 << 40, u64::MAX >> 1] {
        let huge = hostile(|tar| {
            tar.append(&header("x", EntryType::Regular, size), &[][..])
                .unwrap();
        });
        assert!(
            matches!(huge, ArchiveError::CutOff | ArchiveError::NotTar(_)),
            "{size}: {huge}"
        );
    }
    let owned = hostile(|tar| {
        let mut header = header("x", EntryType::Regular, 0);
        header.set_mtime(1);
        header.set_cksum();
        tar.append(&header, &[][..]).unwrap();
    });
    assert!(matches!(owned, ArchiveError::Layout), "{owned}");
    assert!(matches!(
        verify(b"hello", &mine(), None),
        Err(ArchiveError::NotTar(_))
    ));
}

#[test]
fn keys_come_back_from_their_files() {
    let pem = signing_pem(&key()).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{pem}");
    assert_eq!(signing_of_pem(&pem).unwrap().to_bytes(), [7; 32]);
    let public = public_pem(&key().verifying_key()).unwrap();
    assert_eq!(public_of_pem(&public).unwrap(), key().verifying_key());
    assert!(signing_of_pem(&public).is_err());
    assert!(public_of_pem("hello").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_byte_of_any_member_is_found(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let mut members = members();
        let name = members.keys().nth(which.index(members.len())).unwrap().clone();
        let content = members.get_mut(&name).unwrap();
        prop_assume!(!content.is_empty());
        let place = at.index(content.len());
        content[place] ^= bits;
        let bad = bad_steps(&archive::pack(&members).unwrap(), &mine());
        prop_assert!(!bad.is_empty(), "byte {place} of {name}");
    }

    #[test]
    fn a_flipped_byte_of_the_archive_is_found(at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let mut bytes = WHOLE.clone();
        let place = at.index(bytes.len());
        bytes[place] ^= bits;
        let found = match verify(&bytes, &mine(), None) {
            Ok(verification) => !verification.good,
            Err(_) => true,
        };
        prop_assert!(found, "byte {place}");
    }
}
