//! [`Chain`]: the iterations of one password.

use sha2::compress512;

use crate::DIGEST_LEN;

/// SHA-512's chaining value, and a digest, in words.
pub(crate) type State = [u64; 8];

/// The length of SHA-512's blocks, to which HMAC fills keys up.
pub(crate) const BLOCK_LEN: usize = 128;
/// What follows a digest in a block that is the second and last of its message (FIPS 180-4 §5.1.2).
pub(crate) const PADDING: State = [1 << 63, 0, 0, 0, 0, 0, 0, 8 * (BLOCK_LEN + DIGEST_LEN) as u64];

/// FIPS 180-4 §5.3.5.
const INITIAL: State = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// PBKDF2 with a password and a salt, after so many iterations.
#[derive(Clone)]
pub(crate) struct Chain {
    /// The states after HMAC's key, inside and outside.
    pub(crate) inner: State,
    pub(crate) outer: State,
    /// What the last iteration gave, and what all have given together.
    pub(crate) last: State,
    pub(crate) sum: State,
}

impl Chain {
    /// After one iteration.
    pub(crate) fn new(password: &[u8], salt: &[u8]) -> Self {
        let key = key(password);
        let [inner, outer] = [0x36, 0x5c].map(|pad| {
            let mut state = INITIAL;
            compress512(&mut state, &[key.map(|byte| byte ^ pad).into()]);
            state
        });
        let salt_and_number = [salt, &1_u32.to_be_bytes()].concat();
        let last = finish(outer, &bytes(&finish(inner, &salt_and_number, BLOCK_LEN)), BLOCK_LEN);
        Self { inner, outer, last, sum: last }
    }

    /// So many iterations more, on any processor.
    pub(crate) fn advance(&mut self, iterations: u32) {
        let padding = bytes(&PADDING);
        let compress = |mut state: State, digest: &State| {
            let mut block = [0; BLOCK_LEN];
            let (start, end) = block.split_at_mut(DIGEST_LEN);
            start.copy_from_slice(&bytes(digest));
            end.copy_from_slice(&padding);
            compress512(&mut state, &[block.into()]);
            state
        };
        for _ in 0..iterations {
            self.last = compress(self.outer, &compress(self.inner, &self.last));
            self.sum.iter_mut().zip(self.last).for_each(|(sum, last)| *sum ^= last);
        }
    }

    pub(crate) fn digest(&self) -> [u8; DIGEST_LEN] {
        bytes(&self.sum)
    }
}

/// HMAC's key: the password, or its digest if it is longer than a block (RFC 2104).
fn key(password: &[u8]) -> [u8; BLOCK_LEN] {
    let mut key = [0; BLOCK_LEN];
    match key.get_mut(..password.len()) {
        Some(start) => start.copy_from_slice(password),
        None => key.iter_mut().zip(bytes(&finish(INITIAL, password, 0))).for_each(|(key, byte)| *key = byte),
    }
    key
}

/// The state at the end of a message of which this is left, after so many bytes.
fn finish(mut state: State, rest: &[u8], before: usize) -> State {
    let bits = (before as u128).saturating_add(rest.len() as u128).saturating_mul(8).to_be_bytes();
    let mut padded = [rest, &[0x80]].concat();
    while !padded.len().saturating_add(bits.len()).is_multiple_of(BLOCK_LEN) {
        padded.push(0);
    }
    padded.extend(bits);
    for block in padded.chunks_exact(BLOCK_LEN) {
        compress512(&mut state, &[*sha2::digest::generic_array::GenericArray::from_slice(block)]);
    }
    state
}

fn bytes(state: &State) -> [u8; DIGEST_LEN] {
    let mut bytes = [0; DIGEST_LEN];
    bytes.chunks_exact_mut(8).zip(state).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    bytes
}
