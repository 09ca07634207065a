//! A role or group that is made under the name of one that was just deleted is another one, which nobody has yet.

use mosquitto_dynsec::policy::{AclRequest, Action, Compat, Effect, Subject};
use serde_json::{Value, json};

use crate::harness::{World, payload};

const SETUP: [&str; 9] = [
    r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a","allow":true}]}"#,
    r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"r"}]}"#,
    r#"{"command":"createGroup","groupname":"h","roles":[{"rolename":"r"}]}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"r"}],"groups":[{"groupname":"g"}]}"#,
    r#"{"command":"createClient","username":"bob","roles":[{"rolename":"r"}],"groups":[{"groupname":"g"}]}"#,
    r#"{"command":"deleteRole","rolename":"r"}"#,
    r#"{"command":"deleteGroup","groupname":"g"}"#,
    r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a","allow":true}]}"#,
    r#"{"command":"createGroup","groupname":"g"}"#,
];

fn answer(world: &mut World, command: &Value) -> Value {
    let outcome = world.send(&payload(&command.to_string()));
    let answer: Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
    answer.pointer("/responses/0").unwrap().clone()
}

fn client(world: &mut World, username: &str) -> (Value, Value) {
    let answer = answer(world, &json!({"command": "getClient", "username": username}));
    let links = |list: &str| answer.pointer(&format!("/data/client/{list}")).unwrap().clone();
    (links("roles"), links("groups"))
}

fn may_send(world: &World, username: &str) -> bool {
    let subject = Subject::known(Some(username.as_bytes()), Some(b"c"));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: b"a" };
    world.policy.authorize(&request).effect == Effect::Allow
}

#[test]
fn who_had_the_old_one_does_not_have_it_and_can_be_given_it() {
    for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
        let mut world = World::with(compat, &SETUP);
        let list = answer(&mut world, &json!({"command": "listAffectedClients", "rolename": "r"}));
        assert!(!list.to_string().contains("ann"), "{list}");
        for username in ["ann", "bob"] {
            assert_eq!(client(&mut world, username), (json!([]), json!([])));
            assert!(!may_send(&world, username));
        }
        world.given(r#"{"command":"addClientRole","username":"ann","rolename":"r"}"#);
        world.given(r#"{"command":"addGroupClient","username":"ann","groupname":"g"}"#);
        world.given(r#"{"command":"addGroupRole","groupname":"h","rolename":"r"}"#);
        world.given(r#"{"command":"modifyGroup","groupname":"g","clients":[{"username":"bob"}]}"#);
        world.given(r#"{"command":"addGroupRole","groupname":"g","rolename":"r"}"#);
        assert_eq!(client(&mut world, "ann"), (json!([{"rolename": "r"}]), json!([])));
        assert_eq!(client(&mut world, "bob"), (json!([]), json!([{"groupname": "g"}])));
        assert!(may_send(&world, "ann") && may_send(&world, "bob"));
        world.given(r#"{"command":"removeClientRole","username":"ann","rolename":"r"}"#);
        assert!(!may_send(&world, "ann"));
    }
}
