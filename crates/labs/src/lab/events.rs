//! Events: what happens to a lab while the candidate works in it.
//!
//! An event is written down before its first step, and what is written down is never done again,
//! whatever becomes of the daemon. What became of it is evidence: a line a step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use plateau_core::api::{EventProgress, EventRecord, EventView, LabEventKind, LabView};
use plateau_core::probe::Fact;
use plateau_core::topology::{ScenarioEvent, Trigger};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::LabError;
use super::actions::Actions;
use super::core::LabCore;
use super::links::{EffectDuration, Links};
use super::observers::Observers;
use crate::error::chain;
use crate::store::on_disk;

const CLOCK: &str = "clock.json";

/// Most that one sleep takes: the host's clock may be set meanwhile.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// By how much a stopwatch may be off before it is set.
const TOLERANCE: Duration = Duration::from_millis(100);

/// The candidate's clock, as it lies on disk.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ClockStart {
    started: Timestamp,
}

/// How long the candidate has worked, by which events happen. It stands still where they cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stopwatch {
    worked: Duration,
    /// Since when it runs on from there.
    since: Option<Instant>,
}

impl Stopwatch {
    /// One that shows so much, and runs or stands still.
    fn showing(worked: Duration, runs: bool) -> Self {
        Self {
            worked,
            since: runs.then(Instant::now),
        }
    }

    fn shows(&self) -> Duration {
        let more = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.worked.saturating_add(more)
    }

    fn runs(&self) -> bool {
        self.since.is_some()
    }
}

/// The candidate's clock, and the events that happen by it.
#[derive(Debug)]
pub(super) struct ScenarioEvents {
    core: Arc<LabCore>,
    links: Arc<Links>,
    actions: Arc<Actions>,
    observers: Arc<Observers>,
    /// Held while the clock is started or set.
    setting: Mutex<()>,
    /// How long the candidate has worked, once they have begun.
    stopwatch: watch::Sender<Option<Stopwatch>>,
    /// Whether somebody watches for events.
    watched: AtomicBool,
}

impl ScenarioEvents {
    pub(super) fn new(
        core: Arc<LabCore>,
        links: Arc<Links>,
        actions: Arc<Actions>,
        observers: Arc<Observers>,
    ) -> Self {
        Self {
            setting: Mutex::default(),
            stopwatch: watch::Sender::new(None),
            watched: AtomicBool::default(),
            core,
            links,
            actions,
            observers,
        }
    }

    /// The clock shows so much, and runs or stands still; one that is nearly right is left alone.
    fn set(&self, worked: Duration, runs: bool) {
        self.stopwatch.send_if_modified(|stopwatch| {
            let as_it_is = stopwatch.is_some_and(|known| {
                known.runs() == runs && known.shows().abs_diff(worked) <= TOLERANCE
            });
            if !as_it_is {
                *stopwatch = Some(Stopwatch::showing(worked, runs));
            }
            !as_it_is
        });
    }

    /// Whether nobody has watched for events so far: whoever asks does from now on.
    fn take_watch(&self) -> bool {
        !self.watched.swap(true, Ordering::SeqCst)
    }

    /// Starts the candidate's clock, from which events have their times. One that was started goes on.
    pub(super) async fn start_clock(self: &Arc<Self>) -> Result<LabView, LabError> {
        let _setting = self.setting.lock().await;
        if self.started().is_none() {
            self.keep_start().await?;
            let now = Stopwatch::showing(Duration::ZERO, true);
            self.stopwatch.send_replace(Some(now));
        }
        self.watch();
        Ok(self.core.view())
    }

    /// Has the candidate's clock show how long they have worked, and run or stand still.
    pub(super) async fn set_clock(
        self: &Arc<Self>,
        worked: Duration,
        runs: bool,
    ) -> Result<(), LabError> {
        let _setting = self.setting.lock().await;
        if self.started().is_none() {
            self.keep_start().await?;
        }
        self.set(worked, runs);
        self.watch();
        Ok(())
    }

