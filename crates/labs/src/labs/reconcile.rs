//! Reconciles the records on disk with the containers of the engine, and follows the engine's events.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use plateau_core::api::LabState;
use plateau_core::scenario::Scenario;

use super::{Inner, Labs};
use crate::error::chain;
use crate::lab::down::down;
use crate::lab::task::{Command, StartMode};
use crate::lab::{Lab, LabError};
use crate::labels::{LAB, NODE, OWNER, ROLE};
use crate::runtime::{ContainerChange, ContainerEvent, Labels, Result as RuntimeResult, Runtime};
use crate::store::{Marker, Progress, on_disk};

pub(super) type Events = BoxStream<'static, RuntimeResult<ContainerEvent>>;

impl Labs {
    /// Adopts labs that are whole, removes what is half-built or forgotten, leaves strangers alone.
    pub(super) async fn reconcile(&self) -> Result<(), LabError> {
        let context = &self.inner.context;
        let store = context.store.clone();
        let markers = on_disk(move || store.markers()).await?;
        let ours = Labels::from([
            (OWNER.to_owned(), context.owner.clone()),
            (LAB.to_owned(), String::new()),
        ]);
        let found = context.runtime.list_containers(&ours).await;
        let found = found.map_err(LabError::runtime("list the labs' containers"))?;
        let mut there: BTreeSet<String> = found
            .into_iter()
            .filter_map(|container| container.labels.get(LAB).cloned())
            .collect();
        for marker in markers {
            let has_containers = there.remove(&marker.id);
            match marker.progress {
                Progress::Built if has_containers => self.adopt(marker).await,
                Progress::Built | Progress::Transitional => {
                    tracing::info!(lab = %marker.name, id = %marker.id, "removing what is left");
                    self.clear_away(&marker.id).await;
                }
            }
        }
        for orphan in there {
            tracing::info!(id = %orphan, "removing what is left of an unknown lab");
            self.clear_away(&orphan).await;
        }
        Ok(())
    }

    /// Waits until no lab is being recovered, for at most `within`.
    pub async fn brought_back(&self, within: Duration) {
        let known: Vec<_> = self.inner.labs().values().cloned().collect();
        let back = known.into_iter().map(async |known| {
            let mut view = known.lab.watch();
            // One that is removed meanwhile is not waited for.
            let _ = view
                .wait_for(|view| view.state != LabState::Recovering)
                .await;
        });
        // Whoever has not come by then is waited for elsewhere.
        let _ = tokio::time::timeout(within, join_all(back)).await;
    }

    /// Goes on with a lab that was built before we came. One whose scenario cannot be drawn any
    /// longer stays as it is: it holds somebody's work.
    async fn adopt(&self, marker: Marker) {
        let context = &self.inner.context;
        let store = context.store.clone();
        let hash = marker.hash.clone();
        let frozen = on_disk(move || store.thaw(&hash)).await;
        let drawn = frozen.map_err(LabError::from).and_then(|folder| {
            let scenario = Scenario::read(folder).map_err(LabError::Scenario)?;
            scenario.draw(&marker.seed).map_err(LabError::Scenario)
        });
        match drawn {
            Ok(topology) => {
                tracing::info!(lab = %marker.name, id = %marker.id, "adopting");
                let lab = Lab::adopt(Arc::clone(context), marker, topology);
                self.inner
                    .start(&mut self.inner.labs(), lab, StartMode::Adopt);
            }
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(lab = %marker.name, id = %marker.id, reason, "cannot be adopted");
            }
        }
    }

    async fn clear_away(&self, lab: &str) {
        let context = &self.inner.context;
        let cleared = down(context.runtime.as_ref(), &context.owner, lab).await;
        let store = context.store.clone();
        let id = lab.to_owned();
        let done = match cleared {
            Ok(()) => on_disk(move || store.forget(&id))
                .await
                .map_err(LabError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            // The marker stays, and the next start goes on.
            tracing::error!(lab, reason = chain(&error), "could not be removed");
        }
    }
}

/// Begins to listen to the engine.
pub(super) async fn listen(runtime: &Arc<dyn Runtime>) -> Result<Events, LabError> {
    let events = runtime.events(LAB).await;
    events.map_err(LabError::runtime("listen to the engine's events"))
}

/// Tells labs what the engine says of their nodes, for as long as somebody holds the labs.
pub(super) fn follow(weak: Weak<Inner>, mut events: Events) {
    tokio::spawn(async move {
        loop {
            let event = events.next().await;
            let Some(inner) = weak.upgrade() else {
                return;
            };
            match event {
                Some(Ok(event)) => pass_on(&inner, &event),
                Some(Err(_)) | None => {
                    tracing::warn!("the engine's events ended");
                    send_all(&inner, || Command::Lost);
                    let runtime = Arc::clone(&inner.context.runtime);
                    drop(inner);
                    match (again(&runtime).await, weak.upgrade()) {
                        (Some(again), Some(inner)) => {
                            events = again;
                            inner.context.forget_engine().await;
                            send_all(&inner, || Command::Recover);
                        }
                        (None, _) | (_, None) => return,
                    }
                }
            }
        }
    });
}

/// Listens again; the engine may be gone for long.
async fn again(runtime: &Arc<dyn Runtime>) -> Option<Events> {
    let patience = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times();
    let listen = || async {
        // An event stream alone does not tell whether anybody is there.
        let info = runtime.info().await;
        info.map_err(LabError::runtime("ask the engine what it is"))?;
        listen(runtime).await
    };
    listen.retry(patience).await.ok()
}

fn pass_on(inner: &Inner, event: &ContainerEvent) {
    let labels = &event.labels;
    let (Some(lab), Some(role)) = (labels.get(LAB), labels.get(ROLE)) else {
        return;
    };
    let command = match (role.as_str(), labels.get(NODE), event.what) {
        ("node", Some(node), _) => Command::Changed(node.clone()),
        // Nobody ends a fabric but the engine, or whoever ends the engine.
        ("fabric", _, ContainerChange::Died(_)) => Command::Recover,
        _ => return,
    };
    if labels.get(OWNER) != Some(&inner.context.owner) {
        return;
    }
    let known = inner.labs().get(lab).cloned();
    if let Some(known) = known {
        send(known, command);
    }
}

fn send_all(inner: &Inner, command: impl Fn() -> Command) {
    let all: Vec<_> = inner.labs().values().cloned().collect();
    for known in all {
        send(known, command());
    }
}

/// Sends without holding up the engine's events. What a task does about a change does not depend
/// on their order.
fn send(known: super::LabHandle, command: Command) {
    if let Err(tokio::sync::mpsc::error::TrySendError::Full(command)) =
        known.commands.try_send(command)
    {
        tokio::spawn(async move { known.commands.send(command).await });
    }
}
