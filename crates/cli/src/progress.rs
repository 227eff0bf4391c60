//! Progress of work that takes longer than a moment: a bar on a terminal, plain lines elsewhere.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::screen::{Screen, can_draw};

/// How often the bar's spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// The progress of one piece of work. Dropping it clears the bar.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    screen: Screen,
}

impl Progress {
    /// Work of `steps` steps; 0 where that is not known.
    pub(crate) fn new(screen: Screen, steps: u64) -> Self {
        let bar = can_draw().then(|| {
            let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
            bar.set_style(style(steps));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, screen }
    }

    /// Says what is being done now, on the bar alone.
    pub(crate) fn set_message(&self, what: impl Into<Cow<'static, str>>) {
        if let Some(bar) = &self.bar {
            bar.set_message(what);
        }
    }

    /// Says what was done, on a line of its own that stays.
    pub(crate) fn line(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.screen.remark(what)),
            None => self.screen.remark(what),
        }
    }

    /// Sets how many steps are done, of how many.
    pub(crate) fn set(&self, done: u64, of: u64) {
        if let Some(bar) = &self.bar {
            if bar.length() != Some(of) {
                bar.set_style(style(of));
                bar.set_length(of);
            }
            bar.set_position(done);
        }
    }

    /// One step more is done.
    pub(crate) fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(steps: u64) -> ProgressStyle {
    let template = if steps == 0 {
        "{spinner} {elapsed} {wide_msg}"
    } else {
        "{spinner} {elapsed} {bar:20} {pos}/{len} {wide_msg}"
    };
    // The template is ours; should it ever be wrong, a plain bar does as well.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
