//! Room for the descriptors of connections.
//!
//! The kernel's table of a process's descriptors doubles when it is full: with the 256th, the 512th and so on. In a
//! process with one thread that takes microseconds. With more it waits until no processor looks at the old table (a grace
//! period of RCU: `expand_fdtable` in Linux's `fs/file.c`), 8 to 20 ms each time, and that wait would be the broker's, when it
//! accepts a connection. Our threads are what makes it wait, so we let the table grow before there are any.

use std::mem::MaybeUninit;

/// For how many descriptors: half a megabyte of the kernel's memory.
const MOST: libc::rlim_t = 65_536;

/// Lets the table grow for as many descriptors as the process may have, [`MOST`] at most. It does not shrink.
pub(super) fn make_room() {
    let Some(last) = limit().min(MOST).checked_sub(1).and_then(|last| libc::c_int::try_from(last).ok())
    else {
        return;
    };
    // SAFETY: eventfd(2) takes no pointer. Any descriptor would do.
    let some = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if some < 0 {
        return;
    }
    // A copy with a number as high as may be. If that is taken, the table is large enough.
    // SAFETY: fcntl(2), a command that takes a number.
    let copy = unsafe { libc::fcntl(some, libc::F_DUPFD_CLOEXEC, last) };
    for descriptor in [some, copy] {
        if descriptor >= 0 {
            // SAFETY: close(2) of a descriptor that was made here and that nobody else knows.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// How many descriptors the process may have.
fn limit() -> libc::rlim_t {
    let mut limits = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: getrlimit(2) with a place for what it tells.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, limits.as_mut_ptr()) } != 0 {
        return 0;
    }
    // SAFETY: it returned 0, so it has filled that place.
    unsafe { limits.assume_init() }.rlim_cur
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_room_for_all_the_descriptors_that_may_come() {
        make_room();
        // proc_pid_status(5).
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
        let size: libc::rlim_t = size.trim().parse().unwrap();
        assert!(size >= limit().min(MOST), "{size} of {}", limit());
    }
}
