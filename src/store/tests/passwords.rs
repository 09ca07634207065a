//! Password members: all forms are read, what cannot be used refuses every login and stays.

use super::{assert_same, assert_survives_saving, load, write};
use crate::policy::{Compat, Password};

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
        (format!(r#"{legacy},"encoded_password":"$7$101${SALT}${HASH}""#), 3, Some(true)),
        (format!(r#"{legacy},"encoded_password":"plain""#), 4, Some(false)),
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
