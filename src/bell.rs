//! Makes the broker's loop come round when there is something for it to do at a tick.
//!
//! A wake that reaches the broker's thread just before it begins to wait is lost, and 2.1 built without
//! websockets may then sleep for long. So a thread repeats it, less and less often, until the tick has come.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::broker::Broker;

/// How long the tick is waited for at first; each time twice as long as before.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// The longest wait. This is how often the usual brokers tick anyway.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Rings until a tick has heard it.
pub struct Bell(Arc<Shared>);

struct Shared {
    broker: Arc<dyn Broker>,
    /// How often it was rung, and how much of that the last tick had heard. To hear takes no lock: the broker's thread must
    /// not wait for the thread that wakes it.
    rung: AtomicU64,
    heard: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    ended: bool,
}

impl Bell {
    /// A bell that wakes this broker.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>) -> Self {
        Self(Arc::new(Shared {
            broker,
            rung: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// There is something to do at a tick. From any thread.
    pub fn ring(&self) {
        {
            let mut state = self.0.state.lock();
            if state.ended {
                return;
            }
            // With the lock held, so that the thread does not begin to wait in between.
            self.0.rung.fetch_add(1, Ordering::AcqRel);
            if state.thread.is_none() {
                let shared = Arc::clone(&self.0);
                let thread = thread::Builder::new().name("dynsec-bell".into()).spawn(move || shared.repeat());
                // Without it, what is to be done may wait for the broker's own next tick.
                state.thread = thread.ok();
            }
        }
        self.0.broker.wake();
        self.0.changed.notify_all();
    }

    /// A tick has begun, and will see what was rung for until now.
    pub fn heard(&self) {
        self.0.heard.store(self.0.rung.load(Ordering::Acquire), Ordering::Release);
    }

    /// Stops ringing, for good.
    pub fn end(&self) {
        let thread = {
            let mut state = self.0.state.lock();
            state.ended = true;
            state.thread.take()
        };
        self.0.changed.notify_all();
        if let Some(thread) = thread {
            // It calls nothing that panics.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn repeat(&self) {
        let mut state = self.state.lock();
        while !state.ended {
            let rung = self.rung.load(Ordering::Acquire);
            if self.has_heard(rung) {
                self.changed.wait(&mut state);
                continue;
            }
            let mut wait = FIRST_WAIT;
            while !state.ended && !self.has_heard(rung) {
                if self.changed.wait_for(&mut state, wait).timed_out() && !self.has_heard(rung) {
                    wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                    // Whoever is woken may take this thread's processor at once.
                    MutexGuard::unlocked(&mut state, || self.broker.wake());
                }
            }
        }
    }

    fn has_heard(&self, rung: u64) -> bool {
        self.heard.load(Ordering::Acquire) >= rung
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::sync::mpsc::{self, Sender};
    use std::sync::{OnceLock, Weak};

    use super::*;
    use crate::broker::{LogLevel, PublishError};

    struct Woken(Mutex<Sender<()>>);

    impl Broker for Woken {
        fn log(&self, _: LogLevel, _: &[u8]) {}

        fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
            Ok(())
        }

        fn kick_username(&self, _: &[u8]) {}

        fn kick_clientid(&self, _: &[u8]) {}

        fn wake(&self) {
            let _ = self.0.lock().send(());
        }
    }

    /// A broker whose tick comes when the bell's thread has woken it for so many times. That it comes while the thread rings
    /// leaves no doubt which of the rings was the last before it.
    struct Hears {
        bell: OnceLock<Weak<Bell>>,
        at: usize,
        /// How often it was woken, and how often by that thread.
        woken: AtomicUsize,
        rung: AtomicUsize,
        /// Whether it would have had to wait for that thread.
        would_wait: AtomicBool,
    }

    impl Hears {
        fn at(at: usize) -> (Arc<Self>, Arc<Bell>) {
            let (woken, rung) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let broker =
                Arc::new(Self { bell: OnceLock::new(), at, woken, rung, would_wait: AtomicBool::new(false) });
            let bell = Arc::new(Bell::new(Arc::clone(&broker) as Arc<dyn Broker>));
            broker.bell.set(Arc::downgrade(&bell)).unwrap();
            (broker, bell)
        }

        fn wait_until_it_has_heard(&self) {
            while self.rung.load(Ordering::Acquire) < self.at {
                thread::yield_now();
            }
        }
    }

    impl Broker for Hears {
        fn log(&self, _: LogLevel, _: &[u8]) {}

        fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
            Ok(())
        }

        fn kick_username(&self, _: &[u8]) {}

        fn kick_clientid(&self, _: &[u8]) {}

        fn wake(&self) {
            self.woken.fetch_add(1, Ordering::Relaxed);
            if thread::current().name() == Some("dynsec-bell") {
                let rung = self.rung.load(Ordering::Relaxed).wrapping_add(1);
                if rung == self.at {
                    let bell = self.bell.get().unwrap().upgrade().unwrap();
                    self.would_wait.store(bell.0.state.try_lock().is_none(), Ordering::Relaxed);
                    bell.heard();
                }
                self.rung.store(rung, Ordering::Release);
            }
        }
    }

    #[test]
    fn it_rings_until_it_is_heard() {
        let (broker, bell) = Hears::at(4);
        bell.ring();
        broker.wait_until_it_has_heard();
        // Long enough for another three, if it were not over.
        thread::sleep(LONGEST_WAIT * 3);
        assert_eq!(broker.rung.load(Ordering::Relaxed), 4);
        bell.end();
        assert!(bell.0.state.lock().thread.is_none());
        let before = broker.woken.load(Ordering::Relaxed);
        bell.ring();
        assert_eq!(broker.woken.load(Ordering::Relaxed), before, "it has ended");
    }

    #[test]
    fn whoever_is_woken_waits_for_no_lock() {
        let (broker, bell) = Hears::at(1);
        bell.ring();
        broker.wait_until_it_has_heard();
        assert!(!broker.would_wait.load(Ordering::Relaxed));
        // Or the last to let go of it may be its own thread.
        bell.end();
    }

    #[test]
    fn each_ring_after_one_that_was_heard_is_a_new_one() {
        let (sender, wakes) = mpsc::channel();
        let bell = Bell::new(Arc::new(Woken(Mutex::new(sender))));
        for _ in 0..3 {
            bell.ring();
            wakes.recv().unwrap();
            wakes.recv().unwrap();
            bell.heard();
        }
    }

    #[test]
    fn without_a_ring_there_is_no_thread() {
        let (sender, _wakes) = mpsc::channel();
        let bell = Bell::new(Arc::new(Woken(Mutex::new(sender))));
        bell.heard();
        assert!(bell.0.state.lock().thread.is_none());
    }
}
