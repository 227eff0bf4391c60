//! Connections that a listener has at the same time: how many in all and of one address, and who gives
//! way when there are too many. HTTP and SSH each have their own.
//!
//! A connection is a stranger's until somebody has logged in on it. Strangers may have a part of the
//! places only. Where there is none left, the stranger who has been quiet for longest gives way: whoever
//! comes gets in, and whoever only holds connections loses them. Nobody who is logged in gives way.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plateau_exam::access::limits::network;
use tokio_util::sync::CancellationToken;

use crate::metrics;

pub use stream::{LimitedAcceptor, LimitedStream};

mod descriptors;
mod port;
mod stream;

pub use descriptors::raise_descriptor_limit;
pub use port::listen;

/// How long an address is known by which somebody was logged in.
const KNOWN: Duration = Duration::from_secs(14 * 3600);

/// Addresses that are known at most.
const ADDRESSES: usize = 4096;

/// How many connections a listener has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// Of one address; with IPv6 of one network of 64 bits.
    pub per_address: usize,
    /// Of the total, those that only addresses have from which somebody is logged in.
    pub reserved: usize,
    /// How long one may be quiet between two requests, or take to send the head of one.
    pub idle: Duration,
}

impl ConnectionLimits {
    /// Most connections of the port where nobody said.
    pub const TOTAL: u32 = 4096;

    /// Most connections of one address where nobody said: a room may share one.
    pub const PER_ADDRESS: u32 = 512;

    /// Seconds that one may be quiet where nobody said.
    pub const IDLE_SECONDS: u32 = 60;

    /// So many, a quarter of them reserved.
    #[must_use]
    pub fn new(total: u32, per_address: u32, idle_seconds: u32) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        Self {
            total: size(total),
            per_address: size(per_address),
            reserved: size(total) / 4,
            idle: Duration::from_secs(u64::from(idle_seconds.max(1))),
        }
    }

    /// At most so many in all, the same part of them reserved.
    #[must_use]
    pub fn at_most(self, total: usize) -> Self {
        if total >= self.total {
            return self;
        }
        Self {
            total: total.max(1),
            reserved: total / 4,
            ..self
        }
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self::new(Self::TOTAL, Self::PER_ADDRESS, Self::IDLE_SECONDS)
    }
}

/// The connections of one listener. Clones share them.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What is listened for, such as `http`, for the metrics.
    kind: &'static str,
    limits: ConnectionLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts connections and what they do: a later one is a larger one.
    turn: u64,
    open: HashMap<u64, OpenConnection>,
    /// Of those that nobody is logged in on, when they were last used → which it is.
    strangers: BTreeMap<u64, u64>,
    /// Address → connections.
    addresses: HashMap<IpAddr, AddressCount>,
    /// Addresses from which somebody was logged in, and when.
    known: HashMap<IpAddr, Instant>,
}

#[derive(Debug)]
struct OpenConnection {
    address: IpAddr,
    /// When it was last used; absent once somebody is logged in.
    quiet_since: Option<u64>,
    displaced: CancellationToken,
}

#[derive(Debug, Default)]
struct AddressCount {
    all: usize,
    /// As [`State::strangers`], of this address.
    strangers: BTreeMap<u64, u64>,
}

/// A connection's place, which is free again when this is dropped.
#[derive(Debug)]
pub struct ConnectionPlace {
    handle: ConnectionHandle,
    displaced: CancellationToken,
}

/// A connection, for those who see what is done on it.
#[derive(Clone, Debug)]
pub struct ConnectionHandle {
    connections: Connections,
    id: u64,
}

