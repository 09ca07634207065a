//! Files that are wrong somewhere: C loads them, so they load, and what is wrong is inert, kept and
//! reported.

use super::{assert_survives_saving, load, write};
use crate::policy::{Action, Client, Compat, Text};
use crate::store::read;

/// A file, what is reported of it, and what must be in the file after saving it.
struct Case {
    file: &'static str,
    reported: &'static [&'static str],
    kept: &'static [&'static str],
}

const BOTH: [Compat; 2] = [Compat::V2_0, Compat::V2_1];

#[track_caller]
fn check(compat: &[Compat], cases: &[Case]) {
    for case in cases {
        for &compat in compat {
            let (policy, issues) = load(case.file, compat);
            let reported: Vec<String> = issues.iter().map(ToString::to_string).collect();
            assert_eq!(reported, case.reported, "{} {compat:?}", case.file);
            let saved = assert_survives_saving(&policy, &issues);
            let saved = String::from_utf8_lossy(&saved);
            for kept in case.kept {
                assert!(saved.contains(kept), "`{kept}` is gone from\n{saved}");
            }
        }
    }
}

#[test]
fn the_file_itself() {
    check(
        &BOTH,
        &[
            Case { file: "\u{feff}{\"clients\":[]} trailing", reported: &[], kept: &[] },
            Case { file: "{\"clients\":[]}\0{", reported: &[], kept: &[] },
            Case {
                file: "{\"changeIndex\":\"7\",\n \"defaultACLAccess\":7,\n \"anonymousGroup\":7}",
                reported: &[
                    "line 1 column 16: `changeIndex` is not a number: it is ignored",
                    "line 2 column 21: `defaultACLAccess` is not an object: it is ignored",
                    "line 3 column 19: `anonymousGroup` is not a string: it is ignored",
                ],
                kept: &["\"changeIndex\":\t\"7\"", "\"defaultACLAccess\":\t7", "\"anonymousGroup\":\t7"],
            },
            Case {
                file: r#"{"groups":null,"clients":[{"username":"ann"}],"Groups":[{"groupname":"g"}]}"#,
                reported: &[
                    "line 1 column 11: `groups` is not an array: it is ignored",
                    "line 1 column 47: `groups` is there twice: only the first counts",
                ],
                kept: &["\"groups\":\tnull", "\"groups\":\t[{\"groupname\":\"g\"}]"],
            },
            Case {
                file: r#"{"changeIndex":1.5,"groups":[],"anonymousGroup":"none","new":{"in 3.0": [ ]}}"#,
                reported: &[
                    "line 1 column 16: `changeIndex` cannot be taken as it is: it is read as 1",
                    "line 1 column 49: `anonymousGroup` names no group: there is no `none`",
                ],
                kept: &[
                    "\"changeIndex\":\t1.5",
                    "\"anonymousGroup\":\t\"none\"",
                    "\"new\":\t{\"in 3.0\": [ ]}",
                ],
            },
            Case {
                file: r#"{"defaultACLAccess":{"SUBSCRIBE":true,"unsubscribe":1,"new":2}}"#,
                reported: &[
                    "line 1 column 53: `defaultACLAccess.unsubscribe` is not true or false: it is ignored",
                ],
                kept: &[r#"{"SUBSCRIBE":true,"unsubscribe":1,"new":2}"#],
            },
            Case {
                file: r#"{"Clients":[],"clients":"second"}"#,
                reported: &["line 1 column 15: `clients` is there twice: only the first counts"],
                kept: &["\"clients\":\t[],\n\t\"clients\":\t\"second\"", "\"clients\":\t\"second\""],
            },
        ],
    );
}

#[test]
fn an_empty_policy_is_one() {
    let (policy, issues) = load("{}", Compat::V2_0);
    assert_eq!(issues[0].to_string(), "line 1 column 1: the policy is empty: nobody can log in");
    let (_, issues) = load(write(&policy), Compat::V2_0);
    assert_eq!(issues, []);
}

#[test]
fn elements_that_cannot_be_used() {
    check(
        &BOTH,
        &[
            Case {
                file: "{\"clients\":[7, {\"password\":\"x\"},\n{\"username\":[]},{\"username\":\"a\\u0000b\"}]}",
                reported: &[
                    "line 1 column 13: `clients[0]` is not an object: it is ignored",
                    "line 1 column 16: `clients[1]` has no `username`: it is ignored",
                    "line 2 column 13: `clients[2].username` is not a string: it is ignored",
                    "line 2 column 29: `clients[3].username` holds a NUL character: it is ignored",
                ],
                kept: &["[7, {\"password\":\"x\"}, {\"username\":[]}, {\"username\":\"a\\u0000b\"}]"],
            },
            Case {
                file: r#"{"groups":[null,{"groupname":"g"}],"roles":[false,{"rolename":"r"}]}"#,
                reported: &[
                    "line 1 column 12: `groups[0]` is not an object: it is ignored",
                    "line 1 column 45: `roles[0]` is not an object: it is ignored",
                ],
                kept: &["null", "false"],
            },
            Case {
                file: r#"{"roles":[{"rolename":"r"}],"clients":[{"username":"u","roles":
                    [{"rolename":"r"},{"rolename":"r","priority":2},{"rolename":"none", "x":1},{"priority":3},4]}]}"#,
                reported: &[
                    "line 2 column 51: `clients[0].roles[1].rolename` is a second `r`: only the first counts",
                    "line 2 column 81: `clients[0].roles[2].rolename` names no role: there is no `none`",
                    "line 2 column 96: `clients[0].roles[3]` has no `rolename`: it is ignored",
                    "line 2 column 111: `clients[0].roles[4]` is not an object: it is ignored",
                ],
                kept: &[r#"{"rolename":"r","priority":2}, {"rolename":"none", "x":1}, {"priority":3}, 4]"#],
            },
            Case {
                file: r#"{"clients":[{"username":"u"}],"groups":[{"groupname":"g","clients":
                    [{"username":"u"},{"username":"u"},{"username":"none"},[]],"roles":[{"rolename":"none"}]}]}"#,
                reported: &[
                    "line 2 column 51: `groups[0].clients[1].username` is a second `u`: only the first counts",
                    "line 2 column 68: `groups[0].clients[2].username` names no client: there is no `none`",
                    "line 2 column 76: `groups[0].clients[3]` is not an object: it is ignored",
                    "line 2 column 101: `groups[0].roles[0].rolename` names no role: there is no `none`",
                ],
                kept: &[r#"{"username":"u"}, {"username":"none"}, []]"#, r#"[{"rolename":"none"}]"#],
            },
            Case {
                file: r#"{"roles":[{"rolename":"r","acls":[1,{},{"acltype":1},{"acltype":"other","topic":"t"},
                    {"acltype":"subscribeliteral"},{"acltype":"subscribeLiteral","topic":1},
                    {"acltype":"subscribeLiteral","topic":"t","allow":true},
                    {"acltype":"subscribePattern","topic":"t"}]}]}"#,
                reported: &[
                    "line 1 column 35: `roles[0].acls[0]` is not an object: it is ignored",
                    "line 1 column 37: `roles[0].acls[1]` has no `acltype`: it is ignored",
                    "line 1 column 51: `roles[0].acls[2].acltype` is not a string: it is ignored",
                    "line 1 column 65: `roles[0].acls[3].acltype` is no type of ACL: there is no `other`",
                    "line 2 column 21: `roles[0].acls[4]` has no `topic`: it is ignored",
                    "line 2 column 90: `roles[0].acls[5].topic` is not a string: it is ignored",
                ],
                kept: &[r#"1, {}, {"acltype":1}, {"acltype":"other","topic":"t"}"#],
            },
        ],
    );
}

