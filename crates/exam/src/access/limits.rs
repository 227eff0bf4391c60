//! Rate limits on failed log-ins, which do not lock anybody else out. Decision 0030 has the reasons.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use super::AccessError;
use crate::store::failures::FailureCount;

/// Tries of one name at one address that cost nothing but the try.
const FREE: i64 = 5;

/// Longest wait between two tries of one name at one address. Whoever shares the address with
/// a guesser has to wait as long, so it is short.
const LONGEST: Duration = Duration::from_secs(60);

/// How long failed log-ins are remembered.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Passwords that an address may try at once, and the time until it may try one more.
const PASSWORDS: (NonZeroU32, Duration) = (NonZeroU32::new(30).unwrap(), Duration::from_secs(1));

/// Wrong codes of an address that are looked at before it is told to wait.
const MISSES: (NonZeroU32, Duration) = (NonZeroU32::new(120).unwrap(), Duration::from_millis(200));

/// Times that a seat may come in at once, and the time until it may once more. Nobody needs as many;
/// each costs writes to the database.
const ENTRIES: (NonZeroU32, Duration) = (NonZeroU32::new(60).unwrap(), Duration::from_secs(1));

/// Times that a seat may change its keys at once, and the time until it may once more. Each is an entry of
/// the session's log, which keeps everything for ever.
const KEY_CHANGES: (NonZeroU32, Duration) = (NonZeroU32::new(8).unwrap(), Duration::from_secs(60));

/// How often each seat may change its keys, in memory.
#[derive(Debug)]
pub(crate) struct KeyChanges {
    limiter: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Default for KeyChanges {
    fn default() -> Self {
        Self {
            limiter: limiter(KEY_CHANGES),
            clock: DefaultClock::default(),
        }
    }
}

impl KeyChanges {
    /// Counts that a seat changes its keys.
    pub(crate) fn count(&self, seat: &str) -> Result<(), AccessError> {
        self.limiter.retain_recent();
        let checked = self.limiter.check_key(&seat.to_owned());
        checked.map_err(|not_until| AccessError::Later {
            wait: not_until.wait_time_from(self.clock.now()),
        })
    }
}

/// Limits for each address or seat, in memory: they are refilled in a minute anyway.
#[derive(Debug)]
pub struct Limits {
    passwords: DefaultKeyedRateLimiter<IpAddr>,
    misses: DefaultKeyedRateLimiter<IpAddr>,
    entries: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            passwords: limiter(PASSWORDS),
            misses: limiter(MISSES),
            entries: limiter(ENTRIES),
            clock: DefaultClock::default(),
        }
    }
}

impl Limits {
    /// Whether an address may try a password.
    pub(super) fn password(&self, from: Option<IpAddr>) -> Result<(), AccessError> {
        self.check(&self.passwords, from, network)
    }

    /// Counts a wrong code.
    pub(super) fn miss(&self, from: Option<IpAddr>) -> Result<(), AccessError> {
        self.check(&self.misses, from, network)
    }

    /// Counts that a seat comes in.
    pub(super) fn entry(&self, seat: &str, from: Option<IpAddr>) -> Result<(), AccessError> {
        self.check(&self.entries, from, |_| seat.to_owned())
    }

    fn check<K: Clone + Eq + Hash>(
        &self,
        limiter: &DefaultKeyedRateLimiter<K>,
        from: Option<IpAddr>,
        key: impl FnOnce(IpAddr) -> K,
    ) -> Result<(), AccessError> {
        // Whoever may use the socket is the administrator.
        let Some(from) = from else { return Ok(()) };
        let checked = limiter.check_key(&key(from));
        checked.map_err(|not_until| AccessError::Later {
            wait: not_until.wait_time_from(self.clock.now()),
        })
    }

    /// Forgets addresses and seats that have their whole allowance again.
    pub(super) fn sweep(&self) {
        forget(&self.passwords);
        forget(&self.misses);
        forget(&self.entries);
    }
}

/// So many at once, and the time until there may be one more.
fn limiter<K: Clone + Eq + Hash>(
    (burst, period): (NonZeroU32, Duration),
) -> DefaultKeyedRateLimiter<K> {
    let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst));
    DefaultKeyedRateLimiter::keyed(quota.allow_burst(burst))
}

fn forget<K: Clone + Eq + Hash>(limiter: &DefaultKeyedRateLimiter<K>) {
    limiter.retain_recent();
    limiter.shrink_to_fit();
}

/// Where a client is, as it is written down.
pub(super) fn place(from: Option<IpAddr>) -> String {
    from.map_or_else(|| "local".to_owned(), |from| network(from).to_string())
}

/// What counts as one address: with IPv6 a machine has as many as it likes in its network of 64 bits.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !0 << 64))
        }
        address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
    }
}

/// How long to wait before the next try: 1, 2, 4 … seconds after the last, once there were some.
pub(super) fn back_off(failed: Option<FailureCount>, now: i64) -> Option<Duration> {
    let failed = failed.filter(|failed| failed.count >= FREE)?;
    let doublings = u32::try_from(failed.count - FREE).unwrap_or(u32::MAX);
    let wait = 2_u64
        .checked_pow(doublings)
        .map_or(LONGEST, Duration::from_secs);
    let wait = wait.min(LONGEST);
    // A clock that went back must not make anybody wait longer.
    let passed = u64::try_from(now.saturating_sub(failed.last)).unwrap_or(0);
    let left = wait.saturating_sub(Duration::from_millis(passed));
    (!left.is_zero()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_stays_short() {
        let wait =
            |count, passed: i64| back_off(Some(FailureCount { count, last: 1000 }), 1000 + passed);
        let seconds = |number| Some(Duration::from_secs(number));
        assert_eq!(back_off(None, 0), None);
        assert_eq!(wait(4, 0), None);
        assert_eq!(wait(5, 0), seconds(1));
        assert_eq!(wait(5, 1000), None);
        assert_eq!(wait(8, 2000), seconds(6));
        for count in [11, 70, i64::MAX] {
            assert_eq!(wait(count, 0), seconds(60), "{count}");
        }
        // The clock went back.
        assert_eq!(wait(5, -5000), seconds(1));
    }

    #[test]
    fn an_address_is_slowed_alone_and_the_socket_never() {
        let limits = Limits::default();
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let tries = (0..100).filter(|_| limits.password(Some(here)).is_ok());
        assert!((30..35).contains(&tries.count()));
        assert!(limits.password("192.0.2.2".parse().ok()).is_ok());
        assert!((0..100).all(|_| limits.password(None).is_ok()));
        let Err(AccessError::Later { wait }) = limits.password(Some(here)) else {
            panic!("the address is not slowed");
        };
        assert!(wait <= Duration::from_secs(1));
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let place = |text: &str| place(Some(text.parse().unwrap()));
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:2"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
        assert_eq!(place("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(place("::1"), "::1");
    }
}