impl Connections {
    /// None yet. `kind` is what the metrics call them.
    #[must_use]
    pub fn new(kind: &'static str, limits: ConnectionLimits) -> Self {
        Self(Arc::new(Shared {
            kind,
            limits,
            state: Mutex::default(),
        }))
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> ConnectionLimits {
        self.0.limits
    }

    /// A place for a connection of an address, where need be that of a stranger who is quiet; `None` where
    /// there is none.
    #[must_use]
    pub fn admit(&self, from: IpAddr) -> Option<ConnectionPlace> {
        let address = network(from);
        let limits = self.0.limits;
        let mut state = self.state();
        let own = state.addresses.get(&address);
        let is_full_of_own = own.is_some_and(|own| own.all >= limits.per_address);
        let has_place = !is_full_of_own || {
            let quiet = own.and_then(|own| own.strangers.values().next().copied());
            self.displace(&mut state, quiet)
        };
        let is_known = state.is_known(address);
        let has_place = has_place && {
            let for_strangers = limits.total - limits.reserved;
            let is_full = state.open.len() >= limits.total
                || !is_known && state.strangers.len() >= for_strangers;
            let quiet = state.strangers.values().next().copied();
            !is_full || self.displace(&mut state, quiet)
        };
        if !has_place {
            metrics::connection_refused(self.0.kind);
            return None;
        }
        let (id, displaced) = state.open(address);
        metrics::connection_opened(self.0.kind);
        Some(ConnectionPlace {
            handle: ConnectionHandle {
                connections: self.clone(),
                id,
            },
            displaced,
        })
    }

    /// Ends a connection to make room; not where there is none.
    fn displace(&self, state: &mut State, id: Option<u64>) -> bool {
        let removed = id.and_then(|id| state.remove(id));
        let Some(removed) = removed else { return false };
        removed.displaced.cancel();
        metrics::connection_displaced(self.0.kind);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    fn is_known(&self, address: IpAddr) -> bool {
        let seen = self.known.get(&address);
        seen.is_some_and(|seen| seen.elapsed() < KNOWN)
    }

    fn open(&mut self, address: IpAddr) -> (u64, CancellationToken) {
        let id = self.next_turn();
        let displaced = CancellationToken::new();
        let connection = OpenConnection {
            address,
            quiet_since: Some(id),
            displaced: displaced.clone(),
        };
        self.open.insert(id, connection);
        self.strangers.insert(id, id);
        let own = self.addresses.entry(address).or_default();
        own.all += 1;
        own.strangers.insert(id, id);
        (id, displaced)
    }

    /// A stranger's connection has another place among those of strangers, or none.
    fn reorder(&mut self, id: u64, to: Option<u64>) {
        let Some(connection) = self.open.get_mut(&id) else {
            return;
        };
        let Some(was) = connection.quiet_since else {
            return;
        };
        connection.quiet_since = to;
        self.strangers.remove(&was);
        let own = self.addresses.entry(connection.address).or_default();
        own.strangers.remove(&was);
        if let Some(to) = to {
            self.strangers.insert(to, id);
            own.strangers.insert(to, id);
        }
    }

    fn log_in(&mut self, id: u64) {
        let Some(connection) = self.open.get(&id) else {
            return;
        };
        let address = connection.address;
        if self.known.len() >= ADDRESSES {
            self.known.retain(|_, seen| seen.elapsed() < KNOWN);
        }
        if self.known.len() < ADDRESSES || self.known.contains_key(&address) {
            self.known.insert(address, Instant::now());
        }
        self.reorder(id, None);
    }

    fn remove(&mut self, id: u64) -> Option<OpenConnection> {
        self.reorder(id, None);
        let connection = self.open.remove(&id)?;
        if let Some(own) = self.addresses.get_mut(&connection.address) {
            own.all -= 1;
            if own.all == 0 {
                self.addresses.remove(&connection.address);
            }
        }
        Some(connection)
    }
}

impl ConnectionPlace {
    /// The connection.
    #[must_use]
    pub fn handle(&self) -> &ConnectionHandle {
        &self.handle
    }

    /// What is cancelled once the place is given to somebody else.
    #[must_use]
    pub fn displaced(&self) -> &CancellationToken {
        &self.displaced
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let connections = &self.handle.connections;
        let _ = connections.state().remove(self.handle.id);
        metrics::connection_closed(connections.0.kind);
    }
}

impl ConnectionHandle {
    /// Somebody uses it without having logged in: others give way first.
    pub fn touch(&self) {
        let mut state = self.connections.state();
        let turn = state.next_turn();
        state.reorder(self.id, Some(turn));
    }

    /// Somebody is logged in on it: it never gives way, and its address has a part in the reserved places.
    pub fn log_in(&self) {
        self.connections.state().log_in(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(total: u32, per_address: u32) -> Connections {
        Connections::new("test", ConnectionLimits::new(total, per_address, 60))
    }

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    fn is_displaced(place: &ConnectionPlace) -> bool {
        place.displaced().is_cancelled()
    }

    #[test]
    fn the_stranger_who_is_quiet_for_longest_gives_way() {
        let connections = connections(4, 4);
        let places: Vec<_> = (0..3)
            .map(|number| connections.admit(address(number)).unwrap())
            .collect();
        places[0].handle().touch();
        let last = connections.admit(address(9)).unwrap();
        let given_way: Vec<bool> = places.iter().map(is_displaced).collect();
        assert_eq!(given_way, [false, true, false]);
        assert!(!is_displaced(&last));
        drop(places);
        drop(last);
        assert!(connections.state().open.is_empty());
        assert!(connections.state().addresses.is_empty());
        assert!(connections.state().strangers.is_empty());
    }

    #[test]
    fn who_is_logged_in_keeps_their_place_and_gets_a_reserved_one() {
        let connections = connections(4, 4);
        let inside = connections.admit(address(1)).unwrap();
        inside.handle().log_in();
        let strangers: Vec<_> = (2..30)
            .map(|number| connections.admit(address(number)).unwrap())
            .collect();
        assert!(!is_displaced(&inside));
        let left = strangers.iter().filter(|place| !is_displaced(place));
        assert_eq!(left.count(), 3);
        // All four places are taken; somebody of a known address comes in all the same.
        let again = connections.admit(address(1)).unwrap();
        again.handle().log_in();
        assert!(!is_displaced(&again) && !is_displaced(&inside));
        let third = connections.admit(address(1)).unwrap();
        third.handle().log_in();
        let fourth = connections.admit(address(1)).unwrap();
        fourth.handle().log_in();
        assert!(connections.admit(address(1)).is_none(), "nobody gives way");
    }

    #[test]
    fn an_address_displaces_its_own_and_a_network_of_64_bits_is_one() {
        let connections = connections(40, 2);
        let other = connections.admit(address(1)).unwrap();
        let own: Vec<_> = (1..4)
            .map(|host| {
                let from = format!("2001:db8::{host}").parse().unwrap();
                connections.admit(from).unwrap()
            })
            .collect();
        let given_way: Vec<bool> = own.iter().map(is_displaced).collect();
        assert_eq!(given_way, [true, false, false]);
        assert!(!is_displaced(&other));
        own[1].handle().log_in();
        own[2].handle().log_in();
        assert!(connections.admit("2001:db8::9".parse().unwrap()).is_none());
        assert!(
            connections
                .admit("2001:db8:0:1::9".parse().unwrap())
                .is_some()
        );
    }
}
