//! Threads for work that would hold the broker's own thread for too long, as hashing passwords does.
//!
//! They start when there is something to do and end when there has been nothing for a while: the broker may
//! fork before it uses the plugin, and who needs none has none. The work must not call the broker; what comes
//! of it is left somewhere, and the [`bell`](crate::bell) makes the broker's thread look.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::panics::caught;

/// How long a thread waits for more to do before it ends.
const IDLE: Duration = Duration::from_secs(10);
/// More threads than this are not worth what they take from the broker.
const MOST_THREADS: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// Some threads and a queue of jobs for them.
pub struct Workers(Submitter);

/// Where jobs are submitted, also by jobs. It does not keep the threads from ending.
#[derive(Clone)]
pub struct Submitter(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is a job, or the end has come.
    changed: Condvar,
    most_threads: usize,
    most_jobs: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Those that run, and those that have ended and were not joined yet.
    threads: Vec<JoinHandle<()>>,
    /// How many run, and how many of them wait.
    running: usize,
    waiting: usize,
    ended: bool,
}

/// A job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// As many jobs wait as may.
    Full,
    /// There is no thread, and none could be started.
    NoThread,
    /// The plugin is shutting down.
    Ended,
}

impl Workers {
    /// As many threads as the machine has processors beside the broker's, and not more jobs waiting than
    /// `most_jobs`. No thread is started yet.
    #[must_use]
    pub fn new(most_jobs: usize) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(processors.saturating_sub(1).clamp(1, MOST_THREADS), most_jobs)
    }

    /// [`Self::new`] with another number of threads.
    #[must_use]
    pub fn with_threads(most_threads: usize, most_jobs: usize) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self(Submitter(Arc::new(Shared { state, changed, most_threads, most_jobs })))
    }

    /// How many jobs are done at the same time.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.0.most_threads
    }

    /// Where jobs can submit more jobs.
    #[must_use]
    pub fn submitter(&self) -> Submitter {
        self.0.clone()
    }

    /// Queues a job, as [`Submitter::submit`].
    ///
    /// # Errors
    /// [`NotTaken`]: the job was not and will not be run.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), NotTaken> {
        self.0.submit(job)
    }

    /// Does what is queued, takes nothing more, and waits until all threads have ended.
    pub fn end(&self) {
        let threads = {
            let mut state = self.0.0.state.lock();
            state.ended = true;
            std::mem::take(&mut state.threads)
        };
        self.0.0.changed.notify_all();
        for thread in threads {
            // What a thread does is inside `caught`.
            let _ = thread.join();
        }
    }
}

impl Workers {
    /// [`Self::end`], which waits until then at most. False if a thread still works: it is left to itself.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn end_by(&self, until: Instant) -> bool {
        let shared = &self.0.0;
        let mut state = shared.state.lock();
        state.ended = true;
        shared.changed.notify_all();
        while state.running > 0 {
            if shared.changed.wait_until(&mut state, until).timed_out() {
                state.threads.clear();
                return false;
            }
        }
        drop(state);
        self.end();
        true
    }
}

impl Submitter {
    /// Queues a job. Jobs begin in the order in which they came. A panic in one ends that job only.
    ///
    /// # Errors
    /// [`NotTaken`]: the job was not and will not be run.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), NotTaken> {
        let mut state = self.0.state.lock();
        if state.ended {
            return Err(NotTaken::Ended);
        }
        if state.jobs.len() >= self.0.most_jobs {
            return Err(NotTaken::Full);
        }
        if state.jobs.len() >= state.waiting && state.running < self.0.most_threads {
            self.start_thread(&mut state);
        }
        if state.running == 0 {
            return Err(NotTaken::NoThread);
        }
        state.jobs.push_back(Box::new(job));
        drop(state);
        self.0.changed.notify_one();
        Ok(())
    }

    fn start_thread(&self, state: &mut State) {
        state.threads.retain(|thread| !thread.is_finished());
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("dynsec-worker".into()).spawn(move || shared.work());
        if let Ok(thread) = thread {
            state.threads.push(thread);
            state.running = state.running.saturating_add(1);
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            // Whoever waits for what comes of the job notices that nothing does.
            let _ = caught(job);
        }
    }

    /// The next job; `None` ends the thread.
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state.waiting = state.waiting.saturating_add(1);
            let waited = if state.ended { true } else { self.changed.wait_for(&mut state, IDLE).timed_out() };
            state.waiting = state.waiting.saturating_sub(1);
            if waited && state.jobs.is_empty() {
                state.running = state.running.saturating_sub(1);
                self.changed.notify_all();
                return None;
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Submitter")
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn no_thread_is_started_before_there_is_work() {
        let workers = Workers::new(10);
        assert_eq!(workers.0.0.state.lock().threads.len(), 0);
        assert!((1..=MOST_THREADS).contains(&workers.threads()));
    }

    #[test]
    fn everything_that_was_taken_is_done_before_the_end() {
        let workers = Workers::with_threads(3, 1000);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..500 {
            let done = Arc::clone(&done);
            workers.submit(move || _ = done.fetch_add(1, SeqCst)).unwrap();
        }
        workers.end();
        assert_eq!(done.load(SeqCst), 500);
        assert_eq!(workers.submit(|| ()), Err(NotTaken::Ended));
        assert_eq!(workers.0.0.state.lock().running, 0);
    }

    #[test]
    fn a_panic_ends_its_job_only() {
        let workers = Workers::with_threads(1, 10);
        let (sender, receiver) = mpsc::channel();
        workers.submit(|| panic!("a bug")).unwrap();
        workers.submit(move || sender.send(1).unwrap()).unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }

    #[test]
    fn not_more_jobs_wait_than_may() {
        let workers = Workers::with_threads(1, 2);
        let (start, started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let block = move || {
            start.send(()).unwrap();
            let _ = released.recv();
        };
        workers.submit(block).unwrap();
        started.recv().unwrap();
        workers.submit(|| ()).unwrap();
        workers.submit(|| ()).unwrap();
        assert_eq!(workers.submit(|| ()), Err(NotTaken::Full));
        release.send(()).unwrap();
        workers.end();
    }

    #[test]
    fn the_end_does_not_wait_longer_than_it_may_for_a_job_that_hangs() {
        let workers = Workers::with_threads(2, 10);
        let (release, released) = mpsc::channel::<()>();
        let (sender, done) = mpsc::channel();
        workers
            .submit(move || {
                let _ = released.recv();
                sender.send(()).unwrap();
            })
            .unwrap();
        assert!(!workers.end_by(Instant::now()));
        assert_eq!(workers.submit(|| ()), Err(NotTaken::Ended));
        drop(workers);
        release.send(()).unwrap();
        done.recv().unwrap();
        let workers = Workers::with_threads(2, 10);
        workers.submit(|| ()).unwrap();
        assert!(workers.end_by(Instant::now().checked_add(Duration::from_secs(60)).unwrap()));
    }

    #[test]
    fn jobs_run_beside_each_other_in_as_many_threads_as_there_are() {
        let workers = Workers::with_threads(2, 10);
        // Each waits for the other: one thread would wait for ever.
        let (to_second, first) = mpsc::channel();
        let (to_first, second) = mpsc::channel();
        workers.submit(move || (to_first.send(()).unwrap(), first.recv().unwrap()).1).unwrap();
        workers.submit(move || (to_second.send(()).unwrap(), second.recv().unwrap()).1).unwrap();
        workers.end();
        assert_eq!(workers.0.0.state.lock().threads.len(), 0);
    }
}
