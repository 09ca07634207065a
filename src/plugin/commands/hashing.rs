//! The passwords of a payload, hashed by workers before its commands run.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::progress::Progress;
use crate::control::{Connection, FileFinding, Host, Limits};
use crate::injection::panic_point;
use crate::metrics::Counts;
use crate::panics::caught;
use crate::password::{Iterations, PasswordHash, Plaintext, at_once};
use crate::plugin::Plugin;
use crate::plugin::connections::Connections;
use crate::policy::{ClientId, Username};
use crate::workers::{Submitter, Workers};

/// The passwords that wait, those of the payload that came first before the others: it is also run first.
///
/// However many payloads wait, there is one job for each thread, which goes to the end of the workers' queue after each
/// password, or a few of them: between them the threads do what else there is to do, as verify logins.
#[derive(Debug, Default)]
pub(super) struct Hashings(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Each with its next password.
    payloads: VecDeque<(Arc<Hashing>, usize)>,
    /// How many jobs there are for them.
    jobs: usize,
}

/// The passwords of one payload.
#[derive(Debug)]
pub(super) struct Hashing {
    passwords: Vec<Plaintext>,
    iterations: Iterations,
    /// How many a thread hashes at once.
    at_once: usize,
    /// How many are not done.
    left: AtomicUsize,
    hashes: Mutex<Vec<Option<PasswordHash>>>,
    progress: Arc<Progress>,
}

impl Hashings {
    /// Has passwords hashed. `None` if no worker takes that: then each is hashed when its command runs.
    pub(super) fn start(
        self: &Arc<Self>,
        passwords: Vec<Plaintext>,
        iterations: Iterations,
        workers: &Workers,
        progress: &Arc<Progress>,
    ) -> Option<Arc<Hashing>> {
        let count = passwords.len();
        let hashing = Arc::new(Hashing {
            iterations,
            at_once: at_once(count, workers.threads()),
            left: AtomicUsize::new(count),
            hashes: Mutex::new(vec![None; count]),
            passwords,
            progress: Arc::clone(progress),
        });
        self.0.lock().payloads.push_back((Arc::clone(&hashing), 0));
        for _ in 0..count {
            if !self.0.lock().takes_job(workers.threads()) {
                break;
            }
            if !self.submit(&workers.submitter()) {
                self.0.lock().lost_job();
                break;
            }
        }
        let mut waiting = self.0.lock();
        if waiting.jobs == 0 && !hashing.is_done() {
            waiting.payloads.retain(|(other, _)| !Arc::ptr_eq(other, &hashing));
            return None;
        }
        Some(hashing)
    }

    fn submit(self: &Arc<Self>, submitter: &Submitter) -> bool {
        let (hashings, again) = (Arc::clone(self), submitter.clone());
        submitter.submit(move || while hashings.hash_next() && !hashings.submit(&again) {}).is_ok()
    }

    /// Hashes one password, or as many as should be at once; false if there was none left.
    fn hash_next(&self) -> bool {
        let next = self.0.lock().next();
        next.map(|(hashing, start)| hashing.hash(start)).is_some()
    }
}

impl Waiting {
    /// Counts one job more, if there may be.
    fn takes_job(&mut self, most: usize) -> bool {
        let takes = self.jobs < most;
        self.jobs = self.jobs.saturating_add(usize::from(takes));
        takes
    }

    fn lost_job(&mut self) {
        self.jobs = self.jobs.saturating_sub(1);
    }

    /// The next passwords, by the first of them. If there is none, the job that asks for it ends.
    fn next(&mut self) -> Option<(Arc<Hashing>, usize)> {
        let Some((hashing, next)) = self.payloads.front_mut() else {
            self.lost_job();
            return None;
        };
        let (hashing, start) = (Arc::clone(hashing), *next);
        *next = start.saturating_add(hashing.at_once);
        if *next >= hashing.passwords.len() {
            self.payloads.pop_front();
        }
        Some((hashing, start))
    }
}

impl Hashing {
    pub(super) fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    fn hash(&self, start: usize) {
        let passwords: Vec<&[u8]> =
            self.passwords.iter().skip(start).take(self.at_once).map(Plaintext::as_bytes).collect();
        let hashes = caught(|| {
            panic_point("a password that is hashed");
            PasswordHash::create_each(&passwords, self.iterations, thread::yield_now)
        });
        if let Ok(Ok(hashes)) = hashes {
            let mut places = self.hashes.lock();
            places.iter_mut().skip(start).zip(hashes).for_each(|(place, hash)| *place = Some(hash));
        }
        if self.left.fetch_sub(passwords.len(), Ordering::AcqRel) == passwords.len() {
            self.progress.make();
        }
    }
}

