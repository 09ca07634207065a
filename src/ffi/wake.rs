//! Waking the broker's thread from another one: a signal that does nothing but end its wait.
//!
//! Both families wait in `epoll_wait` or `poll`, take `EINTR` for a round without events, and tick in each
//! round (2.0.11: `src/mux_epoll.c`, `src/loop.c`; 2.1.2: the same and `src/plugin_tick.c`). `SIGURG` is
//! ignored by default and blocked by neither. The event's `next_ms` of 2.1 is left at 0, and `next_s` is set into
//! the past (`callbacks.rs`, `on_tick`): a later time would also keep it from ticking before that, in rounds that were woken
//! for it.

use std::mem::MaybeUninit;
use std::ptr;

use parking_lot::Mutex;

/// How many plugins use the handler.
static USERS: Mutex<usize> = Mutex::new(0);

/// The broker's thread, to be woken.
pub(super) struct Waker {
    thread: libc::pthread_t,
    /// Whether the signal has our handler; somebody else's is left alone, and nobody is woken.
    has_handler: bool,
}

impl Waker {
    /// Wakes the thread that this is called on.
    pub(super) fn of_this_thread() -> Self {
        let mut users = USERS.lock();
        let has_handler = *users > 0 || install();
        if has_handler {
            *users = users.saturating_add(1);
        }
        // SAFETY: pthread_self(3) always succeeds.
        Self { thread: unsafe { libc::pthread_self() }, has_handler }
    }

    /// Ends the thread's wait, if it waits.
    pub(super) fn wake(&self) {
        if self.has_handler {
            // SAFETY: the broker's main thread, which made this, lives as long as the process. Should
            // somebody have put the signal's default back, it is ignored.
            unsafe { libc::pthread_kill(self.thread, libc::SIGURG) };
        }
    }
}

impl Drop for Waker {
    /// The handler goes before the broker unloads the library.
    fn drop(&mut self) {
        if self.has_handler {
            let mut users = USERS.lock();
            *users = users.saturating_sub(1);
            if *users == 0 {
                uninstall();
            }
        }
    }
}

extern "C" fn do_nothing(_: libc::c_int) {}

/// Installs the handler, where the signal has none.
fn install() -> bool {
    if present() != Some(libc::SIG_DFL) {
        return false;
    }
    let Some(mut action) = action() else { return false };
    action.sa_sigaction = do_nothing as *const () as libc::sighandler_t;
    // Waiting for events is not restarted even so (signal(7)); all else in the broker's thread should be.
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a complete action, whose handler touches nothing. sigaction(2).
    unsafe { libc::sigaction(libc::SIGURG, &raw const action, ptr::null_mut()) == 0 }
}

fn uninstall() {
    if present() == Some(do_nothing as *const () as libc::sighandler_t)
        && let Some(mut action) = action()
    {
        action.sa_sigaction = libc::SIG_DFL;
        // SAFETY: a complete action. sigaction(2).
        unsafe { libc::sigaction(libc::SIGURG, &raw const action, ptr::null_mut()) };
    }
}

/// What the signal does now.
fn present() -> Option<libc::sighandler_t> {
    action().map(|action| action.sa_sigaction)
}

/// The present action, without flags and blocked signals.
fn action() -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: sigaction(2) with a place for what is there, and nothing to set.
    if unsafe { libc::sigaction(libc::SIGURG, ptr::null(), action.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: it returned 0, so it has filled that place.
    let mut action = unsafe { action.assume_init() };
    action.sa_flags = 0;
    // SAFETY: a signal set that lives. sigemptyset(3).
    unsafe { libc::sigemptyset(&raw mut action.sa_mask) };
    Some(action)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wait_ends() {
        let (sender, receiver) = mpsc::channel();
        let (ended, end) = mpsc::channel();
        let waiting = thread::spawn(move || {
            sender.send(Waker::of_this_thread()).unwrap();
            // SAFETY: poll(2) of nothing, without a limit of time.
            let code = unsafe { libc::poll(ptr::null_mut(), 0, -1) };
            let interrupted = std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
            ended.send(code == -1 && interrupted).unwrap();
        });
        let waker = receiver.recv().unwrap();
        // The first may come before the thread waits.
        let interrupted = loop {
            waker.wake();
            if let Ok(interrupted) = end.recv_timeout(Duration::from_millis(5)) {
                break interrupted;
            }
        };
        assert!(interrupted);
        waiting.join().unwrap();
    }
}