#[test]
fn members_that_cannot_be_used() {
    check(
        &BOTH,
        &[
            Case {
                file: r#"{"clients":[{"username":"u","clientid":1,"textname":null,"textdescription":[],"disabled":"yes",
                    "roles":{},"groups":["kept, for C does not read it"]}]}"#,
                reported: &[
                    "line 1 column 40: `clients[0].clientid` is not a string: it is ignored",
                    "line 1 column 53: `clients[0].textname` is not a string: it is ignored",
                    "line 1 column 76: `clients[0].textdescription` is not a string: it is ignored",
                    "line 1 column 90: `clients[0].disabled` is not true or false: it is ignored",
                    "line 2 column 29: `clients[0].roles` is not an array: it is ignored",
                ],
                kept: &[
                    "\"clientid\":\t1",
                    "\"textname\":\tnull",
                    "\"textdescription\":\t[]",
                    "\"disabled\":\t\"yes\"",
                    "\"roles\":\t{}",
                    "\"groups\":\t[\"kept, for C does not read it\"]",
                ],
            },
            Case {
                file: r#"{"clients":[{"username":"u","textname":"cut\u0000off","clientid":"\u0000","disabled":false,
                    "Disabled":true}]}"#,
                reported: &[
                    "line 1 column 40: `clients[0].textname` holds a NUL character: it is read up to there",
                    "line 1 column 66: `clients[0].clientid` holds a NUL character: it is read up to there",
                    "line 2 column 21: `clients[0].disabled` is there twice: only the first counts",
                ],
                kept: &[
                    "\"cut\\u0000off\"",
                    "\"clientid\":\t\"\\u0000\"",
                    "false,\n\t\t\t\"disabled\":\ttrue",
                ],
            },
            Case {
                file: r#"{"roles":[{"rolename":"r","allowwildcardsubs":0,"acls":[{"acltype":"publishClientSend",
                    "topic":"a/#/b","priority":"1","allow":1,"note":"why"}]}],
                    "clients":[{"username":"u","roles":[{"rolename":"r","priority":1.9,"since":2020}]}]}"#,
                reported: &[
                    "line 1 column 47: `roles[0].allowwildcardsubs` is not true or false: it is ignored",
                    "line 2 column 29: `roles[0].acls[0].topic` is not a valid topic filter",
                    "line 2 column 48: `roles[0].acls[0].priority` is not a number: it is ignored",
                    "line 2 column 60: `roles[0].acls[0].allow` is not true or false: it is ignored",
                    "line 3 column 84: `clients[0].roles[0].priority` cannot be taken as it is: it is read as 1",
                ],
                kept: &[
                    "\"allowwildcardsubs\":\t0",
                    "\"priority\":\t\"1\"",
                    "\"allow\":\t1",
                    "1.9",
                    "\"since\":\t2020",
                    "\"why\"",
                ],
            },
        ],
    );
}

