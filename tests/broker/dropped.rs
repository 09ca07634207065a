//! What the C plugin of each version drops from a policy when it loads and saves it, as docs/brokers.md lists it;
//! ours keeps it all.

use serde_json::{Value, json};

use crate::harness::case::{Trial, cases};
use crate::harness::plugin::Plugin;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

cases! {
    what_a_save_drops_is_what_is_listed,
}

/// Something in the policy: what it is, which versions of the C plugin drop it, and whether it is still there.
type Part = (&'static str, &'static [&'static str], fn(&Value) -> bool);

const ALL: &[&str] = &["2.0.11", "2.0.21", "2.1.2"];
const BY_2_0: &[&str] = &["2.0.11", "2.0.21"];
const BY_2_1: &[&str] = &["2.1.2"];

const PARTS: &[Part] = &[
    ("a member that nobody knows", ALL, |policy| client(policy, ADMIN).get("unknown").is_some()),
    ("a link to a role that is not there", ALL, |policy| {
        has(&client(policy, "links")["roles"], "rolename", "none")
    }),
    ("a group's member who is not there", ALL, |policy| {
        has(&policy["groups"][0]["clients"], "username", "none")
    }),
    ("an anonymous group that is not there", ALL, |policy| policy["anonymousGroup"] == "none"),
    ("a record without a name", ALL, |policy| {
        policy["clients"]
            .as_array()
            .is_some_and(|clients| clients.iter().any(|client| client["textname"] == "who?"))
    }),
    ("an ACL of an unknown type", ALL, |policy| has(&policy["roles"][1]["acls"], "acltype", "unknown")),
    ("a client without a name", BY_2_1, |policy| has(&policy["clients"], "username", "")),
    ("an ACL with an empty topic", BY_2_1, |policy| has(&policy["roles"][1]["acls"], "topic", "")),
    ("2.1's count of changes", BY_2_0, |policy| policy.get("changeIndex").is_some()),
    ("2.1's `allowwildcardsubs`", BY_2_0, |policy| policy["roles"][1]["allowwildcardsubs"] == false),
    ("a client whose salt has 16 bytes", BY_2_0, |policy| has(&policy["clients"], "username", "salt16")),
    ("a password whose salt has 16 bytes", ALL, |policy| password(policy, "salt16")),
    ("a client whose salt has 64 bytes", BY_2_0, |policy| password(policy, "salt64")),
    ("a client whose hash is no Base64", BY_2_0, |policy| has(&policy["clients"], "username", "base64")),
    ("a password whose hash is no Base64", ALL, |policy| password(policy, "base64")),
    ("a priority out of bounds", BY_2_1, |policy| client(policy, "high")["roles"][0]["priority"] == i32::MAX),
    ("a password without iterations", &["2.0.11", "2.1.2"], |policy| password(policy, "iterations")),
    ("a password in 2.1's encoding", BY_2_0, |policy| password(policy, "encoded")),
    ("a salted SHA-512 password", BY_2_0, |policy| password(policy, "sha512")),
    ("an Argon2 password", ALL, |policy| password(policy, "argon2")),
];

fn has(list: &Value, member: &str, value: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|element| element[member] == value))
}

fn client<'a>(policy: &'a Value, username: &str) -> &'a Value {
    let mut clients = policy["clients"].as_array().into_iter().flatten();
    clients.find(|client| client["username"] == username).unwrap_or(&Value::Null)
}

fn password(policy: &Value, username: &str) -> bool {
    let client = client(policy, username);
    client["password"].is_string() || client["encoded_password"].is_string()
}

const HASH: &str = "YeIyaeZ4gWXR8aXnbbZ4MhTUNHwmypN5AeTC/xo8f9goBs4T8oaDOixUP6g73N1zuAWf+oLj8vzXv41S0tXRsQ==";
const SALT: &str = "uKQNrJkTJkMoBdRo";
const ARGON2: &str =
    "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefg";

/// Adds all that is looked for to the policy that `mosquitto_ctrl` made.
fn add_parts(policy: &mut Value) {
    policy["changeIndex"] = json!(7);
    policy["anonymousGroup"] = json!("none");
    policy["clients"][0]["unknown"] = json!(1);
    policy["clients"].as_array_mut().unwrap().extend([
        json!({"username": "links", "roles": [{"rolename": "none"}]}),
        json!({"username": ""}),
        json!({"textname": "who?"}),
        json!({"username": "salt16", "password": HASH, "salt": "uKQNrJkTJkMoBdRouKQNrA==", "iterations": 101}),
        json!({"username": "salt64", "password": HASH, "salt": HASH, "iterations": 101}),
        json!({"username": "base64", "password": "%%%", "salt": SALT, "iterations": 101}),
        json!({"username": "high", "roles": [{"rolename": "role", "priority": i32::MAX}]}),
        json!({"username": "iterations", "password": HASH, "salt": SALT}),
        json!({"username": "encoded", "encoded_password": format!("$7$101${SALT}${HASH}")}),
        json!({"username": "sha512", "encoded_password": format!("$6${SALT}${HASH}")}),
        json!({"username": "argon2", "encoded_password": ARGON2}),
    ]);
    policy["groups"] = json!([{"groupname": "group", "roles": [], "clients": [{"username": "none"}]}]);
    policy["roles"].as_array_mut().unwrap().push(json!({
        "rolename": "role", "allowwildcardsubs": false, "acls": [
            {"acltype": "unknown", "topic": "t", "allow": true},
            {"acltype": "publishClientSend", "topic": "", "allow": true},
            {"acltype": "publishClientSend", "topic": "t", "allow": true},
        ],
    }));
}

fn what_a_save_drops_is_what_is_listed(trial: &Trial) {
    let mut broker = trial.broker().start();
    broker.admin();
    let mut policy = broker.policy();
    add_parts(&mut policy);
    for (what, _, is_there) in PARTS {
        assert!(is_there(&policy), "{what}");
    }
    broker.stop();
    std::fs::write(broker.policy_path(), policy.to_string()).expect("it can be written");
    broker.restart();
    let mut admin = broker.admin();
    admin.fine(&json!({"command": "enableClient", "username": ADMIN}));
    let saved = broker.policy();
    let version = trial.place.version();
    assert!(PARTS.iter().all(|(_, by, _)| by.iter().all(|known| ALL.contains(known))));
    for (what, dropped_by, is_there) in PARTS {
        let kept = trial.plugin == Plugin::Ours || !dropped_by.contains(&version);
        assert_eq!(is_there(&saved), kept, "{what}: {saved:#}");
    }
    broker.client("any").login(ADMIN, ADMIN_PASSWORD).connect().round_trip();
}