/// What commands need from outside: the plugin, with the hashes of their payload.
pub(super) struct Prepared<'p> {
    plugin: &'p Plugin,
    connections: Connections<'p>,
    hashing: Option<&'p Hashing>,
    /// The place behind the last hash that was used.
    next: Cell<usize>,
}

impl<'p> Prepared<'p> {
    pub(super) fn new(plugin: &'p Plugin, hashing: Option<&'p Hashing>) -> Self {
        Self { plugin, connections: Connections::new(plugin), hashing, next: Cell::new(0) }
    }

    /// The next hash of this password. Commands come in the order of the passwords, but for those that were
    /// refused before; each hash is used once, so that each client has a salt of its own.
    fn take(&self, password: &[u8]) -> Option<PasswordHash> {
        let hashing = self.hashing?;
        let mut rest = hashing.passwords.iter().enumerate().skip(self.next.get());
        let (index, _) = rest.find(|(_, known)| known.as_bytes() == password)?;
        self.next.set(index.saturating_add(1));
        hashing.hashes.lock().get(index)?.clone()
    }
}

impl Host for Prepared<'_> {
    fn hash_password(&self, password: &[u8]) -> Option<PasswordHash> {
        self.take(password).or_else(|| PasswordHash::create(password, self.plugin.iterations).ok())
    }

    fn connections(&self, username: &Username, clientid: Option<&ClientId>) -> Vec<Connection> {
        self.connections.of(username, clientid)
    }

    fn metrics(&self) -> (Counts, usize) {
        self.plugin.counted()
    }

    fn audits(&self) -> bool {
        self.plugin.audit.is_wanted()
    }

    fn is_login_pending(&self, username: Option<&[u8]>, clientid: Option<&[u8]>) -> bool {
        self.plugin.has_login_pending(username, clientid)
    }

    fn is_locked_out(&self, username: &[u8], address: Option<&[u8]>) -> bool {
        self.plugin.locks_out(username, address)
    }

    fn denies_unknown_users(&self) -> bool {
        self.plugin.denies_unknown
    }

    fn limits(&self) -> Limits {
        self.plugin.limits
    }

    fn iterations(&self) -> Iterations {
        self.plugin.iterations
    }

    fn file_findings(&self) -> Vec<FileFinding> {
        self.plugin.what_is_wrong_with_the_file()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::bell::Bell;
    use crate::broker::tests::Silent;

    fn passwords(count: usize) -> Vec<Plaintext> {
        (0..count).map(|number| Plaintext::new(number.to_string().as_bytes())).collect()
    }

    /// A thread that does nothing before this is dropped.
    fn busy(workers: &Workers) -> mpsc::Sender<()> {
        let (begin, started) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let job = move || {
            begin.send(()).unwrap();
            let _ = ended.recv();
        };
        workers.submit(job).unwrap();
        started.recv().unwrap();
        end
    }

    #[test]
    fn many_payloads_with_passwords_take_no_more_jobs_than_there_are_threads() {
        let progress = Arc::new(Progress::new(Arc::new(Bell::new(Arc::new(Silent)))));
        for threads in [1, 2] {
            let hashings = Arc::new(Hashings::default());
            let workers = Workers::with_threads(threads, 8);
            let busy: Vec<_> = (0..threads).map(|_| self::busy(&workers)).collect();
            let all: Vec<_> = (0..20)
                .map(|_| hashings.start(passwords(5), Iterations::MIN, &workers, &progress).unwrap())
                .collect();
            // As a login that is to be verified: it comes between the passwords.
            let (tell, told) = mpsc::channel();
            let started = all.clone();
            workers
                .submit(move || {
                    tell.send(started.iter().filter(|hashing| hashing.is_done()).count()).unwrap();
                })
                .unwrap();
            drop(busy);
            let done = told.recv().unwrap();
            assert!(threads > 1 || done <= 1, "{done}");
            workers.end();
            assert!(all.iter().all(|hashing| hashing.is_done()));
            let hashes = all.iter().flat_map(|hashing| hashing.hashes.lock().clone());
            assert_eq!(hashes.flatten().count(), 100);
            let waiting = hashings.0.lock();
            assert_eq!((waiting.jobs, waiting.payloads.len()), (0, 0));
            drop(waiting);
            assert!(hashings.start(passwords(1), Iterations::MIN, &workers, &progress).is_none());
            assert_eq!(hashings.0.lock().payloads.len(), 0);
        }
    }
}
