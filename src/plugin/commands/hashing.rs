//! The passwords of a payload, hashed by workers before its commands run.

use std::cell::Cell;
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

/// The passwords of one payload.
#[derive(Debug)]
pub(super) struct Hashing {
    passwords: Vec<Plaintext>,
    iterations: Iterations,
    /// How many a thread hashes at once.
    at_once: usize,
    /// The next to be hashed, and how many are not done.
    next: AtomicUsize,
    left: AtomicUsize,
    hashes: Mutex<Vec<Option<PasswordHash>>>,
    progress: Arc<Progress>,
}

impl Hashing {
    /// Has them hashed. `None` if no worker takes that: then each is hashed when its command runs.
    pub(super) fn start(
        passwords: Vec<Plaintext>,
        iterations: Iterations,
        workers: &Workers,
        progress: &Arc<Progress>,
    ) -> Option<Arc<Self>> {
        let hashing = Arc::new(Self {
            iterations,
            at_once: at_once(passwords.len(), workers.threads()),
            next: AtomicUsize::new(0),
            left: AtomicUsize::new(passwords.len()),
            hashes: Mutex::new(vec![None; passwords.len()]),
            passwords,
            progress: Arc::clone(progress),
        });
        // One job for each thread, which goes to the end of the queue after each password, or a few of them:
        // between them the threads do what else there is to do.
        let jobs = workers.threads().min(hashing.passwords.len());
        let taken = (0..jobs).filter(|_| hashing.submit(&workers.submitter())).count();
        (taken > 0).then_some(hashing)
    }

    pub(super) fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    fn submit(self: &Arc<Self>, submitter: &Submitter) -> bool {
        let (hashing, again) = (Arc::clone(self), submitter.clone());
        submitter.submit(move || while hashing.hash_next() && !hashing.submit(&again) {}).is_ok()
    }

    /// Hashes one password, or as many as should be at once; false if there was none left.
    fn hash_next(&self) -> bool {
        let start = self.next.fetch_add(self.at_once, Ordering::Relaxed);
        let passwords: Vec<&[u8]> =
            self.passwords.iter().skip(start).take(self.at_once).map(Plaintext::as_bytes).collect();
        if passwords.is_empty() {
            return false;
        }
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
        true
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
