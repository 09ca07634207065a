//! Hashes from elsewhere: the C plugin of 2.0.11, Python's hashlib, libargon2. None was made by the code
//! under test.

use proptest::prelude::*;

use super::*;

const SALT_12: &str = "AAECAwQFBgcICQoL";
const SALT_64: &str =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
const SWORDFISH_101: &str =
    "dZm7JfRzazmqMF3mNAf8Z9rc8zhve5iD3D24qUV+vJ2EMTaOdI9t/bQGRsGRcCuLypk27O7e+I8KbVDnbAsa9Q==";
const SWORDFISH_1000: &str =
    "NxsXhNvWFVNfj0o2WeIBI7bErrzu0bCsv/slUYUT/X/u5HtbkQ+a6jhlR096gvDSYqkYl6F/I2ONTy5yaZc0MA==";

/// A hash of `swordfish` in each form that `encoded_password` can have, written as this module writes it.
const ENCODED_SWORDFISH: &[&str] = &[
    concat!(
        "$7$1000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
        "$w8VgdZz9xPTAzkzZA7v/K3itd09JgU9Qf/Ghn7/jg0mITUQsMvyTbjE/TMpjVJcySwWVjfph3QcsarAy+gC7XA=="
    ),
    concat!(
        "$6$AAECAwQFBgcICQoL",
        "$Y4WPO0ICbkFB25Sxdu2LoRRrxHn+5vSWhC2EUmSYoLLtUV8GIc4CVeWWuvFv5IE5M6bpTbvMD7qDxLQrWa4e8Q=="
    ),
    concat!(
        "$6$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
        "$rnCkgtdtUdC0gmDU6LKpgmHUVSMV4czIaXZnU9hFxkN+BGzHQWhcOPuPd6k7wge5LrjWI3W8QACMBusCUVawww=="
    ),
    // The parameters of the C plugin.
    concat!(
        "$argon2id$v=19$m=47104,t=1,p=1",
        "$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw",
        "$k9Q110CVFBynj61uYM9IFCIGQNlQgepZRL99uiZGDUQ4WmSrSsg7UK6oBG/nZphlItzT5jz2uaspskFRF+0pcg"
    ),
    "$argon2id$v=19$m=64,t=3,p=2$AAECAwQFBgcICQoL$KxVL0Rl/cEM+luyjmUdTXUpGH0ZgrDg7sYPXero07SE",
    "$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgc$meeKRQ",
    "$argon2id$v=16$m=64,t=2,p=1$AAECAwQFBgcICQoL$c2B0A7qRtzv4BxwipAJFk58FGL2A3a5HGx0+VW2+7eE",
    "$argon2id$m=64,t=2,p=1$AAECAwQFBgcICQoL$c2B0A7qRtzv4BxwipAJFk58FGL2A3a5HGx0+VW2+7eE",
];

fn members(password: &str, salt: &str, iterations: i64) -> Result<PasswordHash, HashError> {
    PasswordHash::from_members(password.as_bytes(), salt.as_bytes(), iterations)
}

fn encoded(text: impl AsRef<[u8]>) -> Result<PasswordHash, HashError> {
    PasswordHash::from_encoded(text.as_ref())
}

fn read_back(hash: &PasswordHash) -> Result<PasswordHash, HashError> {
    match hash.stored() {
        Stored::Members { password, salt, iterations } => members(&password, &salt, iterations.into()),
        Stored::Encoded(text) => encoded(text),
    }
}

fn assert_verifies_only(hash: &PasswordHash, password: &[u8]) {
    assert!(hash.verify(password), "{hash:?}");
    let mut longer = password.to_vec();
    longer.push(b'x');
    let upper = password.to_ascii_uppercase();
    for wrong in [b"".as_slice(), b"x", &longer, &upper] {
        assert!(wrong == password || !hash.verify(wrong), "{hash:?}");
    }
}

#[test]
fn hashes_of_a_real_2_0_11_broker_verify() {
    let cases = [
        // mosquitto_ctrl dynsec init
        (
            "correct horse",
            "pmkajAOKg4k8ueR92GDZi7eJnXPuXy6y0QKmXgdKg9i0RhW4huFV28T3moF8i8oof4Fuu3FkT0xitfE6bigLHg==",
            "/3VAoQeqOKOghAUC",
        ),
        // setClientPassword
        (
            "battery staple",
            "Tjd9UN/zv/orqkGj52cbwVCZtogfmmrrFXoJOlDYa2GECoX4m7l8MnAyYmloSs7gx3jxPeK6987NMbcPJwCf/A==",
            "o9OctdmkdgkRFIDh",
        ),
        // createClient
        (
            "swordfish",
            "oWLxGJm2Nk9yK2tfDk+h7DQ8OU3ZqDiZkR3pPBpMWTr2wMaRb8jqir+w3qaqtgvTT2PIyGQI5BhRMq4Hf0iIsQ==",
            "yhrf3qiEMkiNDwG9",
        ),
        (
            "päss €$7$",
            "6HVIMex/s6krIgANXjCaRyM+nLjZtb7AbpinbEmLgjZ4Km5wo7Ojn65IGZaOySvk0dZD5joUcf/ZynG4Gaw2lQ==",
            "0QAkkuR6vqr7LpAp",
        ),
    ];
    for (password, hash, salt) in cases {
        let parsed = members(hash, salt, 101).unwrap();
        assert_verifies_only(&parsed, password.as_bytes());
        let Stored::Members { password, salt: stored_salt, iterations } = parsed.stored() else {
            panic!("a 12-byte salt fits the three members")
        };
        assert_eq!((&*password, &*stored_salt, iterations), (hash, salt, 101));
    }
}

