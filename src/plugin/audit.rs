//! The audit trail on its way: from the answer to a payload, through a thread, to the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::{Actor, Plugin};
use crate::audit::{self, Deed};
use crate::broker::LogLevel;
use crate::control::{ControlTopic, Responses};
use crate::store::{Trail, TrailNews};
use crate::workers::Workers;

/// How soon a file that could not be written is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How many lines wait for the thread, which may wait for the disk.
const MOST_LINES: usize = 100_000;

/// Who did what, where an option asks for that.
#[derive(Debug)]
pub(super) struct Audit(Option<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// One thread, so that lines keep their order.
    worker: Workers,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    lines: Mutex<Vec<Vec<u8>>>,
    /// How many lines were not taken, since so many wait.
    lost: AtomicU64,
    /// Whether those that wait have to be on the disk.
    sync: AtomicBool,
    trail: Mutex<Trail>,
    /// Since when what could not be written waits.
    waits_since: Mutex<Option<Instant>>,
    news: Mutex<Vec<TrailNews>>,
}

impl Audit {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self(path.map(|path| Inner {
            worker: Workers::with_threads(1, 2),
            shared: Arc::new(Shared {
                lines: Mutex::default(),
                lost: AtomicU64::new(0),
                sync: AtomicBool::new(false),
                trail: Mutex::new(Trail::new(path.clone())),
                waits_since: Mutex::new(None),
                news: Mutex::default(),
            }),
            path,
        }))
    }

    /// Opens the file, so that a start says if that cannot be done.
    pub(super) fn open(&self) {
        if let Some(inner) = &self.0 {
            let news = inner.shared.trail.lock().open();
            inner.shared.news.lock().extend(news);
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Takes down a payload's commands and what came of them.
    fn record(&self, actor: &Actor, responses: &Responses) {
        let Some(inner) = &self.0 else { return };
        if actor.topic == ControlTopic::Own {
            return;
        }
        let now = SystemTime::now();
        {
            let mut lines = inner.shared.lines.lock();
            for entry in responses.entries() {
                if lines.len() >= MOST_LINES {
                    inner.shared.lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                lines.push(audit::line(actor, &entry, now));
                if entry.changes {
                    inner.shared.sync.store(true, Ordering::Release);
                }
            }
        }
        inner.submit();
    }

    /// Takes down what was done without a command.
    fn record_deed(&self, deed: &Deed) {
        let Some(inner) = &self.0 else { return };
        {
            let mut lines = inner.shared.lines.lock();
            if lines.len() >= MOST_LINES {
                inner.shared.lost.fetch_add(1, Ordering::Relaxed);
            } else {
                lines.push(audit::line_of_deed(deed, SystemTime::now()));
                inner.shared.sync.store(true, Ordering::Release);
            }
        }
        inner.submit();
    }

    /// Tries again what could not be written; the news to be logged.
    fn tick(&self) -> Vec<(LogLevel, String)> {
        let Some(inner) = &self.0 else { return Vec::new() };
        let is_due = inner.shared.waits_since.lock().is_some_and(|since| since.elapsed() >= AGAIN_AFTER);
        if is_due {
            inner.submit();
        }
        let news = std::mem::take(&mut *inner.shared.news.lock());
        news.iter().map(|news| inner.told(news)).collect()
    }

    /// Writes what waits, and ends the thread; if the disk hangs, not longer than until then.
    pub(super) fn end(&self, until: Instant) {
        if let Some(inner) = &self.0
            && inner.worker.end_by(until)
        {
            // What came in while no thread could be started.
            inner.shared.write();
        }
    }
}

impl Inner {
    fn submit(&self) {
        let shared = Arc::clone(&self.shared);
        // Where the queue is full, the job that waits there writes these lines too.
        let _ = self.worker.submit(move || shared.write());
    }

    fn told(&self, news: &TrailNews) -> (LogLevel, String) {
        let path = self.path.display();
        match news {
            TrailNews::Broken(error) => (
                LogLevel::Error,
                format!(
                    "dynsec: the audit trail {path} cannot be written: {error}; commands go on, and are written there when it can be"
                ),
            ),
            TrailNews::Mended { lost: 0 } => (
                LogLevel::Notice,
                format!("dynsec: the audit trail {path} can be written again; nothing is missing"),
            ),
            TrailNews::Mended { lost } => (
                LogLevel::Warning,
                format!("dynsec: the audit trail {path} can be written again; {lost} commands are missing"),
            ),
        }
    }
}

impl Shared {
    fn write(&self) {
        let mut trail = self.trail.lock();
        for line in std::mem::take(&mut *self.lines.lock()) {
            trail.add(line);
        }
        trail.lose(self.lost.swap(0, Ordering::Relaxed));
        if !trail.has_waiting() {
            return;
        }
        let sync = self.sync.swap(false, Ordering::AcqRel);
        let news = trail.write(sync, |count| audit::lost(count, SystemTime::now()));
        *self.waits_since.lock() = trail.has_waiting().then(Instant::now);
        self.news.lock().extend(news);
    }
}

impl Plugin {
    /// Takes down what came of a payload, when that is certain.
    pub(super) fn audit(&self, actor: &Actor, responses: &Responses) {
        self.audit.record(actor, responses);
        if !self.has_ticked.load(Ordering::Relaxed) {
            self.tell_of_audit();
        }
    }

    /// Takes down what was done without a command.
    pub(super) fn audit_deed(&self, deed: &Deed) {
        self.audit.record_deed(deed);
    }

    /// Logs what there is to say about the file.
    pub(super) fn tell_of_audit(&self) {
        for (level, line) in self.audit.tick() {
            self.broker.log(level, line.as_bytes());
        }
    }
}
