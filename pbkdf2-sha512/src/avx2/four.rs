//! The iterations of four passwords at once, one in each quarter of AVX2's registers: that takes about as long as those of
//! two after each other.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_andnot_si256, _mm256_extract_epi64, _mm256_or_si256,
    _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi64, _mm256_srli_epi64, _mm256_xor_si256,
};

use fearless_simd::kernel;

use super::unrolled;
use crate::chain::{Chain, PADDING, State};
use crate::constants::ROUNDS;

/// A word of each password's.
type Words = __m256i;

kernel!(
    /// So many iterations more of each.
    pub(crate) fn advance(token: Avx2, chains: &mut [Chain; 4], iterations: u32) {
        let inner = together(chains.each_ref().map(|chain| &chain.inner));
        let outer = together(chains.each_ref().map(|chain| &chain.outer));
        let mut last = together(chains.each_ref().map(|chain| &chain.last));
        let mut sum = together(chains.each_ref().map(|chain| &chain.sum));
        for _ in 0..iterations {
            last = compress(outer, &compress(inner, &last));
            for (sum, last) in sum.iter_mut().zip(last) {
                *sum = _mm256_xor_si256(*sum, last);
            }
        }
        for ((chain, last), sum) in chains.iter_mut().zip(apart(last)).zip(apart(sum)) {
            (chain.last, chain.sum) = (last, sum);
        }
    }
);

/// The states after blocks that hold a digest each (FIPS 180-4 §6.4.2).
#[inline]
#[target_feature(enable = "avx2")]
fn compress(before: [Words; 8], digests: &[Words; 8]) -> [Words; 8] {
    let mut message = [_mm256_setzero_si256(); 16];
    let padding = PADDING.map(|word| each(word));
    message.iter_mut().zip(digests.iter().chain(&padding)).for_each(|(word, of_block)| *word = *of_block);
    let [first, later @ ..] = ROUNDS;
    let mut state = before;
    unrolled!(I in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 => {
        state = round(state, add(message[I], each(first[I])));
    });
    for constants in &later {
        unrolled!(I in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 => {
            let (fifteen, seven, two) = (message[(I + 1) % 16], message[(I + 9) % 16], message[(I + 14) % 16]);
            message[I] = scheduled(message[I], fifteen, seven, two);
            state = round(state, add(message[I], each(constants[I])));
        });
    }
    state.iter_mut().zip(before).for_each(|(word, before)| *word = add(*word, before));
    state
}

#[expect(clippy::many_single_char_names, reason = "the standard's names")]
#[inline]
#[target_feature(enable = "avx2")]
fn round([a, b, c, d, e, f, g, h]: [Words; 8], word: Words) -> [Words; 8] {
    let choice = xor(_mm256_and_si256(e, f), _mm256_andnot_si256(e, g));
    let of_e = xor(xor(rotated::<14, 50>(e), rotated::<18, 46>(e)), rotated::<41, 23>(e));
    let one = add(add(h, word), add(choice, of_e));
    // In the next round the compiler finds the second of these done.
    let majority = xor(_mm256_and_si256(xor(a, b), xor(b, c)), b);
    let of_a = xor(xor(rotated::<28, 36>(a), rotated::<34, 30>(a)), rotated::<39, 25>(a));
    [add(one, add(majority, of_a)), a, b, c, add(d, one), e, f, g]
}

/// The next word of the message's schedule, from those that are so many before it.
#[inline]
#[target_feature(enable = "avx2")]
fn scheduled(sixteen: Words, fifteen: Words, seven: Words, two: Words) -> Words {
    let by_8 = _mm256_setr_epi8(
        1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 8, 1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14,
        15, 8,
    );
    let of_fifteen = xor(
        xor(rotated::<1, 63>(fifteen), _mm256_shuffle_epi8(fifteen, by_8)),
        _mm256_srli_epi64::<7>(fifteen),
    );
    let of_two = xor(xor(rotated::<19, 45>(two), rotated::<61, 3>(two)), _mm256_srli_epi64::<6>(two));
    add(add(sixteen, seven), add(of_fifteen, of_two))
}

/// Each rotated to the right by so many bits, and to the left by what is left of 64.
#[inline]
#[target_feature(enable = "avx2")]
fn rotated<const RIGHT: i32, const LEFT: i32>(words: Words) -> Words {
    _mm256_or_si256(_mm256_srli_epi64::<RIGHT>(words), _mm256_slli_epi64::<LEFT>(words))
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: Words, b: Words) -> Words {
    _mm256_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Words, b: Words) -> Words {
    _mm256_xor_si256(a, b)
}

/// The same word for each.
#[inline]
#[target_feature(enable = "avx2")]
fn each(word: u64) -> Words {
    _mm256_set1_epi64x(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn together(states: [&State; 4]) -> [Words; 8] {
    let mut words = [_mm256_setzero_si256(); 8];
    unrolled!(I in 0 1 2 3 4 5 6 7 => {
        let [a, b, c, d] = states.map(|state| state[I].cast_signed());
        words[I] = _mm256_setr_epi64x(a, b, c, d);
    });
    words
}

#[inline]
#[target_feature(enable = "avx2")]
fn apart(words: [Words; 8]) -> [State; 4] {
    let mut states = [[0; 8]; 4];
    unrolled!(I in 0 1 2 3 4 5 6 7 => {
        states[0][I] = _mm256_extract_epi64::<0>(words[I]).cast_unsigned();
        states[1][I] = _mm256_extract_epi64::<1>(words[I]).cast_unsigned();
        states[2][I] = _mm256_extract_epi64::<2>(words[I]).cast_unsigned();
        states[3][I] = _mm256_extract_epi64::<3>(words[I]).cast_unsigned();
    });
    states
}
