//! Passwords, kept as argon2id. The parameters are those that OWASP's Password Storage Cheat Sheet
//! names first for 19 MiB: two passes, one lane.

use std::sync::Arc;

use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use tokio::sync::{AcquireError, Semaphore};
use tokio::task::JoinError;

/// Fewest characters of a password, as OWASP's ASVS 4.0 has it (2.1.1).
pub const SHORTEST: usize = 12;

/// Most bytes of a password: hashing takes longer with more.
pub const LONGEST: usize = 256;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Passwords that are hashed at the same time; each takes a core for some 30 ms, and 19 MiB.
const AT_ONCE: usize = 2;

/// Bytes of a salt.
const SALT: usize = 16;

/// Why a password was neither hashed nor verified.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// The parameters are none.
    #[error("use argon2id")]
    Parameters(#[source] argon2::Error),
    /// Hashing failed, or the stored text is not a valid hash.
    #[error("hash with argon2id")]
    Hash(#[source] password_hash::Error),
    /// The stored text is not a valid PHC string.
    #[error("read what is kept of a password")]
    Kept(#[source] phc::Error),
    /// The system gives no random bytes.
    #[error("draw a salt")]
    Random(#[source] getrandom::Error),
    /// The daemon ends.
    #[error("wait for others to be done")]
    Closed(#[source] AcquireError),
    /// The thread that hashes ended by itself.
    #[error("hash beside the requests")]
    Thread(#[source] JoinError),
}

/// Hashes passwords, a bounded number at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Of a password that nobody has: unknown names take as long as known ones.
    nobodys: String,
}

impl Passwords {
    /// Creates a hasher.
    ///
    /// # Errors
    /// Hashing fails.
    pub async fn new() -> Result<Self, PasswordError> {
        let mut ready = Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            nobodys: String::new(),
        };
        let mut random = [0; SALT];
        getrandom::fill(&mut random).map_err(PasswordError::Random)?;
        ready.nobodys = ready.hash(&blake3::hash(&random).to_hex()).await?;
        Ok(ready)
    }

    /// A password's hash, as a PHC string.
    ///
    /// # Errors
    /// Hashing fails.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = password.to_owned();
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(PasswordError::Random)?;
        self.in_turn(move || {
            let hashed: phc::PasswordHash = argon2id()?
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map_err(PasswordError::Hash)?;
            Ok(hashed.to_string())
        })
        .await
    }

    /// Whether a password matches the stored hash. Without a hash it takes the same time and returns `false`.
    ///
    /// # Errors
    /// The stored text is not a valid hash, or verifying fails.
    pub async fn verify(
        &self,
        password: &str,
        kept: Option<String>,
    ) -> Result<bool, PasswordError> {
        let is_kept = kept.is_some();
        let kept = kept.unwrap_or_else(|| self.nobodys.clone());
        // One that is too long was never taken, and would only keep others waiting.
        let is_short = password.len() <= LONGEST;
        let password = if is_short {
            password.to_owned()
        } else {
            String::new()
        };
        let same = self
            .in_turn(move || {
                let kept = phc::PasswordHash::new(&kept).map_err(PasswordError::Kept)?;
                match argon2id()?.verify_password(password.as_bytes(), &kept) {
                    Ok(()) => Ok(true),
                    Err(password_hash::Error::PasswordInvalid) => Ok(false),
                    Err(error) => Err(PasswordError::Hash(error)),
                }
            })
            .await?;
        Ok(same && is_kept && is_short)
    }

    /// Does the work beside the requests, when it is its turn.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(PasswordError::Closed)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held to the end of the work, also where the client goes away.
            let _turn = turn;
            work()
        });
        done.await.map_err(PasswordError::Thread)?
    }
}

fn argon2id() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(PasswordError::Parameters)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_told_from_every_other() {
        let passwords = Passwords::new().await.unwrap();
        let kept = passwords.hash("correct horse").await.unwrap();
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert_ne!(kept, passwords.hash("correct horse").await.unwrap());
        let same = async |password: &str, kept: Option<String>| {
            passwords.verify(password, kept).await.unwrap()
        };
        assert!(same("correct horse", Some(kept.clone())).await);
        assert!(!same("correct house", Some(kept.clone())).await);
        assert!(!same("", Some(kept)).await);
        assert!(!same("correct horse", None).await);
        let long = "x".repeat(LONGEST + 1);
        let empty = passwords.hash("").await.unwrap();
        assert!(!same(&long, Some(empty)).await);
    }
}
