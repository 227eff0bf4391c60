//! Accounts, log-ins, tokens and failed log-ins.

use plateau_core::exam::rights::Role;
use plateau_core::exam::session::AttemptState;
use plateau_exam::store::Database;
use plateau_exam::store::accounts::{Account, AccountChange};
use plateau_exam::store::failures::FailureCount;
use plateau_exam::store::logins::{Login, LoginOwner};
use plateau_exam::store::tokens::ApiToken;
use sqlx::Executor as _;

use crate::engines::{connect, on_both, on_both_urls};

fn account(name: &str) -> Account {
    Account {
        id: format!("id-{name}"),
        name: name.to_owned(),
        display_name: "Ada Bel".to_owned(),
        role: Role::Trainer,
        disabled: false,
        created: 1_780_000_000_000,
    }
}

fn login(id: &str, whose: LoginOwner) -> Login {
    Login {
        id: id.to_owned(),
        whose,
        created: 1,
        last_seen: 1,
        expires: 1000,
        address: "192.0.2.1".to_owned(),
    }
}

#[tokio::test]
async fn an_account_is_kept_changed_and_removed_with_its_log_ins() {
    on_both(async |database| {
        let ada = account("ada");
        database.accounts().add(&ada, "$argon2id$1").await.unwrap();
        let again = database
            .accounts()
            .add(&account("ada"), "$argon2id$2")
            .await;
        assert!(again.unwrap_err().is_taken());
        database
            .accounts()
            .add(&account("bea"), "$argon2id$3")
            .await
            .unwrap();
        assert_eq!(
            database.accounts().find("ada").await.unwrap(),
            Some(ada.clone())
        );
        assert_eq!(
            database.accounts().find(&ada.id).await.unwrap(),
            Some(ada.clone())
        );
        assert_eq!(database.accounts().find("Ada").await.unwrap(), None);
        let kept = database.accounts().password(&ada.id).await.unwrap();
        assert_eq!(kept.as_deref(), Some("$argon2id$1"));

        let whose = LoginOwner::Account(ada.id.clone());
        database
            .logins()
            .add(&login("l1", whose.clone()), "h1")
            .await
            .unwrap();
        let shown = AccountChange {
            display_name: Some("Ada".to_owned()),
            ..AccountChange::default()
        };
        assert!(database.accounts().change(&ada.id, &shown).await.unwrap());
        assert!(database.logins().by_hash("h1").await.unwrap().is_some());
        let disabled = AccountChange {
            disabled: Some(true),
            role: Some(Role::Evaluator),
            ..AccountChange::default()
        };
        assert!(
            database
                .accounts()
                .change(&ada.id, &disabled)
                .await
                .unwrap()
        );
        assert_eq!(database.logins().by_hash("h1").await.unwrap(), None);
        let now = database.accounts().find("ada").await.unwrap().unwrap();
        assert_eq!(
            (now.display_name.as_str(), now.role),
            ("Ada", Role::Evaluator)
        );
        assert!(now.disabled);
        let kept = database.accounts().password(&ada.id).await.unwrap();
        assert_eq!(kept.as_deref(), Some("$argon2id$1"));

        database
            .logins()
            .add(&login("l2", whose), "h2")
            .await
            .unwrap();
        assert!(database.accounts().remove(&ada.id).await.unwrap());
        assert!(!database.accounts().remove(&ada.id).await.unwrap());
        assert_eq!(database.logins().by_hash("h2").await.unwrap(), None);
        let names: Vec<String> = names(&database).await;
        assert_eq!(names, ["bea"]);
    })
    .await;
}

async fn names(database: &Database) -> Vec<String> {
    let accounts = database.accounts().list().await.unwrap();
    accounts.into_iter().map(|account| account.name).collect()
}

