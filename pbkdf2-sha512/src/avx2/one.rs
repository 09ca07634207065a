//! The iterations of one password: rounds in the processor's ordinary registers, where BMI2 has the rotations that keep
//! their operand, and the schedule of the message two words at a time beside them.

use std::arch::x86_64::{
    __m128i, _mm_add_epi64, _mm_alignr_epi8, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_or_si128,
    _mm_set_epi64x, _mm_setr_epi8, _mm_shuffle_epi8, _mm_slli_epi64, _mm_srli_epi64, _mm_xor_si128,
};

use fearless_simd::kernel;

use super::unrolled;
use crate::chain::{Chain, PADDING, State};
use crate::constants::ROUNDS;

kernel!(
    /// So many iterations more.
    pub(crate) fn advance(token: Avx2, chain: &mut Chain, iterations: u32) {
        for _ in 0..iterations {
            chain.last = compress(chain.outer, &compress(chain.inner, &chain.last));
            chain.sum.iter_mut().zip(chain.last).for_each(|(sum, last)| *sum ^= last);
        }
    }
);

/// The state after a block that holds a digest (FIPS 180-4 §6.4.2).
#[expect(clippy::many_single_char_names, reason = "words in a row")]
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn compress(before: State, digest: &State) -> State {
    let [a, b, c, d, e, f, g, h] = *digest;
    let [i, j, k, l, m, n, o, p] = PADDING;
    let mut message =
        [pair(a, b), pair(c, d), pair(e, f), pair(g, h), pair(i, j), pair(k, l), pair(m, n), pair(o, p)];
    let [first, later @ ..] = ROUNDS;
    // The words of the message, each with its round's constant.
    let mut words = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
    words.iter_mut().zip(first).for_each(|(word, constant)| *word = word.wrapping_add(constant));
    let mut state = before;
    for constants in &later {
        unrolled!(I in 0 1 2 3 4 5 6 7 => {
            let (fourteen, eight) = (message[(I + 1) % 8], message[(I + 4) % 8]);
            let (six, two) = (message[(I + 5) % 8], message[(I + 7) % 8]);
            message[I] = scheduled(message[I], fourteen, eight, six, two);
            state = round(round(state, words[2 * I]), words[2 * I + 1]);
            let constants = pair(constants[2 * I], constants[2 * I + 1]);
            [words[2 * I], words[2 * I + 1]] = halves(_mm_add_epi64(message[I], constants));
        });
    }
    unrolled!(I in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 => {
        state = round(state, words[I]);
    });
    state.iter_mut().zip(before).for_each(|(word, before)| *word = word.wrapping_add(before));
    state
}

#[expect(clippy::many_single_char_names, reason = "the standard's names")]
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn round([a, b, c, d, e, f, g, h]: State, word: u64) -> State {
    let choice = (e & f).wrapping_add(!e & g);
    let of_e = e.rotate_right(14) ^ e.rotate_right(18) ^ e.rotate_right(41);
    let one = h.wrapping_add(word).wrapping_add(choice).wrapping_add(of_e);
    // In the next round the compiler finds the second of these done.
    let majority = ((a ^ b) & (b ^ c)) ^ b;
    let of_a = a.rotate_right(28) ^ a.rotate_right(34) ^ a.rotate_right(39);
    let two = majority.wrapping_add(of_a);
    [one.wrapping_add(two), a, b, c, d.wrapping_add(one), e, f, g]
}

/// The next two words of the message's schedule, from those that are so many before them.
#[inline]
#[target_feature(enable = "avx2")]
fn scheduled(sixteen: __m128i, fourteen: __m128i, eight: __m128i, six: __m128i, two: __m128i) -> __m128i {
    let rotated_by_8 = _mm_setr_epi8(1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 8);
    let (fifteen, seven) = (_mm_alignr_epi8::<8>(fourteen, sixteen), _mm_alignr_epi8::<8>(six, eight));
    let of_fifteen = _mm_xor_si128(
        _mm_xor_si128(rotated::<1, 63>(fifteen), _mm_shuffle_epi8(fifteen, rotated_by_8)),
        _mm_srli_epi64::<7>(fifteen),
    );
    let of_two =
        _mm_xor_si128(_mm_xor_si128(rotated::<19, 45>(two), rotated::<61, 3>(two)), _mm_srli_epi64::<6>(two));
    _mm_add_epi64(_mm_add_epi64(sixteen, seven), _mm_add_epi64(of_fifteen, of_two))
}

/// Each rotated to the right by so many bits, and to the left by what is left of 64.
#[inline]
#[target_feature(enable = "avx2")]
fn rotated<const RIGHT: i32, const LEFT: i32>(words: __m128i) -> __m128i {
    _mm_or_si128(_mm_srli_epi64::<RIGHT>(words), _mm_slli_epi64::<LEFT>(words))
}

#[inline]
#[target_feature(enable = "avx2")]
fn pair(first: u64, second: u64) -> __m128i {
    _mm_set_epi64x(second.cast_signed(), first.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn halves(words: __m128i) -> [u64; 2] {
    [_mm_cvtsi128_si64(words).cast_unsigned(), _mm_extract_epi64::<1>(words).cast_unsigned()]
}
