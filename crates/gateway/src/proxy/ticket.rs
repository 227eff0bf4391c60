//! Admission of browsers: a ticket for one use, and the pass that it is exchanged for.
//!
//! Both are secrets of 256 bits, whose hashes are kept in memory only: a restart of the daemon invalidates
//! them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plateau_exam::access::secret::{self, Secret};
use plateau_exam::access::{AccessError, Principal};

use super::name::AppTarget;

/// How long a ticket is valid.
pub const LASTING: Duration = Duration::from_secs(30);

/// How long a pass is good where no log-in ends before.
const PASS: Duration = Duration::from_secs(12 * 3600);

/// Most that one log-in has at a time of tickets and of passes; then its oldest goes.
const MOST: usize = 64;

/// A principal, and the application that they may use.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The application.
    pub target: AppTarget,
    /// Who asked for it.
    pub principal: Principal,
    /// What it is asked for as `Host`; its name in the browser where absent.
    pub host: Option<String>,
}

/// Values by secret, each for a target and with an expiry.
#[derive(Debug)]
pub(super) struct SecretMap<T> {
    kept: BTreeMap<String, Issued<T>>,
    lasting: Duration,
    number: u64,
}

#[derive(Debug)]
struct Issued<T> {
    target: AppTarget,
    owner: String,
    thing: T,
    until: Instant,
    number: u64,
}

impl<T> SecretMap<T> {
    /// None yet, of tickets.
    pub(super) fn tickets() -> Self {
        Self::lasting(LASTING)
    }

    /// None yet, of passes.
    pub(super) fn passes() -> Self {
        Self::lasting(PASS)
    }

    fn lasting(lasting: Duration) -> Self {
        Self {
            kept: BTreeMap::new(),
            lasting,
            number: 0,
        }
    }

    /// Keeps something for whoever shows the secret, which is told once.
    pub(super) fn issue(
        &mut self,
        target: &AppTarget,
        principal: &Principal,
        thing: T,
        now: Instant,
    ) -> Result<Secret, AccessError> {
        let secret = Secret::draw()?;
        self.kept.retain(|_, kept| kept.until > now);
        let owner = owner(principal);
        let owned = self.kept.iter().filter(|(_, kept)| kept.owner == owner);
        let owned: Vec<(u64, String)> = owned
            .map(|(hash, kept)| (kept.number, hash.clone()))
            .collect();
        if owned.len() >= MOST
            && let Some((_, oldest)) = owned.into_iter().min()
        {
            self.kept.remove(&oldest);
        }
        self.number += 1;
        let kept = Issued {
            target: target.clone(),
            owner,
            thing,
            until: now + self.lasting,
            number: self.number,
        };
        self.kept.insert(secret.hash(), kept);
        Ok(secret)
    }

    /// What a secret is for at this target. At another it is worth nothing.
    pub(super) fn find(&self, shown: &str, target: &AppTarget, now: Instant) -> Option<&T> {
        let kept = self.kept.get(&secret::hash(shown))?;
        (kept.target == *target && kept.until > now).then_some(&kept.thing)
    }

    /// The same, for the last time, also where it is shown at another target: whoever does that has
    /// it from somebody else.
    pub(super) fn take(&mut self, shown: &str, target: &AppTarget, now: Instant) -> Option<T> {
        let kept = self.kept.remove(&secret::hash(shown))?;
        (kept.target == *target && kept.until > now).then_some(kept.thing)
    }
}

/// Whose it is.
fn owner(principal: &Principal) -> String {
    match principal {
        Principal::Account { login, .. } | Principal::Seat { login, .. } => login.id.clone(),
        Principal::Token(token) => token.id.clone(),
        Principal::Local | Principal::Nobody => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(node: &str) -> AppTarget {
        AppTarget {
            lab: "019ab3c4-1111-7222-8333-0123456789ab".to_owned(),
            node: node.to_owned(),
            port: 80.try_into().unwrap(),
        }
    }

    fn issue(secrets: &mut SecretMap<u32>, node: &str, thing: u32, now: Instant) -> String {
        let secret = secrets.issue(&target(node), &Principal::Local, thing, now);
        secret.unwrap().reveal().to_owned()
    }

    #[test]
    fn a_ticket_is_for_one_use_one_target_and_half_a_minute() {
        let mut tickets = SecretMap::tickets();
        let now = Instant::now();
        let late = now + LASTING;
        let just = late - Duration::from_millis(1);
        let ticket = issue(&mut tickets, "web", 1, now);
        assert_eq!(tickets.take(&ticket, &target("web"), just), Some(1));
        assert_eq!(tickets.take(&ticket, &target("web"), just), None);
        let ticket = issue(&mut tickets, "web", 2, now);
        assert_eq!(tickets.take(&ticket, &target("web"), late), None);
        let ticket = issue(&mut tickets, "web", 3, now);
        assert_eq!(tickets.take(&ticket, &target("db"), now), None);
        assert_eq!(tickets.take(&ticket, &target("web"), now), None);
    }

    #[test]
    fn a_pass_is_found_again_and_for_its_target_alone() {
        let mut passes = SecretMap::passes();
        let now = Instant::now();
        let pass = issue(&mut passes, "web", 1, now);
        for _ in 0..2 {
            assert_eq!(passes.find(&pass, &target("web"), now), Some(&1));
        }
        assert_eq!(passes.find(&pass, &target("db"), now), None);
        assert_eq!(passes.find(&"0".repeat(64), &target("web"), now), None);
        assert_eq!(passes.find(&pass, &target("web"), now + PASS), None);
    }

    #[test]
    fn whoever_asks_for_ever_more_loses_their_oldest() {
        let mut tickets = SecretMap::tickets();
        let now = Instant::now();
        let first = issue(&mut tickets, "web", 0, now);
        let second = issue(&mut tickets, "web", 1, now);
        for thing in 2..=MOST {
            issue(&mut tickets, "web", u32::try_from(thing).unwrap(), now);
        }
        assert_eq!(tickets.kept.len(), MOST);
        assert_eq!(tickets.take(&first, &target("web"), now), None);
        assert_eq!(tickets.take(&second, &target("web"), now), Some(1));
        // What is over goes with the next one.
        issue(&mut tickets, "web", 1, now + LASTING);
        assert_eq!(tickets.kept.len(), 1);
    }
}
