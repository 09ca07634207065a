//! Password members: all forms are read, what cannot be used refuses every login and stays.

use super::{assert_same, assert_survives_saving, load, write};
use crate::policy::{Client, Compat, Password};

const HASH: &str = "YeIyaeZ4gWXR8aXnbbZ4MhTUNHwmypN5AeTC/xo8f9goBs4T8oaDOixUP6g73N1zuAWf+oLj8vzXv41S0tXRsQ==";
const SALT: &str = "uKQNrJkTJkMoBdRo";

#[test]
fn passwords_that_cannot_be_used_refuse_and_stay() {
    let legacy = format!(r#""password":"{HASH}","salt":"{SALT}","iterations":101"#);
    // The members, what is reported, whether every login is refused.
    let table = [
        (legacy.clone(), 0, Some(true)),
        (format!(r#""encoded_password":"$7$101${SALT}${HASH}""#), 0, Some(true)),
        (format!(r#"{legacy},"encoded_password":null"#), 1, Some(true)),
        (legacy.replace("101", "0"), 1, Some(false)),
        (legacy.replace(SALT, "short"), 1, Some(false)),
        (legacy.replace(HASH, "AAAA"), 1, Some(false)),
        (r#""encoded_password":"$9$x""#.to_owned(), 1, Some(false)),
        (format!(r#""password":"{HASH}","salt":"{SALT}""#), 2, None),
        (legacy.replace("101", "\"101\""), 3, None),
        (r#""password":"clear text""#.to_owned(), 1, None),
        (r#""encoded_password":7"#.to_owned(), 1, None),
        (String::new(), 0, None),
    ];
    for (members, reported, usable) in table {
        let comma = if members.is_empty() { "" } else { "," };
        let file = format!(r#"{{"clients":[{{"username":"u"{comma}{members}}}]}}"#);
        for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
            let (policy, issues) = load(&file, compat);
            assert_eq!(issues.len(), reported, "{members}: {issues:#?}");
            let client = policy.client(b"u").unwrap();
            match (&client.password, usable) {
                (Password::Hash(hash), Some(true)) => assert!(hash.verify(b"adminpass")),
                (Password::Unusable, Some(false)) | (Password::None, None) => {
                    assert_survives_saving(&policy, &issues);
                }
                (password, _) => panic!("{members}: {password:?}"),
            }
            let saved = String::from_utf8(write(&policy)).unwrap();
            if usable == Some(true) {
                assert_eq!(saved.matches(HASH).count(), 1, "no second hash stays: {saved}");
                assert!(saved.contains("\"iterations\":\t101"), "2.0 can read it: {saved}");
                assert!(!saved.contains("encoded_password"));
                assert_same(&policy, &load(&saved, compat).0);
            }
        }
    }
}

#[test]
fn what_2_1_cannot_use_beside_what_2_0_can() {
    let file = format!(
        r#"{{"clients":[{{"username":"u","password":"{HASH}","salt":"{SALT}","iterations":101,"encoded_password":"plain"}}]}}"#
    );
    for (compat, reported) in [(Compat::V2_0, 1), (Compat::V2_0_21, 1), (Compat::V2_1, 4)] {
        let (policy, issues) = load(&file, compat);
        assert_eq!(issues.len(), reported, "{issues:#?}");
        match &policy.client(b"u").unwrap().password {
            Password::Hash(hash) => assert!(compat < Compat::V2_1 && hash.verify(b"adminpass")),
            Password::Unusable if compat == Compat::V2_1 => {
                assert_survives_saving(&policy, &issues);
            }
            other => panic!("{compat:?}: {other:?}"),
        }
    }
}

/// Of the password `pw`.
const OTHER: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";

#[test]
fn of_two_passwords_the_one_counts_that_c_reads_and_the_other_goes() {
    let members = |hash: &str| format!(r#""password":"{hash}","salt":"{SALT}","iterations":101"#);
    let second = "is ignored beside `password`, and goes when the file is saved";
    let encoded = "is ignored beside `encoded_password`, and goes when the file is saved";
    let (of_members, of_encoded): (&[u8], &[u8]) = (b"adminpass", b"pw");
    for (hash, compat, counting, reported) in [
        (HASH, Compat::V2_0, of_members, vec![second]),
        (HASH, Compat::V2_0_21, of_members, vec![second]),
        (HASH, Compat::V2_1, of_encoded, vec![encoded; 3]),
        // 2.0 could use none of it.
        ("AAAA", Compat::V2_0, of_encoded, vec![encoded; 3]),
        ("AAAA", Compat::V2_0_21, of_encoded, vec![encoded; 3]),
    ] {
        let file =
            format!(r#"{{"clients":[{{"username":"u",{},"encoded_password":"{OTHER}"}}]}}"#, members(hash));
        let (mut policy, issues) = load(&file, compat);
        let reasons: Vec<String> = issues.iter().map(|issue| issue.what.to_string()).collect();
        assert_eq!(reasons, reported, "{hash} {compat:?}");
        let client = policy.client(b"u").unwrap().as_ref().clone();
        let Password::Hash(password) = &client.password else { panic!("{hash} {compat:?}: {client:?}") };
        assert!(password.verify(counting), "{hash} {compat:?}");
        // Whatever rules come later.
        let saved = write(&policy);
        for later in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
            let (again, issues) = load(&saved, later);
            assert_eq!((again.client(b"u").unwrap().as_ref(), issues.len()), (&client, 0));
        }
        let password = Password::None;
        policy.put_client(Client { password, ..client }).unwrap();
        let saved = write(&policy);
        for later in [Compat::V2_0, Compat::V2_1] {
            let (again, _) = load(&saved, later);
            assert_eq!(again.client(b"u").unwrap().password, Password::None, "no old one comes back");
        }
    }
}
