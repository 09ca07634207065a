//! The audit trail on its way: from the answer to a payload, through a thread, to the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::{Actor, Plugin};
use crate::audit::{self, Deed, Lines};
use crate::broker::LogLevel;
use crate::control::{ControlTopic, Responses};
use crate::store::{Missing, Trail, TrailNews};
use crate::workers::Workers;

/// How soon a file that could not be written is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The bytes that wait for the thread, which may wait for the disk; a payload that comes before they are reached is taken
/// whole.
const MOST_BYTES: usize = 16_777_216;

/// Who did what, where an option asks for that.
#[derive(Debug)]
pub(super) struct Audit(Option<Inner>);

#[derive(Debug)]
struct Inner {
    /// One thread, so that lines keep their order.
    worker: Workers,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    queue: Mutex<Queue>,
    trail: Mutex<Trail>,
    /// How many lines were taken from the queue and are not known to be in the file.
    unfinished: AtomicU64,
    /// Since when what could not be written waits.
    waits_since: Mutex<Option<Instant>>,
    news: Mutex<Vec<(LogLevel, String)>>,
}

/// What waits for the thread.
#[derive(Debug, Default)]
struct Queue {
    all: Vec<Lines>,
    bytes: usize,
    count: u64,
    /// How many lines were not taken after these, since so much waits.
    lost: u64,
    /// Whether these have to be on the disk.
    sync: bool,
}

impl Audit {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self(path.map(|path| Inner {
            worker: Workers::with_threads(1, 2),
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                trail: Mutex::new(Trail::new(path.clone())),
                unfinished: AtomicU64::new(0),
                waits_since: Mutex::new(None),
                news: Mutex::default(),
                path,
            }),
        }))
    }

    /// Opens the file, so that a start says if that cannot be done.
    pub(super) fn open(&self) {
        if let Some(Inner { shared, .. }) = &self.0 {
            let news = shared.trail.lock().open();
            shared.tell(news);
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Takes down a payload's commands and what came of them.
    fn record(&self, actor: &Actor, responses: &Responses) {
        let Some(inner) = &self.0 else { return };
        if actor.topic == ControlTopic::SelfService {
            return;
        }
        let (done, refused) = responses.counts();
        let lines = || Lines::of_commands(actor, responses.entries(), SystemTime::now());
        inner.shared.add(done.saturating_add(refused), lines);
        inner.submit();
    }

    /// Takes down what was done without a command.
    fn record_deed(&self, deed: &Deed) {
        let Some(inner) = &self.0 else { return };
        inner.shared.add(1, || Lines::of_deed(deed, SystemTime::now()));
        inner.submit();
    }

    /// Tries again what could not be written; the news to be logged.
    fn tick(&self) -> Vec<(LogLevel, String)> {
        let Some(inner) = &self.0 else { return Vec::new() };
        let is_due = inner.shared.waits_since.lock().is_some_and(|since| since.elapsed() >= AGAIN_AFTER);
        if is_due {
            inner.submit();
        }
        std::mem::take(&mut *inner.shared.news.lock())
    }

    /// Writes what waits, and ends the thread; if the disk hangs, not longer than until then.
    pub(super) fn end(&self, until: Instant) {
        let Some(inner) = &self.0 else { return };
        // What could not be written, and what came in while no thread could be started. Not in this one, which must not wait
        // for a disk that hangs.
        inner.submit();
        inner.worker.end_by(until);
        inner.shared.tell_what_is_unfinished();
    }
}

impl Inner {
    fn submit(&self) {
        let shared = Arc::clone(&self.shared);
        // Where the queue is full, the job that waits there writes these lines too.
        let _ = self.worker.submit(move || shared.write());
    }
}

impl Shared {
    /// Adds so many lines to those that wait, if there is room.
    fn add(&self, count: u64, lines: impl FnOnce() -> Lines) {
        let mut queue = self.queue.lock();
        if queue.bytes >= MOST_BYTES {
            if queue.lost == 0 {
                let line = format!(
                    "dynsec: the disk does not take the audit trail {} in time: so much waits for it that commands are \
                     not written there until it does",
                    self.path.display()
                );
                self.news.lock().push((LogLevel::Warning, line));
            }
            queue.lost = queue.lost.saturating_add(count);
            return;
        }
        let lines = lines();
        queue.bytes = queue.bytes.saturating_add(lines.bytes());
        queue.count = queue.count.saturating_add(lines.count());
        queue.sync |= lines.changes();
        queue.all.push(lines);
    }

    fn write(&self) {
        let mut trail = self.trail.lock();
        let Queue { all, lost, sync, .. } = {
            let mut queue = self.queue.lock();
            let taken = std::mem::take(&mut *queue);
            self.set_unfinished(trail.unfinished().saturating_add(taken.count).saturating_add(taken.lost));
            taken
        };
        if all.is_empty() && lost == 0 && !trail.has_waiting() {
            return;
        }
        let lines = all.iter().flat_map(Lines::each);
        let line_of = |missing: Missing| audit::missing(missing.lost, missing.doubtful, SystemTime::now());
        let news = trail.write(lines, lost, sync, line_of);
        self.set_unfinished(trail.unfinished());
        *self.waits_since.lock() = trail.has_waiting().then(Instant::now);
        self.tell(news);
    }

    fn set_unfinished(&self, count: u64) {
        self.unfinished.store(count, Ordering::Release);
    }

    fn tell(&self, news: Option<TrailNews>) {
        let Some(news) = news else { return };
        let path = self.path.display();
        let news = match news {
            TrailNews::Broken(error) => (
                LogLevel::Error,
                format!(
                    "dynsec: the audit trail {path} cannot be written: {error}; commands go on, and are written there when it can be"
                ),
            ),
            TrailNews::Mended(missing) if !missing.is_any() => (
                LogLevel::Notice,
                format!("dynsec: the audit trail {path} can be written again; nothing is missing"),
            ),
            TrailNews::Mended(missing) => (
                LogLevel::Warning,
                format!("dynsec: the audit trail {path} can be written again; {}", told(missing)),
            ),
            TrailNews::Missing(missing) => (
                LogLevel::Warning,
                format!("dynsec: the audit trail {path} is not complete: {}", told(missing)),
            ),
        };
        self.news.lock().push(news);
    }

    /// At the end: how much does not get there any more.
    fn tell_what_is_unfinished(&self) {
        let queue = self.queue.lock();
        let taken = self.unfinished.load(Ordering::Acquire);
        let count = taken.saturating_add(queue.count).saturating_add(queue.lost);
        if count > 0 {
            let line = format!(
                "dynsec: ended before the audit trail {} was written: {count} commands are missing there, or not known \
                 to be on the disk",
                self.path.display()
            );
            self.news.lock().push((LogLevel::Error, line));
        }
    }
}

fn told(missing: Missing) -> String {
    let Missing { lost, doubtful } = missing;
    match (lost, doubtful) {
        (_, 0) => format!("{lost} commands are missing"),
        (0, _) => format!("{doubtful} commands are perhaps missing, since the disk failed"),
        _ => format!("{lost} commands are missing, and {doubtful} more perhaps, since the disk failed"),
    }
}

impl Plugin {
    /// Takes down what came of a payload, when that is certain.
    pub(super) fn audit(&self, actor: &Actor, responses: &Responses) {
        self.audit.record(actor, responses);
        if !self.has_ticked() {
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
