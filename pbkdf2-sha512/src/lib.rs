//! PBKDF2-HMAC-SHA512 (RFC 8018 §5.2): its first block, which is all of a hash of 64 bytes.
//!
//! What HMAC makes of the password, SHA-512's states after one block inside and one outside (RFC 2104), is made once.
//! Each iteration then is two compressions of a block that holds a digest and nothing else. They are most of the work of
//! a login, so there is code of its own for processors with AVX2 (`avx2/`), which hashes one password or four at once; all
//! else is left to the crate `sha2`.
//!
//! A package of its own, so that it is optimised where the plugin is built without.

#![forbid(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod chain;
#[cfg(target_arch = "x86_64")]
mod constants;

use chain::Chain;
#[cfg(target_arch = "x86_64")]
use fearless_simd::Level;

/// The length of a SHA-512 digest.
pub const DIGEST_LEN: usize = 64;

/// After how many iterations others may have the processor: each quarter of a millisecond.
const GIVE_WAY_AFTER: u32 = 512;

/// The same for four passwords at once.
#[cfg(target_arch = "x86_64")]
const GIVE_WAY_AFTER_FOUR: u32 = 256;

/// The hash of a password. Between iterations `give_way` is called, each quarter of a millisecond, so that a thread can
/// let others have its processor that must not wait as long as all of them take.
#[must_use]
pub fn derive(password: &[u8], salt: &[u8], iterations: u32, give_way: fn()) -> [u8; DIGEST_LEN] {
    let mut chain = Chain::new(password, salt);
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Level::new().as_avx2() {
        in_turns(iterations, GIVE_WAY_AFTER, give_way, |turn| avx2::one::advance(avx2, &mut chain, turn));
        return chain.digest();
    }
    in_turns(iterations, GIVE_WAY_AFTER, give_way, |turn| chain.advance(turn));
    chain.digest()
}

/// How many passwords [`derive_each`] hashes at once; 1 where this processor has no way to.
#[must_use]
pub fn lanes() -> usize {
    #[cfg(target_arch = "x86_64")]
    if Level::new().as_avx2().is_some() {
        return 4;
    }
    1
}

/// The hash of each password with its salt, in their order: [`derive`] for many, [`lanes`] at once where that is faster.
#[must_use]
pub fn derive_each(passwords: &[(&[u8], &[u8])], iterations: u32, give_way: fn()) -> Vec<[u8; DIGEST_LEN]> {
    let mut hashes = Vec::with_capacity(passwords.len());
    for some in passwords.chunks(lanes()) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(avx2), [first, second, third, rest @ ..]) = (Level::new().as_avx2(), some) {
            // Where there is no fourth, the first is hashed twice.
            let four = [first, second, third, rest.first().unwrap_or(first)];
            let mut chains = four.map(|(password, salt)| Chain::new(password, salt));
            let advance = |turn| avx2::four::advance(avx2, &mut chains, turn);
            in_turns(iterations, GIVE_WAY_AFTER_FOUR, give_way, advance);
            hashes.extend(chains.iter().take(some.len()).map(Chain::digest));
            continue;
        }
        hashes.extend(some.iter().map(|(password, salt)| derive(password, salt, iterations, give_way)));
    }
    hashes
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
