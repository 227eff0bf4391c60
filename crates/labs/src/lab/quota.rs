//! How many programs people may run in a lab's nodes: commands, tunnels and transfers together.
//!
//! Each is an exec of the engine, which all labs share. Connections to web applications have places of
//! their own, since a browser opens many and nobody counts them; they wait instead of being refused.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LabError;

/// Programs of people at the same time.
const AT_ONCE: usize = 16;

/// Connections to web applications at the same time.
const CONNECTIONS: usize = 64;

/// How many may begin at once, and how many a second after that.
const BURST: NonZeroU32 = NonZeroU32::new(100).unwrap();
const RATE: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// What a program in a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramUse {
    /// A person's command, tunnel or transfer.
    Person,
    /// A connection to a web application.
    Application,
}

/// What is left of a lab's programs.
#[derive(Debug)]
pub(super) struct ProgramQuota {
    places: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
    connection_rate: DefaultDirectRateLimiter,
}

impl ProgramQuota {
    /// All of it.
    pub(super) fn new() -> Self {
        let rate = || RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST));
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            rate: rate(),
            connection_rate: rate(),
        }
    }

    /// Takes a place for one program of a lab, until it is dropped.
    pub(super) async fn take(
        &self,
        used: ProgramUse,
        lab: &str,
    ) -> Result<OwnedSemaphorePermit, LabError> {
        match used {
            ProgramUse::Person => {
                let busy = |limit| LabError::Busy {
                    lab: lab.to_owned(),
                    limit,
                };
                let place = Arc::clone(&self.places)
                    .try_acquire_owned()
                    .map_err(|_| busy(format!("{AT_ONCE} at the same time")))?;
                match self.rate.check() {
                    Ok(()) => Ok(place),
                    Err(_) => Err(busy(format!("{RATE} a second"))),
                }
            }
            ProgramUse::Application => {
                self.connection_rate.until_ready().await;
                let place = Arc::clone(&self.connections).acquire_owned().await;
                place.map_err(|_| LabError::GivenUp {
                    lab: lab.to_owned(),
                })
            }
        }
    }
}