#[tokio::test]
async fn log_ins_are_found_used_ended_and_swept() {
    on_both(async |database| {
        let ada = account("ada");
        database.accounts().add(&ada, "$argon2id$1").await.unwrap();
        let whose = LoginOwner::Account(ada.id.clone());
        for (id, hash) in [("l1", "h1"), ("l2", "h2"), ("l3", "h3")] {
            database
                .logins()
                .add(&login(id, whose.clone()), hash)
                .await
                .unwrap();
        }
        database.logins().touch("l1", 70).await.unwrap();
        let seen = database.logins().by_hash("h1").await.unwrap().unwrap();
        assert_eq!(
            seen,
            Login {
                last_seen: 70,
                ..login("l1", whose.clone())
            }
        );
        database.logins().end("l1").await.unwrap();
        database.logins().end("l1").await.unwrap();
        assert_eq!(database.logins().by_hash("h1").await.unwrap(), None);
        assert_eq!(database.logins().end_all(&whose).await.unwrap(), 2);
        database
            .logins()
            .add(&login("l4", whose), "h4")
            .await
            .unwrap();
        database.logins().sweep(1000).await.unwrap();
        assert!(database.logins().by_hash("h4").await.unwrap().is_some());
        database.logins().sweep(1001).await.unwrap();
        assert_eq!(database.logins().by_hash("h4").await.unwrap(), None);
        let nobodys = login("l5", LoginOwner::Seat("none".to_owned()));
        assert!(database.logins().add(&nobodys, "h5").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn tokens_are_kept_by_their_hash() {
    on_both(async |database| {
        let token = ApiToken {
            id: "k1".to_owned(),
            name: "nightly".to_owned(),
            role: Role::Trainer,
            created: 5,
            expires: None,
            last_used: None,
        };
        database.tokens().add(&token, "h1").await.unwrap();
        let other = ApiToken {
            id: "k2".to_owned(),
            ..token.clone()
        };
        assert!(
            database
                .tokens()
                .add(&other, "h2")
                .await
                .unwrap_err()
                .is_taken()
        );
        assert_eq!(
            database.tokens().by_hash("h1").await.unwrap(),
            Some(token.clone())
        );
        assert_eq!(database.tokens().by_hash("h2").await.unwrap(), None);
        database.tokens().touch("k1", 9).await.unwrap();
        assert_eq!(
            database.tokens().list().await.unwrap()[0].last_used,
            Some(9)
        );
        assert!(database.tokens().remove("nightly").await.unwrap());
        assert!(!database.tokens().remove("nightly").await.unwrap());
        assert_eq!(database.tokens().by_hash("h1").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn failures_are_counted_for_each_name_and_address_and_outlive_the_daemon() {
    on_both_urls(async |url| {
        let database = Database::open(url).await.unwrap();
        let here = "192.0.2.1";
        assert!(
            database
                .failures()
                .count("ada", here, None, 10)
                .await
                .unwrap()
        );
        let seen = database.failures().find("ada", here).await.unwrap();
        assert_eq!(seen, Some(FailureCount { count: 1, last: 10 }));
        assert!(
            database
                .failures()
                .count("ada", here, seen, 20)
                .await
                .unwrap()
        );
        // Whoever looked before somebody else counted has to look again.
        assert!(
            !database
                .failures()
                .count("ada", here, seen, 30)
                .await
                .unwrap()
        );
        assert!(
            !database
                .failures()
                .count("ada", here, None, 30)
                .await
                .unwrap()
        );
        assert!(
            database
                .failures()
                .count("ada", "local", None, 40)
                .await
                .unwrap()
        );
        database.close().await;

        let database = Database::open(url).await.unwrap();
        let seen = database.failures().find("ada", here).await.unwrap();
        assert_eq!(seen, Some(FailureCount { count: 2, last: 20 }));
        database.failures().clear("ada", "local").await.unwrap();
        assert_eq!(
            database.failures().find("ada", "local").await.unwrap(),
            None
        );
        database.failures().sweep(20).await.unwrap();
        assert!(
            database
                .failures()
                .find("ada", here)
                .await
                .unwrap()
                .is_some()
        );
        database.failures().sweep(21).await.unwrap();
        assert_eq!(database.failures().find("ada", here).await.unwrap(), None);
        database.close().await;
    })
    .await;
}

#[tokio::test]
async fn whose_a_lab_an_attempt_and_a_code_are_is_looked_up() {
    on_both_urls(async |url| {
        let database = Database::open(url).await.unwrap();
        let attempts = database.attempts();
        let seats = database.seats();
        let logins = database.logins();
        let invigilators = database.invigilators();
        let pool = connect(url).await;
        pool.execute(include_str!("rows/0001.sql")).await.unwrap();
        pool.close().await;
        let of_lab = attempts.owner_of_lab("l1").await.unwrap().unwrap();
        assert_eq!(
            (of_lab.session.as_str(), of_lab.seat.as_str()),
            ("s1", "t1")
        );
        assert_eq!(of_lab.state, AttemptState::Running);
        assert!(of_lab.attempt_is_open());
        let of_attempt = attempts.owner_of("a1").await.unwrap();
        assert_eq!(of_attempt, Some(of_lab));
        assert_eq!(attempts.owner_of_lab("l2").await.unwrap(), None);
        let place = seats.summary_of_code("c1").await.unwrap().unwrap();
        assert_eq!(
            (place.number.as_str(), place.name.as_str()),
            ("01", "Zoé Bel")
        );
        assert_eq!(seats.summary("t1").await.unwrap(), Some(place));
        assert_eq!(seats.summary_of_code("c2").await.unwrap(), None);
        for asked in ["june", "s1"] {
            let session = database.sessions().id_of(asked).await.unwrap();
            assert_eq!(session.as_deref(), Some("s1"), "{asked}");
        }
        let seat = LoginOwner::Seat("t1".to_owned());
        logins.add(&login("l1", seat.clone()), "h1").await.unwrap();
        assert_eq!(logins.by_hash("h1").await.unwrap().unwrap().whose, seat);

        database.accounts().add(&account("ada"), "x").await.unwrap();
        for _ in 0..2 {
            invigilators.add("s1", "id-ada").await.unwrap();
        }
        assert!(invigilators.add("s2", "id-ada").await.is_err());
        assert_eq!(
            invigilators.sessions_of("id-ada").await.unwrap(),
            ["s1".to_owned()].into()
        );
        assert_eq!(
            invigilators.of_session("s1").await.unwrap(),
            [account("ada")]
        );
        assert!(invigilators.remove("s1", "id-ada").await.unwrap());
        assert!(invigilators.sessions_of("id-ada").await.unwrap().is_empty());
        database.close().await;
    })
    .await;
}
