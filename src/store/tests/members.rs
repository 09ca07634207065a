//! Members of an object that are there twice, or that a command takes the place of.

use super::{assert_survives_saving, load, write};
use crate::policy::{Action, Compat, Text};

/// Other readers of JSON take the last of members with one name.
#[test]
fn a_default_access_that_a_command_sets_is_there_once() {
    for given in [
        r#"{"subscribe":true,"unsubscribe":1}"#,
        r#"{"subscribe":true,"SUBSCRIBE":false}"#,
        r#"{"subscribe":true,"unsubscribe":1,"new":true}"#,
        r#"{"subscribe":1}"#,
    ] {
        let (mut policy, _) = load(format!(r#"{{"defaultACLAccess":{given}}}"#), Compat::V2_0);
        let access = policy
            .default_access()
            .with(Action::Subscribe, !policy.default_access().allows(Action::Subscribe));
        policy.set_default_access(access);
        let saved = String::from_utf8(write(&policy)).unwrap();
        assert_eq!(saved.to_lowercase().matches("defaultaclaccess").count(), 1, "{given}\n{saved}");
        assert_eq!(saved.to_lowercase().matches("\"subscribe").count(), 1, "{given}\n{saved}");
        let (again, issues) = load(&saved, Compat::V2_0);
        assert_eq!((again.default_access(), issues), (access, vec![]), "{given}");
    }
}

#[test]
fn a_second_member_stays_behind_the_one_that_is_read_whatever_either_says() {
    let file = r#"{"clients":[{"username":"u","textname":"x","textname":5,"disabled":false,"disabled":[],
        "roles":[],"roles":7}],"defaultACLAccess":{"subscribe":true},"defaultACLAccess":{"new":1},"changeIndex":1,"changeindex":1.5}"#;
    let (mut policy, issues) = load(file, Compat::V2_1);
    let one_line = |saved: &[u8]| String::from_utf8_lossy(saved).replace(['\t', '\n'], "");
    let saved = one_line(&assert_survives_saving(&policy, &issues));
    for kept in [
        r#""textname":"x","textname":5"#,
        r#""disabled":false,"disabled":[]"#,
        r#""roles":[],"roles":7"#,
        r#"},"defaultACLAccess":{"new":1}"#,
        r#""changeIndex":1,"changeIndex":1.5"#,
    ] {
        assert!(saved.contains(kept), "no {kept} in {saved}");
    }
    let client = policy.client(b"u").unwrap().as_ref().clone().with_text_name(Some(Text::new(b"y")));
    policy.put_client(client).unwrap();
    policy.set_default_access(policy.default_access().with(Action::Subscribe, false));
    let saved = one_line(&write(&policy));
    for kept in [r#""textname":"y","textname":5"#, r#""unsubscribe":false},"defaultACLAccess":{"new":1}"#] {
        assert!(saved.contains(kept), "no {kept} in {saved}");
    }
}
