//! Runs questions with their time limits, and turns what goes wrong into facts.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use plateau_core::probe::{Fact, ProbeQuestion};
use tokio::runtime::Runtime;

use super::context::{BatchState, Observe, ProbeContext};

/// Threads for blocking calls. A file system that hangs keeps one of them for ever.
const BLOCKING_THREADS: usize = 64;

/// Stack size in bytes; the kernel allocates only what is used.
const STACK_SIZE: usize = 32 << 20;

/// Extra time after the longest limit, for answers that are already on their way.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// A question's index in its batch, its fact, and the milliseconds that it took.
pub(super) type Outcome = (usize, Fact, u64);

pub(super) fn could_not_look(reason: impl Into<String>) -> Fact {
    Fact::CouldNotLook {
        reason: reason.into(),
    }
}

/// Starts a thread with a stack for the clients' futures, some of which are large.
pub(super) fn spawn_thread(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
    // Without the thread, the receiver reports that the answers are missing.
    let _ = thread.spawn(work);
}

/// The runtime of an asking thread.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
}

/// Asks all questions at the same time.
pub(super) fn ask_all(
    questions: Vec<(usize, ProbeQuestion)>,
    observe: Observe,
    answers: &mpsc::Sender<Outcome>,
) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            for (index, _) in questions {
                let fact = could_not_look(format!("cannot start: {error}"));
                // The receiver waits until it has all answers or time is over.
                let _ = answers.send((index, fact, 0));
            }
            return;
        }
    };
    runtime.block_on(async {
        let state = Arc::new(BatchState::new(observe));
        let mut tasks = Vec::new();
        for (index, question) in questions {
            let state = Arc::clone(&state);
            let answers = answers.clone();
            tasks.push(tokio::spawn(async move {
                let (fact, took_ms) = ask(question, state).await;
                let _ = answers.send((index, fact, took_ms));
            }));
        }
        for task in tasks {
            let _ = task.await;
        }
    });
}

/// Asks one question in a separate task, so that a panic becomes an answer.
pub(super) async fn ask(asked: ProbeQuestion, state: Arc<BatchState>) -> (Fact, u64) {
    let started = Instant::now();
    let limit = Duration::from_millis(asked.timeout_ms);
    let kind = asked.question.kind();
    let context = ProbeContext::new(asked.wants, limit, state);
    let mut task = tokio::spawn((context.batch.observe)(asked.question, context));
    let fact = match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(Ok(observation))) => Fact::Seen(observation),
        Ok(Ok(Err(error))) => could_not_look(format!("{error:#}")),
        Ok(Err(_)) => could_not_look(format!("the question `{kind}` panicked")),
        Err(_) => {
            // Dropping the task ends what it started, such as the processes of a command.
            task.abort();
            let _ = tokio::time::timeout(Duration::from_millis(100), task).await;
            could_not_look(format!("no answer within {} ms", asked.timeout_ms))
        }
    };
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    (fact, took_ms)
}
