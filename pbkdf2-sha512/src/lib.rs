//! PBKDF2-HMAC-SHA512 (RFC 8018 §5.2): its first block, which is all of a hash of 64 bytes.
//!
//! What HMAC makes of the password, SHA-512's states after one block inside and one outside (RFC 2104), is made once.
//! Each iteration then is two compressions of a block that holds a digest and nothing else. They are most of the work of
//! a login, so there is code of its own for processors with AVX2 (`avx2.rs`); all else is left to the crate `sha2`.
//!
//! A package of its own, so that it is optimised where the plugin is built without.

#![forbid(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod chain;
#[cfg(target_arch = "x86_64")]
mod constants;

use chain::Chain;

/// The length of a SHA-512 digest.
pub const DIGEST_LEN: usize = 64;

/// After how many iterations others may have the processor: each quarter of a millisecond.
const GIVE_WAY_AFTER: u32 = 512;

/// The hash of a password. Between iterations `give_way` is called, each quarter of a millisecond, so that a thread can
/// let others have its processor that must not wait as long as all of them take.
#[must_use]
pub fn derive(password: &[u8], salt: &[u8], iterations: u32, give_way: fn()) -> [u8; DIGEST_LEN] {
    let mut chain = Chain::new(password, salt);
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = fearless_simd::Level::new().as_avx2() {
        in_turns(iterations, GIVE_WAY_AFTER, give_way, |turn| avx2::advance(avx2, &mut chain, turn));
        return chain.digest();
    }
    in_turns(iterations, GIVE_WAY_AFTER, give_way, |turn| chain.advance(turn));
    chain.digest()
}

/// Does the iterations after the first, so many at a time.
fn in_turns(iterations: u32, turn: u32, give_way: fn(), mut advance: impl FnMut(u32)) {
    let mut left = iterations.saturating_sub(1);
    while left >= turn {
        advance(turn);
        left = left.saturating_sub(turn);
        give_way();
    }
    advance(left);
}

#[cfg(test)]
mod tests;
