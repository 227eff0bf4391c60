//! What is wrong with a lab's links.

use std::sync::{Mutex, MutexGuard, PoisonError};

use plateau_core::link::{Link, LinkImpairments};
use plateau_core::plan::Wiring;
use plateau_core::topology::PhaseAction;

/// How long what is done to a lab lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EffectDuration {
    /// Until the end of the grading, which undoes it.
    Grading,
    /// For good: it is part of the situation that the candidate works in.
    Permanent,
}

/// What is wrong with the lab's links.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<Impairments>);

#[derive(Debug, Default)]
struct Impairments {
    /// By events, for good.
    lasting: LinkImpairments,
    /// Now.
    now: LinkImpairments,
}

impl Links {
    fn lock(&self) -> MutexGuard<'_, Impairments> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link is cut, mended or shaped: which, where there is one.
    pub(super) fn record_action<'a>(
        &self,
        action: &'a PhaseAction,
        lasting: EffectDuration,
    ) -> Option<&'a Link> {
        let mut impairments = self.lock();
        match lasting {
            EffectDuration::Permanent => {
                impairments.lasting.record_action(action);
            }
            EffectDuration::Grading => {}
        }
        impairments.now.record_action(action)
    }

    /// What events have done in the time of another daemon, or before the lab was kept.
    pub(super) fn restore<'a>(&self, actions: impl Iterator<Item = &'a PhaseAction>) {
        let mut impairments = self.lock();
        for action in actions {
            impairments.lasting.record_action(action);
        }
        impairments.now = impairments.lasting.clone();
    }

    /// Mends what a grading did. Whether that changes anything.
    pub(super) fn mend(&self) -> bool {
        let mut impairments = self.lock();
        let before = std::mem::take(&mut impairments.now);
        impairments.now = impairments.lasting.clone();
        before != impairments.now
    }

    /// Writes what is wrong now into a wiring.
    pub(super) fn apply_to(&self, wiring: &mut Wiring) {
        self.lock().now.apply_to(wiring);
    }
}
