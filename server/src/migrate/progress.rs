//! How far it has come: a bar for whoever looks on, and what each phase took once it is over.

use std::fmt;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar};

/// A phase that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What was done, such as `moving events`.
    pub what: String,
    /// How many things went through.
    pub count: u64,
    /// How long it took by the wall.
    pub took: Duration,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let rate = self.count as f64 / seconds.max(f64::EPSILON);
        write!(f, "{:22} {:>10} {seconds:>9.1} s {rate:>9.0}/s", self.what, HumanCount(self.count).to_string())
    }
}

/// Where a migration tells how far it has come.
pub struct Progress {
    bar: ProgressBar,
    tell: Box<dyn Fn(&Phase) + Send + Sync>,
    what: Option<String>,
}

impl Progress {
    /// Draws on a bar, and tells of each phase when it is over.
    pub fn new(bar: ProgressBar, tell: impl Fn(&Phase) + Send + Sync + 'static) -> Self {
        Self { bar, tell: Box::new(tell), what: None }
    }

    /// Begins a phase; the one before is over.
    pub(super) fn begin(&mut self, what: String) {
        self.end();
        self.bar.reset();
        self.bar.set_message(what.clone());
        self.what = Some(what);
    }

    /// So many things more went through.
    pub(super) fn inc(&self, things: u64) {
        self.bar.inc(things);
    }

    /// The phase is over.
    pub(super) fn end(&mut self) {
        if let Some(what) = self.what.take() {
            let phase = Phase { what, count: self.bar.position(), took: self.bar.elapsed() };
            self.bar.suspend(|| (self.tell)(&phase));
        }
    }
}
