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
pub(super) struct Links(Mutex<Faults>);

#[derive(Debug, Default)]
struct Faults {
    /// By events, for good.
    lasting: LinkImpairments,
    /// Now.
    now: LinkImpairments,
}

impl Links {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link is cut, mended or shaped: which, where there is one.
    pub(super) fn record_action<'a>(
        &self,
        action: &'a PhaseAction,
        lasting: EffectDuration,
    ) -> Option<&'a Link> {
        let mut faults = self.faults();
        match lasting {
            EffectDuration::Permanent => {
                faults.lasting.record_action(action);
            }
            EffectDuration::Grading => {}
        }
        faults.now.record_action(action)
    }

    /// What events have done in the time of another daemon, or before the lab was kept.
    pub(super) fn have_suffered<'a>(&self, actions: impl Iterator<Item = &'a PhaseAction>) {
        let mut faults = self.faults();
        for action in actions {
            faults.lasting.record_action(action);
        }
        faults.now = faults.lasting.clone();
    }

    /// Mends what a grading did. Whether that changes anything.
    pub(super) fn mend(&self) -> bool {
        let mut faults = self.faults();
        let before = std::mem::take(&mut faults.now);
        faults.now = faults.lasting.clone();
        before != faults.now
    }

    /// Writes what is wrong now into a wiring.
    pub(super) fn apply_to(&self, wiring: &mut Wiring) {
        self.faults().now.apply_to(wiring);
    }
}
