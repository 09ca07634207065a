//! Memory that is not needed any more.

/// Gives what the allocator keeps back to the system: reading a policy takes about twice the memory that
/// holding it does, and glibc keeps what was freed between what was not.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc.h`: takes no pointer, and may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
