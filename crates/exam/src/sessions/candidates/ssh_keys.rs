//! Keys by which a candidate comes in over SSH, besides their access code.

use std::collections::BTreeSet;

use plateau_core::api::{KeyView, SetKeysRequest};
use plateau_core::exam::log::LogAction;
use russh::keys::{HashAlg, PublicKey};

use super::Candidates;
use crate::sessions::SessionError;
use crate::store::attempts::AttemptRow;
use crate::store::seats::SeatRow;
use crate::store::ssh_keys::{KeyRow, SshKeys};

/// Most keys of a seat.
const MOST: usize = 8;

/// Longest line of a key in bytes: one of RSA with 16384 bits has less.
const LONGEST: usize = 4 << 10;

impl Candidates {
    /// The keys of the seat that an attempt belongs to.
    ///
    /// # Errors
    /// There is no such attempt.
    pub async fn keys(&self, attempt: &str) -> Result<Vec<KeyView>, SessionError> {
        let (_, seat) = self.seat_with(attempt).await?;
        let rows = self.context.database().ssh_keys().of_seat(&seat.id).await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Replaces the keys of the seat that an attempt belongs to. They hold until others are given, or
    /// another access code.
    ///
    /// # Errors
    /// There is no such attempt, one is not a key or leads to another seat, there are too many, or the
    /// candidate changes them too often.
    pub async fn set_keys(
        &self,
        attempt: &str,
        keys: SetKeysRequest,
        actor: &str,
    ) -> Result<Vec<KeyView>, SessionError> {
        let (found, seat) = self.seat_with(attempt).await?;
        let (_guard, snapshot) = self.context.lock_session(&found.session).await?;
        let rows = read(&keys, self.context.now_ms())?;
        let known = self.context.database().ssh_keys().of_seat(&seat.id).await?;
        if are_the_same(&known, &rows) {
            return Ok(known.into_iter().map(view).collect());
        }
        // Staff may help as often as they have to.
        if actor == format!("seat:{}", seat.number) {
            self.key_changes.count(&seat.id)?;
        }
        let mut transaction = self.context.begin(&snapshot, actor, None).await?;
        SshKeys::remove_of(transaction.writing(), &seat.id).await?;
        for row in &rows {
            if !SshKeys::add(transaction.writing(), &seat.id, row).await? {
                return Err(SessionError::Terms {
                    what: format!("the key {} leads to another seat", row.fingerprint),
                    hint: "a key leads to one seat: draw another with ssh-keygen".to_owned(),
                });
            }
        }
        let named: Vec<&str> = rows.iter().map(|row| row.fingerprint.as_str()).collect();
        let what = match named.as_slice() {
            [] => "by no key".to_owned(),
            named => format!("by {}", named.join(", ")),
        };
        transaction
            .write(LogAction::Changed {
                what: format!("seat {} may come in over SSH {what}", seat.number),
            })
            .await?;
        self.context.commit(transaction).await?;
        self.keys(attempt).await
    }

    /// The seat that a key leads to; `None` where it leads nowhere.
    pub(super) async fn seat_of_key(
        &self,
        key: &PublicKey,
    ) -> Result<Option<SeatRow>, SessionError> {
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        Ok(self.context.database().seats().of_key(&fingerprint).await?)
    }

    async fn seat_with(&self, attempt: &str) -> Result<(AttemptRow, SeatRow), SessionError> {
        let found = self.context.find_attempt(attempt).await?;
        let seat = self.context.database().seats().find(&found.seat).await?;
        let seat = seat.ok_or_else(|| SessionError::NoSuchAttempt {
            attempt: attempt.to_owned(),
        })?;
        Ok((found, seat))
    }
}

/// Whether two lists have the same keys with the same comments, in whatever order.
fn are_the_same(known: &[KeyRow], given: &[KeyRow]) -> bool {
    let contents = |rows: &[KeyRow]| -> BTreeSet<String> {
        rows.iter().map(|row| row.content.clone()).collect()
    };
    contents(known) == contents(given)
}

/// The keys, each once.
fn read(keys: &SetKeysRequest, now_ms: u64) -> Result<Vec<KeyRow>, SessionError> {
    if keys.keys.len() > MOST {
        return Err(SessionError::Terms {
            what: format!(
                "{} keys are more than the {MOST} that a seat may have",
                keys.keys.len()
            ),
            hint: "one is enough for each computer that somebody works at".to_owned(),
        });
    }
    let mut known = BTreeSet::new();
    let mut rows = Vec::new();
    for (place, line) in keys.keys.iter().enumerate() {
        // Never told again: somebody may have taken the wrong file.
        let no_key = |_| SessionError::Terms {
            what: format!("number {} is not a valid public key of SSH", place + 1),
            hint: "it is the one line in a file such as ~/.ssh/id_ed25519.pub".to_owned(),
        };
        let line = line.trim();
        let line = line.get(..LONGEST).map_or(line, |_| "");
        let key = PublicKey::from_openssh(line).map_err(no_key)?;
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if known.insert(fingerprint.clone()) {
            rows.push(KeyRow {
                fingerprint,
                content: line.to_owned(),
                added_ms: now_ms,
            });
        }
    }
    Ok(rows)
}

fn view(row: KeyRow) -> KeyView {
    KeyView {
        fingerprint: row.fingerprint,
        key: row.content,
        added_ms: row.added_ms,
    }
}
