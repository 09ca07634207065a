//! A save that another thread does.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::progress::Progress;
use super::run::INTERNAL;
use crate::injection::panic_point;
use crate::panics::{Panicked, caught};
use crate::policy::{Mark, Snapshot};
use crate::store::{Notice, SaveError, Store};
use crate::workers::Workers;

/// A save under way.
#[derive(Debug)]
pub(super) struct Saving {
    /// What the policy was, in its own history, when it was taken.
    pub(super) mark: Mark,
    result: Arc<Mutex<Option<Saved>>>,
}

/// A save that has ended.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) result: Result<(), NotSaved>,
    /// What an operator should know of it.
    pub(super) notices: Vec<Notice>,
    /// How long it took.
    pub(super) took: Duration,
}

/// Why a policy is not on the disk.
#[derive(Debug)]
pub(super) enum NotSaved {
    Failed(SaveError),
    Panicked(Panicked),
}

impl NotSaved {
    /// What the answers to commands say.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Failed(error) => error.cause().to_string(),
            Self::Panicked(_) => INTERNAL.to_owned(),
        }
    }
}

impl fmt::Display for NotSaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(panicked) => f.write_str(&panicked.report("a save")),
        }
    }
}

impl Saving {
    /// Saves a snapshot in the writer's thread, or right here where there is no writer or it takes nothing.
    pub(super) fn start(
        store: &Arc<Mutex<Store>>,
        snapshot: Snapshot,
        mark: Mark,
        writer: Option<&Workers>,
        progress: &Arc<Progress>,
    ) -> Self {
        let result = Arc::new(Mutex::new(None));
        // Whoever has it saves: the writer, or this thread if the writer has dropped its job.
        let snapshot = Arc::new(Mutex::new(Some(snapshot)));
        let job = {
            let (store, snapshot) = (Arc::clone(store), Arc::clone(&snapshot));
            let (result, progress) = (Arc::clone(&result), Arc::clone(progress));
            move || {
                let Some(snapshot) = snapshot.lock().take() else { return };
                *result.lock() = Some(save(&store, &snapshot));
                progress.make();
            }
        };
        if writer.is_none_or(|writer| writer.submit(job).is_err())
            && let Some(snapshot) = snapshot.lock().take()
        {
            *result.lock() = Some(save(store, &snapshot));
        }
        Self { mark, result }
    }

    /// What came of it, once that is known.
    pub(super) fn take_result(&self) -> Option<Saved> {
        self.result.lock().take()
    }
}

fn save(store: &Mutex<Store>, snapshot: &Snapshot) -> Saved {
    let start = Instant::now();
    let saved = caught(|| {
        let mut store = store.lock();
        panic_point("a save");
        store.save_snapshot(snapshot)
    });
    let result = match saved {
        Ok(saved) => saved.map_err(NotSaved::Failed),
        Err(panicked) => Err(NotSaved::Panicked(panicked)),
    };
    let notices = caught(|| store.lock().take_notices()).unwrap_or_default();
    Saved { result, notices, took: start.elapsed() }
}
