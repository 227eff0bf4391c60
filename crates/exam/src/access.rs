//! Authentication: log-ins by password or access code, API tokens, and limits on guessing.
//!
//! Secrets are 256 random bits each and are stored as their BLAKE3 hash, so that the database does not
//! reveal them. Passwords are stored as argon2id.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use plateau_core::exam::code;
use tokio::sync::watch;

use crate::store::Database;
use crate::store::accounts::Account;
use crate::store::logins::{Login, LoginOwner};
use crate::store::seats::SeatSummary;

pub mod account;
pub mod error;
pub mod limits;
pub mod password;
pub mod principal;
mod refresh;
pub mod secret;

pub use error::AccessError;
pub use principal::Principal;

use limits::Limits;
use password::Passwords;
use secret::Secret;

/// How long a log-in can be unused before that is written down again.
const TOUCH: Duration = Duration::from_secs(60);

/// How long log-ins last.
#[derive(Clone, Copy, Debug)]
pub struct LoginLifetimes {
    /// How long one of an account may be unused.
    pub idle: Duration,
    /// How long one of an account lasts at most.
    pub account: Duration,
    /// How long one of a seat lasts. It has no limit when unused: a candidate who only types into a
    /// terminal asks for nothing, and must not be shut out of the exam.
    pub seat: Duration,
}

impl Default for LoginLifetimes {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            idle: 2 * HOUR,
            account: 12 * HOUR,
            seat: 14 * HOUR,
        }
    }
}

/// A log-in that was just made.
#[derive(Debug)]
pub struct CreatedLogin {
    /// What the client keeps, and shows from now on.
    pub secret: Secret,
    /// Who it is for.
    pub principal: Principal,
}

/// The authentication service. Clones share it.
#[derive(Clone, Debug)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    passwords: Passwords,
    limits: Limits,
    lasting: LoginLifetimes,
    /// Counts what may have ended log-ins, for those who wait for the end of one.
    endings: watch::Sender<u64>,
}

impl Access {
    /// Opens the service on the accounts and log-ins of the database.
    ///
    /// # Errors
    /// No password can be hashed.
    pub async fn open(database: Database, lasting: LoginLifetimes) -> Result<Self, AccessError> {
        Ok(Self(Arc::new(Inner {
            database,
            passwords: Passwords::new().await?,
            limits: Limits::default(),
            lasting,
            endings: watch::Sender::new(0),
        })))
    }