#[test]
fn hashes_of_python_verify_in_three_members() {
    let x = "x".repeat(200);
    let cases: &[(&[u8], i64, &str)] = &[
        (
            b"swordfish",
            1,
            "mx8pCbhrr9lRZwioULkEZ+do/VJMGovIJANpIDJtw9aZuJKeW6/nZr4lFj5hZI8YW1ieAQOwCzeigJCCodKsmg==",
        ),
        (b"swordfish", 101, SWORDFISH_101),
        (b"swordfish", 1000, SWORDFISH_1000),
        (
            b"\xe4\xff",
            101,
            "XdgJpj18XzRSongvZy/aYVOAmT0yWFJUCDtFZpeTIV1zl71U7knw5xGuR17ewpnUrcSUSzZkzKiIDqp3ObB8rg==",
        ),
        // Longer than SHA-512's block, which HMAC then hashes first.
        (
            x.as_bytes(),
            101,
            "k8Plv+rrB6xXxMX/zBvZxpaRhurG8BrOV129UVWAOmBVzuN0/z1/e23gS0a50jKDIUHo3tPjlwjlAWbpxOW70A==",
        ),
        (
            b"",
            101,
            "Oorei7WAq0Ku89VGerVUptUCdhYayRJAt6YxttF7wiwwItrj/1Buq9htNjo6PkVA7w01PY+HiqHwcqfwo/ogYQ==",
        ),
    ];
    for (password, iterations, hash) in cases {
        let parsed = members(hash, SALT_12, *iterations).unwrap();
        assert_verifies_only(&parsed, password);
        assert_eq!(parsed.iterations().map(i64::from), Some(*iterations));
    }
}

#[test]
fn every_encoded_form_verifies_and_is_written_as_it_was_read() {
    for text in ENCODED_SWORDFISH {
        let hash = encoded(text).unwrap();
        assert_verifies_only(&hash, b"swordfish");
        assert_eq!(hash.stored(), Stored::Encoded((*text).to_owned()));
    }
}

/// From the tests of libargon2, the reference implementation.
#[test]
fn argon2id_agrees_with_the_reference_vectors() {
    for text in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ] {
        assert_verifies_only(&encoded(text).unwrap(), b"password");
    }
}

#[test]
fn schemes_are_told_apart() {
    let seven = format!("$7$1000${SALT_12}${SWORDFISH_1000}");
    let cases = [
        (seven.as_str(), Scheme::Pbkdf2Sha512, Some(1000)),
        (ENCODED_SWORDFISH[1], Scheme::Sha512, None),
        (ENCODED_SWORDFISH[4], Scheme::Argon2id, None),
    ];
    for (text, scheme, iterations) in cases {
        let hash = encoded(text).unwrap();
        assert_eq!((hash.scheme(), hash.iterations()), (scheme, iterations));
    }
}

#[test]
fn an_encoded_hash_with_a_short_salt_is_stored_for_2_0() {
    let hash = encoded(format!("$7$101${SALT_12}${SWORDFISH_101}")).unwrap();
    assert_eq!(hash, members(SWORDFISH_101, SALT_12, 101).unwrap());
    assert!(matches!(hash.stored(), Stored::Members { iterations: 101, .. }));
}

#[test]
fn members_with_a_long_salt_are_stored_for_2_1() {
    let [_, _, iterations, salt, hash] = *ENCODED_SWORDFISH[0].split('$').collect::<Vec<_>>() else {
        panic!("five fields")
    };
    let hash = members(hash, salt, iterations.parse().unwrap()).unwrap();
    assert_eq!(hash.stored(), Stored::Encoded(ENCODED_SWORDFISH[0].to_owned()));
}

