use std::cell::Cell;

use pbkdf2::pbkdf2_hmac_array;
use proptest::prelude::*;
use sha2::Sha512;

use super::*;

fn derive(password: &[u8], salt: &[u8], iterations: u32) -> [u8; DIGEST_LEN] {
    super::derive(password, salt, iterations, || ())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn derives_what_another_implementation_does(
        password in proptest::collection::vec(any::<u8>(), 0..300),
        salt in proptest::collection::vec(any::<u8>(), 0..300),
        iterations in 1_u32..50,
    ) {
        let other = pbkdf2_hmac_array::<Sha512, DIGEST_LEN>(&password, &salt, iterations);
        prop_assert_eq!(derive(&password, &salt, iterations), other);
        let mut chain = Chain::new(&password, &salt);
        chain.advance(iterations.saturating_sub(1));
        prop_assert_eq!(chain.digest(), other, "on any processor");
    }

    #[test]
    fn many_are_hashed_as_each_alone(
        passwords in proptest::collection::vec(any::<(Vec<u8>, Vec<u8>)>(), 0..14),
        iterations in prop_oneof![1_u32..30, 250_u32..260, 510_u32..515],
    ) {
        let passwords: Vec<(&[u8], &[u8])> =
            passwords.iter().map(|(password, salt)| (password.as_slice(), salt.as_slice())).collect();
        let each: Vec<_> = passwords.iter().map(|(password, salt)| derive(password, salt, iterations)).collect();
        prop_assert_eq!(derive_each(&passwords, iterations, || ()), each);
    }
}

#[test]
fn texts_of_all_lengths_around_a_block_are_padded_as_they_should() {
    let text = [7; 300];
    for length in 100..300 {
        let text = &text[..length];
        for (password, salt) in [(text, b"salt".as_slice()), (b"pw", text)] {
            let other = pbkdf2_hmac_array::<Sha512, DIGEST_LEN>(password, salt, 2);
            assert_eq!(derive(password, salt, 2), other, "{length}");
        }
    }
}

#[test]
fn many_iterations_are_done_in_turns_and_are_all_done() {
    for iterations in [511, 512, 513, 514, 1025, 2000] {
        let other = pbkdf2_hmac_array::<Sha512, DIGEST_LEN>(b"pw", b"salt", iterations);
        assert_eq!(derive(b"pw", b"salt", iterations), other, "{iterations}");
    }
}

#[test]
fn gives_way_each_quarter_of_a_millisecond() {
    thread_local! {
        static TIMES: Cell<u32> = const { Cell::new(0) };
    }
    let times = |hash: &dyn Fn(fn())| {
        TIMES.set(0);
        hash(|| TIMES.set(TIMES.get().saturating_add(1)));
        TIMES.get()
    };
    let one = |iterations| times(&|give_way| _ = super::derive(b"pw", b"salt", iterations, give_way));
    assert_eq!([512, 513, 10_000].map(one), [0, 1, 19]);
    // As often in the same time: two iterations of four passwords take as long as four of one, or as eight.
    let four = |iterations| {
        times(&|give_way| _ = derive_each(&[(b"pw".as_slice(), b"salt".as_slice()); 4], iterations, give_way))
    };
    let often = if lanes() == 1 { [0, 4, 76] } else { [1, 2, 39] };
    assert_eq!([512, 513, 10_000].map(four), often);
}
