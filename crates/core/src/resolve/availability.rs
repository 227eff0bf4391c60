//! Rules for questions that are asked repeatedly during a phase's steps.

use super::Resolver;
use crate::quantity::Span;
use crate::question::availability::AvailabilityCheck;
use crate::question::{Expectation, Vantage};
use crate::topology::AS_LEFT;
use crate::tree::Path;

const SHORTEST: Span = Span(100);
const LONGEST: Span = Span(60_000);

impl Resolver<'_> {
    /// A watched question needs a phase that takes its time.
    pub(super) fn watched_phase(&mut self, path: &Path, phase: &str, that: &Expectation) {
        // A phase that is not there, or that cannot be read, has been reported.
        let idle = phase == AS_LEFT
            || self.declared.phases.iter().any(|known| known == phase)
                && !self.busy.contains(phase);
        if matches!(that, Expectation::Availability(_)) && idle {
            let message = format!(
                "nothing is done to a lab in phase `{phase}`, so there is nothing to watch"
            );
            let hint = Some("name a phase that has steps with `phase: NAME`".to_owned());
            self.problem(path, "nothing-to-watch", message, hint);
        }
    }

    /// Checks the question within, and puts what it names in its place.
    pub(super) fn availability(
        &mut self,
        path: &Path,
        check: &AvailabilityCheck,
    ) -> Option<Expectation> {
        let mut good = true;
        if let Some(every) = check
            .every
            .filter(|every| !(SHORTEST..=LONGEST).contains(every))
        {
            let hint = Some(format!("from {SHORTEST} to {LONGEST}"));
            let message = format!("`{every}` is not a valid time between two attempts");
            self.problem(&path.key("every"), "bad-value", message, hint);
            good = false;
        }
        let kind = check.of.kind();
        let watched = path.key("of").key(kind);
        if matches!(*check.of, Expectation::Availability(_)) {
            let message = "an availability has no availability".to_owned();
            self.problem(&watched, "bad-value", message, None);
            return None;
        }
        if check.of.vantage() == Vantage::Inside {
            let message = format!("`{kind}` is asked of a node's inside and cannot be watched");
            let hint = Some("watch what another machine sees, such as `tcp` or `http`".to_owned());
            self.problem(&watched, "bad-value", message, hint);
            return None;
        }
        let of = self.expectation(&path.key("of"), &check.of)?;
        good.then(|| {
            Expectation::Availability(AvailabilityCheck {
                of: Box::new(of),
                ..check.clone()
            })
        })
    }
}
