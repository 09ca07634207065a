//! A reload's look at the policy file, which another thread takes: the disk may hang.

use std::sync::Arc;

use parking_lot::Mutex;

use super::progress::Progress;
use crate::injection::panic_point;
use crate::panics::{Panicked, caught};
use crate::policy::Compat;
use crate::store::{Loaded, OpenError, Store};
use crate::workers::Workers;

/// What became of it: the policy, if somebody else has changed the file.
pub(in crate::plugin) type Read = Result<Result<Option<Loaded>, OpenError>, Panicked>;

/// The file is being read.
#[derive(Debug, Default)]
pub(super) struct Reading(Mutex<Option<Read>>);

impl Reading {
    /// Reads it in the writer's thread, or right here if that takes nothing.
    pub(super) fn start(
        store: &Arc<Mutex<Store>>,
        compat: Compat,
        strict: bool,
        writer: &Workers,
        progress: &Arc<Progress>,
    ) -> Arc<Self> {
        let reading = Arc::new(Self(Mutex::default()));
        let job = {
            let (reading, store, progress) = (Arc::clone(&reading), Arc::clone(store), Arc::clone(progress));
            move || {
                *reading.0.lock() = Some(read(&store, compat, strict));
                progress.make();
            }
        };
        if writer.submit(job).is_err() {
            *reading.0.lock() = Some(read(store, compat, strict));
            progress.make();
        }
        reading
    }

    pub(super) fn take(&self) -> Option<Read> {
        self.0.lock().take()
    }
}

/// Reads the file, if somebody else has changed it.
pub(in crate::plugin) fn read(store: &Mutex<Store>, compat: Compat, strict: bool) -> Read {
    caught(|| {
        let mut store = store.lock();
        panic_point("a reload, the file being read");
        store.reload(compat, strict)
    })
}