    async fn keep_start(&self) -> Result<(), LabError> {
        let clock = ClockStart {
            started: Timestamp::now(),
        };
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        on_disk(move || store.keep(&id, CLOCK, &clock)).await?;
        let started = clock.started.to_string();
        self.core.update_view(|view| view.started = Some(started));
        Ok(())
    }

    fn started(&self) -> Option<Timestamp> {
        let view = self.core.view();
        view.started.as_ref().and_then(|at| at.parse().ok())
    }

    /// What a daemon before us wrote down.
    pub(super) async fn load(&self) -> Result<(), LabError> {
        let store = self.core.context.store.clone();
        let id = self.core.marker.id.clone();
        let clock = on_disk(move || store.kept::<ClockStart>(&id, CLOCK)).await?;
        let records = self.core.event_records().await?;
        self.stopwatch.send_replace(clock.map(|clock| {
            let worked = Timestamp::now().duration_since(clock.started);
            Stopwatch::showing(Duration::try_from(worked).unwrap_or_default(), true)
        }));
        self.core.update_view(|view| {
            view.started = clock.map(|clock| clock.started.to_string());
        });
        self.apply_records(&records);
        let interrupted: Vec<String> = self
            .core
            .view()
            .events
            .into_iter()
            .filter(|event| match event.progress {
                Some(EventProgress::Begun {} | EventProgress::Step { .. }) => true,
                Some(EventProgress::Done {} | EventProgress::Failed { .. }) | None => false,
            })
            .map(|event| event.id)
            .collect();
        for event in interrupted {
            let reason = "the daemon ended in the middle of it".to_owned();
            self.record(&event, EventProgress::Failed { reason })
                .await?;
        }
        Ok(())
    }

    /// What events have made of the lab: those that were shown, and the links as they left them.
    pub(super) fn apply_records(&self, records: &[EventRecord]) {
        self.core.update_view(|view| {
            for record in records {
                note(&mut view.events, record);
            }
        });
        let events = self.core.topology.events.iter();
        let done = events.flat_map(|event| &event.actions[..steps_done(records, event)]);
        self.links.restore(done);
    }

    /// Watches for events to happen, once the clock was started.
    pub(super) fn watch(self: &Arc<Self>) {
        if self.started().is_none() || !self.take_watch() {
            return;
        }
        let events = Arc::clone(self);
        self.core
            .spawn_background(async move { events.trigger().await });
    }

    async fn trigger(self: Arc<Self>) {
        let mut looked: Option<Instant> = None;
        let mut stopwatch = self.stopwatch.subscribe();
        while let pending @ [_, ..] = &*self.pending() {
            let runs = |known: &Option<Stopwatch>| known.is_some_and(|known| known.runs());
            let shown = stopwatch.wait_for(runs).await.map(|shown| *shown);
            let Ok(Some(shown)) = shown else {
                return;
            };
            let worked = shown.shows();
            let left = |event: &&ScenarioEvent| match event.trigger {
                Trigger::At(span) => Some(Duration::from_millis(span.0).saturating_sub(worked)),
                Trigger::When(_) => None,
            };
            let next = pending
                .iter()
                .filter_map(|event| Some((left(event)?, *event)))
                .min_by_key(|(left, _)| *left);
            if let Some((Duration::ZERO, event)) = next {
                self.run_event(event).await.ok();
                continue;
            }
            let watch = self.core.context.settings.watch;
            let waiting = pending.iter().any(|event| left(event).is_none());
            if waiting && looked.is_none_or(|looked| looked.elapsed() >= watch) {
                looked = Some(Instant::now());
                self.check_event_conditions(pending).await;
                continue;
            }
            let look = looked
                .filter(|_| waiting)
                .map(|looked| watch.saturating_sub(looked.elapsed()));
            let pauses = next.map(|(left, _)| left).into_iter().chain(look);
            tokio::select! {
                () = tokio::time::sleep(pauses.min().unwrap_or(MAX_SLEEP).min(MAX_SLEEP)) => {}
                _ = stopwatch.changed() => {}
            }
        }
    }