/// What C's `strtok_r` and `atoi` let pass.
#[test]
fn encoded_hashes_are_read_as_leniently_as_by_c() {
    let h = SWORDFISH_101;
    for text in [
        format!("$7$$101$$${SALT_12}$${h}"),
        format!("$7$101${SALT_12}${h}$"),
        format!("$7$101${SALT_12}${h}$and more"),
        format!("$7$ 101 rounds${SALT_12}${h}"),
        format!("$7$+0101${SALT_12}${h}"),
        format!("$7$101${SALT_12}A${h}\n"),
        format!("$7$101${SALT_12}${h}\0more"),
    ] {
        let hash = encoded(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert!(hash.verify(b"swordfish"), "{text:?}");
    }
}

#[test]
fn hashes_that_cannot_be_used_say_why() {
    let h = SWORDFISH_101;
    let cases: &[(Result<PasswordHash, HashError>, &str)] = &[
        (members(h, SALT_12, 0), "the number of iterations is not between 1 and 2147483647"),
        (members(h, SALT_12, -1), "the number of iterations is not between 1 and 2147483647"),
        (members(h, SALT_12, 1 << 31), "the number of iterations is not between 1 and 2147483647"),
        (members(h, "", 101), "the salt is not base64"),
        (members(h, "no base64!!!", 101), "the salt is not base64"),
        (members(h, "AAECAwQFBgcICQoLDA0ODw==", 101), "the salt is 16 bytes long, not 12 or 64"),
        (members("", SALT_12, 101), "the hash is not base64"),
        (members(SALT_12, SALT_12, 101), "the hash is 12 bytes long, not 64"),
        // C ignores what is left over when it cuts the text in fours.
        (members(h.trim_end_matches('='), SALT_12, 101), "the hash is 63 bytes long, not 64"),
        (encoded(""), "it begins with none of `$6$`, `$7$` and `$argon2id$`"),
        (
            encoded("$argon2i$v=19$m=64,t=3,p=2$AAECAwQFBgcICQoL$KxVL0Q"),
            "it begins with none of `$6$`, `$7$` and `$argon2id$`",
        ),
        (encoded("$7$"), "the number of iterations is missing"),
        (encoded("$7$x$salt$hash"), "the number of iterations is not between 1 and 2147483647"),
        (encoded("$7$101"), "the salt is missing"),
        (encoded(format!("$7$101${SALT_12}")), "the hash is missing"),
        (encoded("$6$"), "the salt is missing"),
        (encoded(format!("$6${SALT_64}$")), "the hash is missing"),
        (encoded("$argon2id$"), "the salt is missing"),
        (encoded("$argon2id$v=19"), "the list of argon2id parameters is missing"),
        (
            encoded("$argon2id$v=17$m=64,t=3,p=2$AAECAwQFBgcICQoL$KxVL0Q"),
            "argon2 version 17 is neither 16 nor 19",
        ),
        (encoded("$argon2id$m=64,t=3,p=2"), "the salt is missing"),
        (encoded("$argon2id$m=64,t=3,p=2$AAECAwQFBgcICQoL"), "the hash is missing"),
        (
            encoded("$argon2id$m=64,t=3,p=2$AAECAwQFBg$KxVL0Q"),
            "the argon2id salt is 7 bytes long, not at least 8",
        ),
        (
            encoded("$argon2id$m=64,t=3,p=2$AAECAwQFBgcICQoL$KxVL"),
            "the argon2id hash is 3 bytes long, not at least 4",
        ),
        (encoded("$argon2id$m=64,t=3,p=2$AAECAwQFBgcICQoL$KxVL0Q=="), "the hash is not base64"),
        (encoded("$argon2id$m=64,t=3,p=2$AAECAwQFBgcICQoL$KxVL0Q$"), "the hash is not base64"),
        (
            encoded("$argon2id$m=4194304,t=1,p=1$AAECAwQFBgcICQoL$KxVL0Q"),
            "argon2id asks for 4194304 KiB of memory for each login, at most 1048576 are given",
        ),
    ];
    for (result, text) in cases {
        let error = result.as_ref().expect_err(text);
        assert_eq!(error.to_string(), *text);
    }
}

#[test]
fn argon2id_parameters_are_read_strictly() {
    for costs in [
        "m=64,t=3",
        "m=64,t=3,p=2,keyid=AA",
        "t=3,m=64,p=2",
        "m=064,t=3,p=2",
        "m=+64,t=3,p=2",
        "m=,t=3,p=2",
        "m=7,t=3,p=1",
        "m=64,t=0,p=1",
        "m=64,t=3,p=0",
        "m=64,t=3,p=9",
        "m=64,t=4294967296,p=1",
    ] {
        assert_eq!(
            encoded(format!("$argon2id$v=19${costs}$AAECAwQFBgcICQoL$KxVL0Q")),
            Err(HashError::Argon2Parameters),
            "{costs}"
        );
    }
}

#[test]
fn a_new_hash_verifies_and_is_stored_for_2_0() {
    let hash = PasswordHash::create("p\u{e4}ss".as_bytes(), Iterations::DEFAULT).unwrap();
    assert_verifies_only(&hash, "p\u{e4}ss".as_bytes());
    assert_eq!(hash.iterations(), Some(1000));
    let Stored::Members { salt, .. } = hash.stored() else { panic!("a 12-byte salt fits the three members") };
    assert_eq!(salt.len(), 16);
    assert_eq!(read_back(&hash), Ok(hash));
}

#[test]
fn the_same_password_never_hashes_to_the_same() {
    let new = || PasswordHash::create(b"swordfish", Iterations::MIN).unwrap();
    assert_ne!(new(), new());
}

#[test]
fn iterations_of_new_passwords_are_bounded() {
    for (number, allowed) in [
        (0, false),
        (100, false),
        (101, true),
        (1000, true),
        (10_000_000, true),
        (10_000_001, false),
        (u32::MAX, false),
    ] {
        assert_eq!(Iterations::try_from(number).map(Iterations::get).ok(), allowed.then_some(number));
    }
    assert_eq!(IterationsOutOfRange.to_string(), "the number of iterations is not between 101 and 10000000");
}

#[test]
fn debug_shows_neither_hash_nor_salt() {
    let hash = members(SWORDFISH_101, SALT_12, 101).unwrap();
    assert_eq!(
        format!("{hash:?} {:?}", hash.stored()),
        "PasswordHash { scheme: Pbkdf2Sha512, iterations: Some(101), .. } Members { iterations: 101, .. }"
    );
    let hash = encoded(ENCODED_SWORDFISH[1]).unwrap();
    assert_eq!(
        format!("{hash:?} {:?}", hash.stored()),
        "PasswordHash { scheme: Sha512, iterations: None, .. } Encoded { .. }"
    );
}

#[test]
fn a_hash_is_small() {
    assert_eq!(size_of::<PasswordHash>(), 88);
    assert!(size_of::<Pbkdf2Sha512>() <= 88);
}

proptest! {
    #[test]
    fn what_is_stored_reads_back(
        scheme in 0..3_u8,
        salt in prop_oneof![prop::collection::vec(any::<u8>(), 12), prop::collection::vec(any::<u8>(), 64)],
        hash in prop::collection::vec(any::<u8>(), 64),
        iterations in 1..=i32::MAX,
    ) {
        let (salt64, hash64) = (base64::encode(&salt), base64::encode(&hash));
        let parsed = match scheme {
            0 => members(&hash64, &salt64, iterations.into()),
            1 => encoded(format!("$7${iterations}${salt64}${hash64}")),
            _ => encoded(format!("$6${salt64}${hash64}")),
        };
        let parsed = parsed.unwrap();
        prop_assert_eq!(read_back(&parsed), Ok(parsed));
    }

    #[test]
    fn what_is_stored_of_argon2id_reads_back(
        version in prop_oneof![Just(""), Just("v=16$"), Just("v=19$")],
        (lanes, memory) in (1..=16_u32).prop_flat_map(|lanes| (Just(lanes), lanes.saturating_mul(8)..=1_048_576)),
        time in 1..=u32::MAX,
        salt in prop::collection::vec(any::<u8>(), 8..80),
        hash in prop::collection::vec(any::<u8>(), 4..80),
    ) {
        let plain = |bytes: &[u8]| base64::encode(bytes).trim_end_matches('=').to_owned();
        let text = format!("$argon2id${version}m={memory},t={time},p={lanes}${}${}", plain(&salt), plain(&hash));
        let parsed = encoded(&text).unwrap();
        prop_assert_eq!(parsed.stored(), Stored::Encoded(text));
        prop_assert_eq!(read_back(&parsed), Ok(parsed));
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        prefix in prop_oneof![Just(""), Just("$6$"), Just("$7$"), Just("$7$1$"), Just("$argon2id$"), Just("$argon2id$v=19$m=8,t=1,p=1$")],
        text in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), "[$=,mtpv0-9A-Za-z/+ \n-]{0,200}".prop_map(String::into_bytes)],
        salt in any::<Vec<u8>>(),
        iterations in any::<i64>(),
    ) {
        let _ = PasswordHash::from_members(&text, &salt, iterations);
        let _ = PasswordHash::from_encoded(&[prefix.as_bytes(), &text].concat());
    }

    #[test]
    fn one_changed_character_refuses(index in 0..86_usize, digit in "[A-Za-z0-9+/]") {
        let mut hash = SWORDFISH_101.to_owned();
        hash.replace_range(index..=index, &digit);
        let parsed = members(&hash, SALT_12, 101).unwrap();
        prop_assert_eq!(parsed.verify(b"swordfish"), parsed == members(SWORDFISH_101, SALT_12, 101).unwrap());
    }
}