#[test]
fn priorities_have_bounds() {
    let file = r#"{"roles":[{"rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a","priority":-2147483648}]}]}"#;
    check(&[Compat::V2_0], &[Case { file, reported: &[], kept: &["-2147483648"] }]);
    let (policy, issues) = load(file.replace("-2147483648", "1e99"), Compat::V2_0);
    assert!(issues[0].to_string().ends_with("it is read as 2147483647"));
    assert_survives_saving(&policy, &issues);
    check(
        &[Compat::V2_1],
        &[Case {
            file,
            reported: &[
                "line 1 column 89: `roles[0].acls[0].priority` cannot be taken as it is: it is read as -100000",
            ],
            kept: &["-2147483648"],
        }],
    );
}

#[test]
fn empty_names_are_names_in_2_0_only() {
    let file = r#"{"clients":[{"username":""}],"groups":[{"groupname":""}],
        "roles":[{"rolename":"","acls":[{"acltype":"subscribeLiteral","topic":""}]}]}"#;
    let reported = &[
        "line 1 column 25: `clients[0].username` is empty: it is ignored",
        "line 1 column 53: `groups[0].groupname` is empty: it is ignored",
        "line 2 column 30: `roles[0].rolename` is empty: it is ignored",
    ];
    check(&[Compat::V2_1], &[Case { file, reported, kept: &["{\"username\":\"\"}"] }]);
    let reported = &[
        "line 1 column 25: `clients[0].username` is empty: it counts, but is ignored from 2.1 on",
        "line 1 column 53: `groups[0].groupname` is empty: it counts, but is ignored from 2.1 on",
        "line 2 column 30: `roles[0].rolename` is empty: it counts, but is ignored from 2.1 on",
        "line 2 column 79: `roles[0].acls[0].topic` is empty: it matches nothing, and is ignored from 2.1 on",
    ];
    for compat in [Compat::V2_0, Compat::V2_0_21] {
        check(&[compat], &[Case { file, reported, kept: &["\"topic\":\t\"\""] }]);
        let (policy, _) = load(file, compat);
        assert!(policy.client(b"").is_some() && policy.group(b"").is_some() && policy.role(b"").is_some());
    }
}