    /// Has the questions of checks asked that events wait for.
    async fn check_event_conditions(self: &Arc<Self>, pending: &[&ScenarioEvent]) {
        for event in pending {
            let Trigger::When(check) = &event.trigger else {
                continue;
            };
            if self.passes(check).await {
                self.run_event(event).await.ok();
            }
        }
    }

    async fn passes(self: &Arc<Self>, check: &str) -> bool {
        let Some(check) = self.core.topology.checks().find(|known| known.id == check) else {
            return false;
        };
        // Not in the middle of a phase, where it would be seen as it is not.
        let _work = self.core.lock_work().await;
        let limit = Duration::from_millis(check.timeout.0);
        match self
            .observers
            .see(&check.observer, &check.expectation, limit)
            .await
        {
            Fact::Seen(seen) => check
                .expectation
                .judge(&seen)
                .is_some_and(|findings| findings.iter().all(|finding| finding.holds)),
            Fact::CouldNotLook { .. } => false,
        }
    }

    /// Lets everything happen now that has not happened yet, in the order of the document.
    pub(super) async fn run_all(self: &Arc<Self>) -> Result<(), LabError> {
        for event in self.pending() {
            self.run_event(event).await?;
        }
        Ok(())
    }

    fn pending(&self) -> Vec<&ScenarioEvent> {
        let view = self.core.view();
        let pending = |event: &&ScenarioEvent| {
            view.events
                .iter()
                .any(|known| known.id == event.id && known.begun.is_none())
        };
        self.core.topology.events.iter().filter(pending).collect()
    }

    /// Lets an event happen, unless it did meanwhile.
    async fn run_event(self: &Arc<Self>, event: &ScenarioEvent) -> Result<(), LabError> {
        // A grading is not disturbed.
        let _work = self.core.lock_work().await;
        if !self.pending().iter().any(|known| known.id == event.id) {
            return Ok(());
        }
        let done = async {
            self.record(&event.id, EventProgress::Begun {}).await?;
            for action in &event.actions {
                let begun = Instant::now();
                self.actions.act(action, EffectDuration::Permanent).await?;
                let step = EventProgress::Step {
                    step: action.to_string(),
                    took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                };
                self.record(&event.id, step).await?;
            }
            Ok(())
        };
        let done: Result<(), LabError> = done.await;
        let last = match &done {
            Ok(()) => EventProgress::Done {},
            Err(error) => EventProgress::Failed {
                reason: chain(error),
            },
        };
        self.record(&event.id, last).await?;
        done
    }

    /// Writes evidence and tells it. What cannot be written is told all the same, and not done again.
    async fn record(&self, event: &str, progress: EventProgress) -> Result<(), LabError> {
        let record = EventRecord {
            at: Timestamp::now().to_string(),
            event: event.to_owned(),
            progress: progress.clone(),
        };
        self.core
            .update_view(|view| note(&mut view.events, &record));
        self.core.emit(LabEventKind::ScenarioEvent {
            event: event.to_owned(),
            progress,
        });
        self.core.append_event_record(record).await
    }
}

fn note(events: &mut [EventView], record: &EventRecord) {
    for event in events.iter_mut().filter(|known| known.id == record.event) {
        event.begun.get_or_insert_with(|| record.at.clone());
        event.progress = Some(record.progress.clone());
    }
}

/// How many of an event's steps are known to have been done.
fn steps_done(records: &[EventRecord], event: &ScenarioEvent) -> usize {
    let done = records.iter().filter(|record| {
        record.event == event.id && matches!(record.progress, EventProgress::Step { .. })
    });
    done.count().min(event.actions.len())
}
