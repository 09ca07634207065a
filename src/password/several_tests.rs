//! Passwords that are hashed together.

use super::*;

/// A hash of `swordfish`.
const SHA512: &str = concat!(
    "$6$AAECAwQFBgcICQoL",
    "$Y4WPO0ICbkFB25Sxdu2LoRRrxHn+5vSWhC2EUmSYoLLtUV8GIc4CVeWWuvFv5IE5M6bpTbvMD7qDxLQrWa4e8Q=="
);

fn create(iterations: u32) -> PasswordHash {
    PasswordHash::create(b"swordfish", iterations.try_into().unwrap()).unwrap()
}

#[test]
fn several_are_verified_as_each_alone() {
    let hashes =
        [create(101), create(1000), PasswordHash::from_encoded(SHA512.as_bytes()).unwrap(), create(1000)];
    let passwords: [&[u8]; 3] = [b"swordfish", b"", b"swordfis"];
    // Each of these and those behind it: of one scheme or several, with the same iterations or others.
    for indices in [
        vec![],
        vec![0],
        vec![0; 3],
        vec![0; 9],
        vec![1, 3, 1, 3, 3],
        vec![0, 1, 2, 3],
        vec![2; 5],
        vec![1, 1, 1, 0],
    ] {
        let tries: Vec<(&PasswordHash, &[u8])> = indices
            .iter()
            .enumerate()
            .map(|(number, index)| (&hashes[*index], passwords[number % passwords.len()]))
            .collect();
        let alone: Vec<bool> = tries.iter().map(|(hash, password)| hash.verify(password)).collect();
        assert_eq!(PasswordHash::verify_each(&tries, || ()), alone, "{indices:?}");
    }
}

#[test]
fn several_are_created_each_with_its_own_salt() {
    let passwords: [&[u8]; 6] = [b"a", b"b", b"c", b"c", b"", &[7; 200]];
    for number in 0..=passwords.len() {
        let passwords = &passwords[..number];
        let hashes = PasswordHash::create_each(passwords, Iterations::MIN, || ()).unwrap();
        assert_eq!(hashes.len(), number);
        for (index, (hash, password)) in hashes.iter().zip(passwords).enumerate() {
            assert!(hash.verify(password) && !hash.verify(b"d"));
            assert!(!hashes[..index].contains(hash));
        }
    }
}
