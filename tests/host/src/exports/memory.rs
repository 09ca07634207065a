//! Memory functions. They can be made to reveal use after free.
#![expect(unsafe_code, reason = "hands out memory to C")]

use std::ffi::{c_char, c_void};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

/// What freed memory is filled with: an address made of these bytes is never valid on x86-64 or arm64, so a
/// plugin that follows a freed pointer dies by a signal.
const FILL: i32 = 0xdd;

static FILL_FREED: AtomicBool = AtomicBool::new(false);

/// Makes `mosquitto_free` fill what it frees with a pattern and never hand it out again. A plugin that uses
/// what it freed then dies where it does so, instead of going on with whatever lies there: the same sequence
/// of commands has the same outcome each time. It leaks, so it is for short-lived hosts.
pub fn fill_freed_memory(yes: bool) {
    FILL_FREED.store(yes, Ordering::Relaxed);
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_malloc(size: usize) -> *mut c_void {
    // SAFETY: malloc has no preconditions.
    unsafe { libc::malloc(size) }
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: calloc has no preconditions.
    unsafe { libc::calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_strdup(string: *const c_char) -> *mut c_char {
    // SAFETY: the plugin passes a NUL-terminated string; it dies by NULL here as in the broker.
    unsafe { libc::strdup(string) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_free(memory: *mut c_void) {
    if FILL_FREED.load(Ordering::Relaxed) && !memory.is_null() {
        // SAFETY: the plugin gives up memory that it has from malloc, through this module or directly.
        let size = unsafe { libc::malloc_usable_size(memory) };
        // SAFETY: the memory is `size` bytes long, and nobody has the right to it any more.
        unsafe { libc::memset(memory, FILL, size) };
    } else {
        // SAFETY: the plugin gives up memory that it has from malloc, through this module or directly.
        unsafe { libc::free(memory) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_realloc(memory: *mut c_void, size: usize) -> *mut c_void {
    if !FILL_FREED.load(Ordering::Relaxed) || memory.is_null() {
        // SAFETY: the plugin passes memory that it has from malloc, or NULL.
        return unsafe { libc::realloc(memory, size) };
    }
    let moved = mosquitto_malloc(size);
    if !moved.is_null() {
        // SAFETY: the plugin passes memory that it has from malloc.
        let kept = unsafe { libc::malloc_usable_size(memory) }.min(size);
        // SAFETY: both are at least `kept` bytes long, and the new one was not handed out yet.
        unsafe { libc::memcpy(moved, memory, kept) };
        // SAFETY: the plugin gives the old memory up for the new.
        unsafe { mosquitto_free(memory) };
    }
    moved
}

pub(super) fn pin() {
    black_box([
        mosquitto_malloc as *const (),
        mosquitto_calloc as *const (),
        mosquitto_strdup as *const (),
        mosquitto_free as *const (),
        mosquitto_realloc as *const (),
    ]);
}
