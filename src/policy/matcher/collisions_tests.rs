//! Names and topics chosen by somebody who knows how hashes without keys work.
#![expect(clippy::arithmetic_side_effects, reason = "where a test overflows it fails")]

use std::collections::HashSet;

use super::shape::{Filed, Shape};
use crate::policy::hash::Keys;

/// FNV-1a of 32 bits.
fn fnv(bytes: &[u8], start: u32) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// 4096 names with one hash: twelve pairs of blocks, each of which takes the hash so far to the same next one.
fn of_one_fnv() -> Vec<Vec<u8>> {
    let mut state = 0x811c_9dc5;
    let mut names = vec![Vec::new()];
    for _ in 0..12 {
        let mut seen = std::collections::HashMap::new();
        let pair = (0_u32..).find_map(|number| {
            let block = format!("{number:06x}").into_bytes();
            let hash = fnv(&block, state);
            seen.insert(hash, block.clone()).map(|other| (hash, other, block))
        });
        let (next, one, other) = pair.unwrap();
        state = next;
        let with = |block: &Vec<u8>| names.iter().map(|name| [&name[..], block].concat()).collect::<Vec<_>>();
        names = [with(&one), with(&other)].concat();
    }
    names
}

/// All orders of these parts.
fn orders(parts: &[&str], joint: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<&str>> = vec![vec![]];
    for part in parts {
        all = all
            .iter()
            .flat_map(|order| {
                (0..=order.len()).map(move |at| [&order[..at], &[*part], &order[at..]].concat())
            })
            .collect();
    }
    all.into_iter().map(|order| order.join(joint).into_bytes()).collect()
}

/// Names of two words of eight bytes each, in both orders and with each letter in either: words that are added up or
/// laid over each other without a key give few different sums.
fn of_swapped_words() -> Vec<Vec<u8>> {
    let word =
        |number: usize| -> Vec<u8> { (0..8).map(|bit| b'A' + u8::from(number >> bit & 1 == 1)).collect() };
    (0..64)
        .flat_map(|one| (0..64).map(move |other| (one, other)))
        .map(|(one, other)| [word(one), word(other)].concat())
        .collect()
}

/// The longest way from a key's place to a free one, in a table that is half empty and looks at one place after another.
fn longest_probe(keys: &[u64]) -> usize {
    let size = (keys.len() * 2).next_power_of_two();
    let mut taken = vec![false; size];
    let place = |key: u64| (key >> 32) as usize & (size - 1);
    let mut longest = 0;
    for key in keys {
        let way = (0..size).find(|way| !taken[(place(*key) + way) & (size - 1)]).unwrap();
        taken[(place(*key) + way) & (size - 1)] = true;
        longest = longest.max(way);
    }
    longest
}

#[test]
fn names_that_collide_without_a_key_do_not_collide_here() {
    let of_one_fnv = of_one_fnv();
    let first = fnv(&of_one_fnv[0], 0x811c_9dc5);
    assert!(of_one_fnv.iter().all(|name| fnv(name, 0x811c_9dc5) == first), "they are chosen well");
    let letters = orders(&["a", "b", "c", "d", "e", "f", "g"], "");
    let levels = orders(&["a", "b", "c", "d", "e", "f", "g"], "/");
    let words = of_swapped_words();
    for names in [&of_one_fnv, &letters, &levels, &words] {
        assert!(names.len() >= 4096);
        for _ in 0..3 {
            let keys = Keys::random();
            let hashes: Vec<u64> = names.iter().map(|name| keys.hash(name)).collect();
            let with_wildcard = names.iter().map(|name| [&name[..], b"/#"].concat());
            let filed: Vec<u64> = with_wildcard
                .map(|name| match Shape::file(&name, &keys) {
                    Filed::Shaped(_, sieve, levels) => sieve.key_of_levels(&levels, &keys),
                    Filed::Literal(_) | Filed::Deep | Filed::Malformed => panic!("they are none of these"),
                })
                .collect();
            for hashes in [hashes, filed] {
                assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), names.len());
                let longest = longest_probe(&hashes);
                assert!(longest < 128, "{longest} steps for {}", String::from_utf8_lossy(&names[0]));
            }
        }
    }
}
