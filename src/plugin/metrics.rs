//! The file with the counters, written anew from time to time by another thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Plugin;
use crate::broker::LogLevel;
use crate::control::sizes;
use crate::metrics::{BEGINNING, Counts, prometheus};
use crate::store::replace_metrics_file;
use crate::workers::Workers;

/// The file, where an option asks for one.
#[derive(Debug)]
pub(super) struct MetricsFile(Option<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    interval: Duration,
    worker: Workers,
    next: Mutex<Option<Instant>>,
    outcome: Arc<Mutex<Outcome>>,
}

/// Whether it could be written, and whether that has been said.
#[derive(Debug, Default)]
struct Outcome {
    error: Option<std::io::Error>,
    is_new: bool,
    is_broken: bool,
}

impl MetricsFile {
    pub(super) fn new(path: Option<PathBuf>, interval: Duration) -> Self {
        Self(path.map(|path| Inner {
            path,
            interval,
            worker: Workers::with_threads(1, 1),
            next: Mutex::new(None),
            outcome: Arc::default(),
        }))
    }

    pub(super) fn end(&self, until: Instant) {
        if let Some(inner) = &self.0 {
            inner.worker.end_by(until);
        }
    }
}

impl Inner {
    fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut next = self.next.lock();
        if next.is_some_and(|next| now < next) {
            return false;
        }
        *next = now.checked_add(self.interval);
        true
    }

    fn submit(&self, text: String) {
        let (path, outcome) = (self.path.clone(), Arc::clone(&self.outcome));
        // Where the thread is still at the last one, the next comes soon enough.
        let _ = self.worker.submit(move || {
            let error = replace_metrics_file(&path, text.as_bytes(), BEGINNING.as_bytes()).err();
            let mut outcome = outcome.lock();
            // What came and went before it was said is no news.
            outcome.is_new ^= error.is_some() != outcome.is_broken;
            outcome.is_broken = error.is_some();
            outcome.error = error;
        });
    }

    /// What is new about whether it can be written.
    fn news(&self) -> Option<(LogLevel, String)> {
        let mut outcome = self.outcome.lock();
        if !std::mem::take(&mut outcome.is_new) {
            return None;
        }
        let path = self.path.display();
        Some(match &outcome.error {
            Some(error) => {
                (LogLevel::Warning, format!("dynsec: the metrics file {path} cannot be written: {error}"))
            }
            None => (LogLevel::Notice, format!("dynsec: the metrics file {path} can be written again")),
        })
    }
}

impl Plugin {
    /// Writes the file if its time has come, and logs what is new about it.
    pub(super) fn write_metrics(&self) {
        let Some(file) = &self.metrics_file.0 else { return };
        if file.is_due() {
            let (counts, connections) = self.counted();
            let sizes = sizes(&self.policy.read(), connections);
            file.submit(prometheus(&counts, &sizes));
        }
        if let Some((level, line)) = file.news() {
            self.broker.log(level, line.as_bytes());
        }
    }

    /// The counters, and how many connections there are.
    pub(super) fn counted(&self) -> (Counts, usize) {
        (self.metrics.counts(), self.sessions.lock().count())
    }
}
