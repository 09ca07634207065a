//! A reload's look at the policy file, which another thread takes: the disk may hang, and to compare all records takes long.

use std::sync::Arc;

use parking_lot::Mutex;

use super::progress::Progress;
use crate::injection::panic_point;
use crate::panics::{Panicked, caught};
use crate::policy::{Edit, Policy, Snapshot};
use crate::store::{Issue, Loaded, OpenError, Store};
use crate::workers::Workers;

/// What became of it: what is to be done, if somebody else has changed the file.
pub(in crate::plugin) type Read = Result<Result<Option<Edited>, OpenError>, Panicked>;

/// What somebody else has made of the file.
#[derive(Debug)]
pub(in crate::plugin) struct Edited {
    /// In what that differs from what the policy was when the file began to be read.
    pub(in crate::plugin) edit: Edit,
    /// What is wrong with the file.
    pub(in crate::plugin) issues: Vec<Issue>,
}

/// The file is being read.
#[derive(Debug, Default)]
pub(super) struct Reading(Mutex<Option<Read>>);

impl Reading {
    /// Reads it in the writer's thread, or right here if that takes nothing.
    pub(super) fn start(
        store: &Arc<Mutex<Store>>,
        now: Snapshot,
        strict: bool,
        writer: &Workers,
        progress: &Arc<Progress>,
    ) -> Arc<Self> {
        let reading = Arc::new(Self(Mutex::default()));
        let now = Arc::new(now);
        let job = {
            let (reading, store, progress) = (Arc::clone(&reading), Arc::clone(store), Arc::clone(progress));
            let now = Arc::clone(&now);
            move || {
                let (found, policy) = read(&store, &now, strict);
                // As long as there is a snapshot, each change copies a part of the policy's lists.
                drop(now);
                *reading.0.lock() = Some(found);
                progress.make();
                // That takes long, and nobody is to wait for it.
                drop(policy);
            }
        };
        if writer.submit(job).is_err() {
            *reading.0.lock() = Some(read(store, &now, strict).0);
            progress.make();
        }
        reading
    }

    pub(super) fn take(&self) -> Option<Read> {
        self.0.lock().take()
    }
}

/// Reads the file, if somebody else has changed it, and compares it with what the policy is now. What was read is of no use
/// any more, and to drop it takes long.
pub(in crate::plugin) fn read(store: &Mutex<Store>, now: &Snapshot, strict: bool) -> (Read, Option<Policy>) {
    let mut read = None;
    let found = caught(|| {
        let loaded = {
            let mut store = store.lock();
            panic_point("a reload, the file being read");
            store.reload(now.compat(), strict)
        };
        loaded.map(|loaded| {
            loaded.map(|Loaded { policy, issues, .. }| {
                let edit = Edit::between(now, &read.insert(policy).snapshot());
                Edited { edit, issues }
            })
        })
    });
    (found, read)
}
