//! The plugin as the broker's callbacks reach it, with the lock on its policy that the broker's thread keeps between ACL
//! checks.
//!
//! Taking a lock and letting it go takes a good part of the time of an ACL check, and the broker's thread, which asks most of
//! them, is the only one that changes the policy. So it lets the lock go when something else happens than an ACL check, and
//! takes it again with the next. Other threads, which ask little (2.1's `http_api` listeners), take it each time.

use std::cell::{Cell, RefCell};
use std::mem;
use std::ops::Deref;
use std::ptr::NonNull;

use super::rounds::Rounds;
use crate::plugin::{HeldPolicy, Locked, Plugin, PolicyLock};

/// A plugin.
pub(super) struct Served {
    plugin: Plugin,
    pub(super) rounds: Rounds,
    /// The thread that started it, which is the broker's.
    thread: libc::pthread_t,
    // INVARIANT: only that thread looks at these three.
    /// How many other callbacks than ACL checks it is in.
    others: Cell<u32>,
    /// The lock that it keeps.
    held: RefCell<Option<HeldPolicy>>,
    /// Where that is, if no ACL check is using it already.
    // INVARIANT: as long as it is here, or an ACL check has taken it from here, `held` stays as it is and is only read.
    place: Cell<Option<NonNull<HeldPolicy>>>,
}

// SAFETY: what is neither Sync nor Send is `others`, `held` and `place`, at which only one thread looks: `is_on_thread`. It
// is not dropped by another either: `drop`.
unsafe impl Sync for Served {}
// SAFETY: the same.
unsafe impl Send for Served {}

impl Served {
    /// To be called on the broker's thread.
    pub(super) fn new(plugin: Plugin) -> Self {
        Self {
            plugin,
            rounds: Rounds::default(),
            thread: this_thread(),
            others: Cell::new(0),
            held: RefCell::new(None),
            place: Cell::new(None),
        }
    }

    #[inline]
    fn is_on_thread(&self) -> bool {
        this_thread() == self.thread
    }

    /// Keeps the lock from the next ACL check on.
    #[cold]
    fn keep(&self) {
        if self.is_on_thread()
            && self.others.get() == 0
            && self.held.try_borrow().is_ok_and(|held| held.is_none())
        {
            self.held.replace(Some(self.plugin.hold_policy()));
            self.place.set(self.held.borrow().as_ref().map(NonNull::from));
        }
    }

    /// While that is there, the broker's thread is in another callback than an ACL check, and keeps no lock.
    pub(super) fn enter_other(&self) -> Other<'_> {
        let on_thread = self.is_on_thread().then_some(self);
        if on_thread.is_some() {
            self.others.set(self.others.get().saturating_add(1));
            // An ACL check that is looking at it goes on after this; nothing that comes of one changes the policy.
            if self.place.take().is_some() {
                self.held.take();
            }
        }
        Other(on_thread)
    }
}

impl PolicyLock for Served {
    #[inline]
    fn with<R>(&self, plugin: &Plugin, work: impl FnOnce(Locked<'_>) -> R) -> R {
        let taken = if self.is_on_thread() { self.place.take() } else { None };
        let taken = Taken { from: self, place: taken };
        let guard;
        let locked = if let Some(held) = taken.place {
            // SAFETY: the invariant, until it is back.
            unsafe { held.as_ref() }.in_turn()
        } else {
            guard = plugin.lock_policy();
            guard.by_any()
        };
        work(locked)
    }
}

/// What an ACL check has taken, and puts back.
struct Taken<'a> {
    from: &'a Served,
    place: Option<NonNull<HeldPolicy>>,
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_some() {
            self.from.place.set(self.place);
        } else {
            self.from.keep();
        }
    }
}

/// Another callback than an ACL check, on the broker's thread.
pub(super) struct Other<'a>(Option<&'a Served>);

impl Drop for Other<'_> {
    fn drop(&mut self) {
        if let Some(served) = self.0 {
            served.others.set(served.others.get().saturating_sub(1));
        }
    }
}

impl Deref for Served {
    type Target = Plugin;

    fn deref(&self) -> &Plugin {
        &self.plugin
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.is_on_thread() {
            // A lock is let go by the thread that took it.
            mem::forget(self.held.take());
        }
    }
}

fn this_thread() -> libc::pthread_t {
    // SAFETY: it has no preconditions.
    unsafe { libc::pthread_self() }
}

#[cfg(test)]
mod tests {
    use std::panic::{self, AssertUnwindSafe};
    use std::thread;

    use super::*;
    use crate::ffi::tests::served;

    impl Served {
        /// An ACL check, which says whether it found the lock kept.
        fn finds_it_kept(&self) -> bool {
            self.with(&self.plugin, |locked| locked.is_in_turn())
        }
    }

    #[test]
    fn the_lock_is_kept_between_acl_checks_until_something_else_happens() {
        let served = served();
        assert!(!served.is_policy_locked());
        assert_eq!(
            [served.finds_it_kept(), served.finds_it_kept(), served.finds_it_kept()],
            [false, true, true]
        );
        assert!(served.is_policy_locked());
        let other = served.enter_other();
        assert!(!served.is_policy_locked());
        // As when that disconnects somebody who has a will.
        assert_eq!([served.finds_it_kept(), served.finds_it_kept()], [false, false]);
        let inner = served.enter_other();
        drop(inner);
        assert!(!served.finds_it_kept());
        assert!(!served.is_policy_locked());
        drop(other);
        assert_eq!([served.finds_it_kept(), served.finds_it_kept()], [false, true]);
    }

    #[test]
    fn an_acl_check_in_another_takes_the_lock_by_itself() {
        let served = served();
        assert!(!served.finds_it_kept());
        served.with(&served.plugin, |locked| {
            assert!(locked.is_in_turn());
            assert!(!served.finds_it_kept());
            // It is in use: it stays.
            drop(served.enter_other());
            assert!(served.is_policy_locked());
        });
        assert!(served.finds_it_kept());
        drop(served.enter_other());
        assert!(!served.is_policy_locked());
    }

    #[test]
    fn other_threads_neither_use_it_nor_let_it_go() {
        let served = served();
        assert_eq!([served.finds_it_kept(), served.finds_it_kept()], [false, true]);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!([served.finds_it_kept(), served.finds_it_kept()], [false, false]);
                drop(served.enter_other());
            });
        });
        assert!(served.finds_it_kept());
    }

    #[test]
    fn it_is_let_go_after_a_panic_too() {
        let served = served();
        assert!(!served.finds_it_kept());
        let check = AssertUnwindSafe(|| served.with(&served.plugin, |_| panic!("for a test")));
        assert!(panic::catch_unwind(check).is_err());
        assert!(served.finds_it_kept());
        let other = served.enter_other();
        assert!(
            panic::catch_unwind(AssertUnwindSafe(|| served.with(&served.plugin, |_| panic!("for a test"))))
                .is_err()
        );
        assert!(!served.is_policy_locked());
        drop(other);
    }
}