#[test]
fn a_client_without_a_whole_hash_is_left_to_others_in_2_0_only() {
    let file = r#"{"clients":[{"username":"u","password":"clear text"}]}"#;
    for (compat, then) in [
        (Compat::V2_0, "client's logins are left to others"),
        (Compat::V2_0_21, "client's logins are left to others"),
        (Compat::V2_1, "client cannot log in"),
    ] {
        let (policy, issues) = load(file, compat);
        let said = "line 1 column 40: `clients[0].password` is not all that a password is compared with, the";
        assert_eq!(issues.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("{said} {then}")]);
        assert_survives_saving(&policy, &issues);
    }
}

#[test]
fn names_that_are_not_utf8_stay_as_they_are() {
    let file = b"{\"clients\":[{\"username\":\"caf\xe9\",\"textname\":\"\x01\xff\",\"roles\":[{\"rolename\":\"\xfe\"}]}],\
        \"roles\":[{\"rolename\":\"\xfe\"}]}";
    let (policy, issues) = load(file, Compat::V2_0);
    assert_eq!(issues, []);
    assert!(policy.client(b"caf\xe9").unwrap().roles.get(b"\xfe").is_some());
    let saved = assert_survives_saving(&policy, &issues);
    assert!(saved.windows(6).any(|bytes| bytes == b"\"caf\xe9\""));
}

#[test]
fn what_is_no_policy_is_refused_and_located() {
    let table = [
        ("", "line 1 column 1: not JSON: nothing in it"),
        ("\n \n", "line 3 column 1: not JSON: nothing in it"),
        ("\0\0\0{}", "line 1 column 1: not JSON: nothing in it"),
        ("hello", "line 1 column 1: not JSON: expected a value, found `h`"),
        ("[]", "line 1 column 1: not a policy: expected an object"),
        ("null", "line 1 column 1: not a policy: expected an object"),
        ("{\"clients\":{}}", "line 1 column 12, in `clients`: not a policy: expected an array"),
        ("{\n\"Groups\":\n7}", "line 3 column 1, in `Groups`: not a policy: expected an array"),
        ("{\"groups\":{}}", "line 1 column 11, in `groups`: not a policy: expected an array"),
        ("{\"clients\":null}", "line 1 column 12, in `clients`: not a policy: expected an array"),
        ("{\"roles\":null}", "line 1 column 10, in `roles`: not a policy: expected an array"),
        (
            "{\"roles\":[],\"roles\":1,\"clients\":1}",
            "line 1 column 33, in `clients`: not a policy: expected an array",
        ),
        (
            "{\"clients\":[{},\n{\"roles\":[{\"rolename\":\"x\"},]}]}",
            "line 2 column 28, in `clients[1].roles[1]`: not JSON: expected a value, found `]`",
        ),
        (
            "{\"clients\":[{}",
            "line 1 column 15, in `clients[1]`: not JSON: expected `,` or `]`, found the end",
        ),
        (
            "{\"defaultACLAccess\":{\"x\":\"y}",
            "line 1 column 26, in `defaultACLAccess.x`: not JSON: a string that begins here never ends",
        ),
    ];
    for (file, expected) in table {
        let error = read(file.as_bytes(), Compat::V2_0).expect_err(file);
        assert_eq!(error.to_string(), expected, "{file}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(1_000_000));
    let error = read(deep.as_bytes(), Compat::V2_0).unwrap_err();
    assert!(error.to_string().ends_with("not JSON: more than 1000 levels of nesting"), "{error}");
}

#[test]
fn what_a_command_sets_replaces_what_could_not_be_used() {
    let file = r#"{"changeIndex":1.5,"defaultACLAccess":{"subscribe":1,"new":true},
        "clients":[{"username":"u","textname":1,"disabled":"no"}]}"#;
    let (mut policy, _) = load(file, Compat::V2_1);
    let client = policy.client(b"u").unwrap().as_ref().clone();
    let client = client.with_text_name(Some(Text::new(b"text")));
    policy.put_client(Client { disabled: true, ..client }).unwrap();
    policy.set_change_index(2);
    let access = policy.default_access().with(Action::Unsubscribe, true);
    policy.set_default_access(access);
    let saved = write(&policy);
    let (again, issues) = load(&saved, Compat::V2_1);
    assert_eq!(issues, [], "{}", String::from_utf8_lossy(&saved));
    assert_eq!(again.change_index(), 2);
    assert!(again.client(b"u").unwrap().disabled);
    assert!(again.default_access().allows(Action::Unsubscribe));
    assert!(String::from_utf8(saved).unwrap().contains("\"new\":\ttrue"));
}