    /// The database that it all stands in.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// Logs an account in by its name and password; `from` is where the client is, such as an address.
    ///
    /// An unknown name takes as long as a wrong password, and a try counts as failed until it is
    /// known to be right, so that many at the same time gain nothing.
    ///
    /// # Errors
    /// [`AccessError::Refused`], [`AccessError::Later`], or the database fails.
    pub async fn log_in(
        &self,
        name: &str,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<CreatedLogin, AccessError> {
        let inner = &self.0;
        inner.limits.password(from)?;
        let name = account::normalize_name(name);
        let place = limits::place(from);
        let now = now();
        let failures = inner.database.failures();
        let seen = failures.find(&name, &place).await?;
        if let Some(wait) = limits::back_off(seen, now) {
            return Err(AccessError::Later { wait });
        }
        let counted = failures.count(&name, &place, seen, now);
        if !counted.await? {
            let wait = Duration::from_secs(1);
            return Err(AccessError::Later { wait });
        }
        let account = inner.database.accounts().find(&name).await?;
        let account = account.filter(|account| account.name == name && !account.disabled);
        // Looked up for nobody as well, who takes as long.
        let id = account.as_ref().map_or("", |account| &account.id);
        let kept = inner.database.accounts().password(id).await?;
        let right = inner.passwords.verify(password, kept).await?;
        let Some(account) = account.filter(|_| right) else {
            tracing::info!(%place, "a log-in by password was refused");
            return Err(AccessError::Refused);
        };
        failures.clear(&name, &place).await?;
        self.sweep(now).await?;
        let (secret, login) = self
            .begin(LoginOwner::Account(account.id.clone()), &place)
            .await?;
        let named = inner
            .database
            .invigilators()
            .sessions_of(&account.id)
            .await?;
        Ok(CreatedLogin {
            secret,
            principal: Principal::Account {
                login,
                account,
                named,
            },
        })
    }

    /// Logs a seat in by its code, and ends the seat's other log-ins: one code is one computer.
    ///
    /// A code has 60 random bits, which nobody guesses at any speed. So a right code always gets in,
    /// whoever else is behind the same address, and only wrong ones are slowed; and who comes in again
    /// and again by the same one.
    ///
    /// # Errors
    /// [`AccessError::Refused`], [`AccessError::Later`], or the database fails.
    pub async fn log_in_by_code(
        &self,
        typed: &str,
        from: Option<IpAddr>,
    ) -> Result<CreatedLogin, AccessError> {
        let inner = &self.0;
        let place = limits::place(from);
        // What cannot be a code is looked up all the same: nobody learns from the time it takes.
        let code = code::read(typed).unwrap_or_default();
        let hash = blake3::hash(code.as_bytes()).to_hex();
        let Some(seat) = inner.database.seats().summary_of_code(&hash).await? else {
            inner.limits.miss(from)?;
            tracing::info!(%place, "a log-in by code was refused");
            return Err(AccessError::Refused);
        };
        inner.limits.entry(&seat.id, from)?;
        let whose = LoginOwner::Seat(seat.id.clone());
        inner.database.logins().end_all(&whose).await?;
        self.notify_log_in_ended();
        self.sweep(now()).await?;
        let (secret, login) = self.begin(whose, &place).await?;
        Ok(CreatedLogin {
            secret,
            principal: Principal::Seat { login, place: seat },
        })
    }

    /// Counts a wrong code that was sent by other means than HTTP, such as SSH.
    ///
    /// # Errors
    /// [`AccessError::Later`] where there were too many from this address.
    pub fn count_wrong_code(&self, from: Option<IpAddr>) -> Result<(), AccessError> {
        self.0.limits.miss(from)
    }

    /// Counts that a seat comes in by other means than HTTP, such as SSH.
    ///
    /// # Errors
    /// [`AccessError::Later`] where it did too often.
    pub fn count_entry(&self, seat: &str, from: Option<IpAddr>) -> Result<(), AccessError> {
        self.0.limits.entry(seat, from)
    }

    async fn begin(&self, whose: LoginOwner, place: &str) -> Result<(Secret, Login), AccessError> {
        let lasting = match &whose {
            LoginOwner::Account(_) => self.0.lasting.account,
            LoginOwner::Seat(_) => self.0.lasting.seat,
        };
        let now = now();
        let login = Login {
            id: uuid::Uuid::now_v7().to_string(),
            whose,
            created: now,
            last_seen: now,
            expires: now.saturating_add(millis(lasting)),
            address: place.to_owned(),
        };
        let secret = Secret::draw()?;
        self.0.database.logins().add(&login, &secret.hash()).await?;
        Ok((secret, login))
    }

    /// The principal of a log-in's secret; `None` if it is unknown or has ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of_login(&self, secret: &str) -> Result<Option<Principal>, AccessError> {
        match self
            .0
            .database
            .logins()
            .by_hash(&secret::hash(secret))
            .await?
        {
            Some(login) => self.of(login).await,
            None => Ok(None),
        }
    }

    /// Whose a log-in is that the database has; `None` where it is over.
    async fn of(&self, login: Login) -> Result<Option<Principal>, AccessError> {
        let database = &self.0.database;
        let now = now();
        let idle = match &login.whose {
            LoginOwner::Account(_) => millis(self.0.lasting.idle),
            LoginOwner::Seat(_) => i64::MAX,
        };
        if login.expires <= now || login.last_seen.saturating_add(idle) <= now {
            database.logins().end(&login.id).await?;
            return Ok(None);
        }
        if login.last_seen.saturating_add(millis(TOUCH)) <= now {
            log_failure(database.logins().touch(&login.id, now).await);
        }
        match login.whose.clone() {
            LoginOwner::Account(id) => {
                let account = database.accounts().find(&id).await?;
                let Some(account) = account.filter(|account| !account.disabled) else {
                    return Ok(None);
                };
                let named = database.invigilators().sessions_of(&account.id).await?;
                Ok(Some(Principal::Account {
                    login,
                    account,
                    named,
                }))
            }
            LoginOwner::Seat(id) => {
                let place = database.seats().summary(&id).await?;
                Ok(place.map(|place| Principal::Seat { login, place }))
            }
        }
    }

    /// The principal of an API token; `None` if it is unknown or has expired.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of_token(&self, secret: &str) -> Result<Option<Principal>, AccessError> {
        let database = &self.0.database;
        let now = now();
        let token = database.tokens().by_hash(&secret::hash(secret)).await?;
        let Some(token) = token.filter(|token| token.expires.is_none_or(|at| at > now)) else {
            return Ok(None);
        };
        let is_fresh = |at: i64| at.saturating_add(millis(TOUCH)) > now;
        if !token.last_used.is_some_and(is_fresh) {
            log_failure(database.tokens().touch(&token.id, now).await);
        }
        Ok(Some(Principal::Token(token)))
    }

    /// Ends one log-in.
    ///
    /// # Errors
    /// The database fails.
    pub async fn log_out(&self, login: &Login) -> Result<(), AccessError> {
        self.0.database.logins().end(&login.id).await?;
        self.notify_log_in_ended();
        Ok(())
    }

    /// Ends all log-ins of an account, and returns how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn revoke_account(&self, account: &Account) -> Result<u64, AccessError> {
        self.revoke(&LoginOwner::Account(account.id.clone())).await
    }

    /// Ends all log-ins of a seat, such as when its code is replaced, and returns how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn revoke_seat(&self, seat: &SeatSummary) -> Result<u64, AccessError> {
        self.revoke(&LoginOwner::Seat(seat.id.clone())).await
    }

    async fn revoke(&self, whose: &LoginOwner) -> Result<u64, AccessError> {
        let ended = self.0.database.logins().end_all(whose).await?;
        self.notify_log_in_ended();
        Ok(ended)
    }

    /// Has those look again who wait for the end of a log-in.
    fn notify_log_in_ended(&self) {
        self.0
            .endings
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until the log-in of a request has ended, when the request's connections have to end;
    /// waits for ever if the request has no log-in.
    pub async fn until_ended(self, principal: Principal) {
        let Some(login) = principal.login() else {
            return std::future::pending().await;
        };
        let mut endings = self.0.endings.subscribe();
        // It may have ended since the request came in.
        endings.mark_changed();
        let left = u64::try_from(login.expires.saturating_sub(now())).unwrap_or(0);
        let revoked = async {
            while endings.changed().await.is_ok() {
                match self.0.database.logins().exists(&login.id).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        let error = plateau_labs::error::chain(&error);
                        tracing::warn!(error, "whether a log-in is over is not known");
                    }
                }
            }
        };
        tokio::select! {
            () = revoked => {}
            () = tokio::time::sleep(Duration::from_millis(left)) => {}
        }
    }

    /// Forgets what is over.
    async fn sweep(&self, now: i64) -> Result<(), AccessError> {
        let inner = &self.0;
        inner.limits.sweep();
        inner.database.logins().sweep(now).await?;
        let old = now.saturating_sub(millis(limits::REMEMBERED));
        Ok(inner.database.failures().sweep(old).await?)
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
/// Whoever shows what is right gets in, also where that cannot be written down.
fn log_failure(written: Result<(), crate::store::DatabaseError>) {
    if let Err(error) = written {
        let reason = plateau_labs::error::chain(&error);
        tracing::warn!(reason, "a use is not written down");
    }
}
