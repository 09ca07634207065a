//! getEffectiveACLs and listAffectedClients, and how much whoAmI lists.

use mosquitto_dynsec::control::ControlTopic;
use mosquitto_dynsec::policy::{Action, Compat};
use serde_json::{Value, json};

use crate::harness::{Setup, Table, World, payload};

const SETUP: Setup = &[
    r#"{"command":"setDefaultACLAccess","acls":[{"acltype":"publishClientReceive","allow":true},{"acltype":"unsubscribe","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"first","acls":[{"acltype":"publishClientSend","topic":"a/b","allow":false},{"acltype":"publishClientSend","topic":"a/+","priority":1,"allow":true},{"acltype":"subscribePattern","topic":"a/#","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"second","acls":[{"acltype":"publishClientSend","topic":"a/c","allow":false},{"acltype":"publishClientSend","topic":"b/%u","allow":true},{"acltype":"subscribeLiteral","topic":"a/c","allow":false},{"acltype":"subscribePattern","topic":"b/#","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"narrow","allowwildcardsubs":false,"acls":[{"acltype":"subscribeLiteral","topic":"b/+","allow":true},{"acltype":"subscribeLiteral","topic":"b","allow":true},{"acltype":"unsubscribeLiteral","topic":"b/+","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"mine","acls":[{"acltype":"publishClientSend","topic":"of/%c","allow":true},{"acltype":"publishClientSend","topic":"of/%c/x","allow":true},{"acltype":"publishClientSend","topic":"of/d7","priority":-1,"allow":false},{"acltype":"publishClientSend","topic":"of/+/x","priority":-1,"allow":false}]}"#,
    r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"second"},{"rolename":"first"}]}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"first","priority":2}],"groups":[{"groupname":"g","priority":7}]}"#,
    r#"{"command":"createClient","username":"bob","roles":[{"rolename":"narrow"}]}"#,
    r#"{"command":"createClient","username":"dev","roles":[{"rolename":"mine"}]}"#,
    r#"{"command":"createClient","username":"bound","clientid":"d7","roles":[{"rolename":"mine"}]}"#,
    r#"{"command":"createClient","username":"none"}"#,
    r#"{"command":"setAnonymousGroup","groupname":"g"}"#,
];

fn table(command: &str, cases: &[(&str, &str)]) -> Table {
    let mut table = Table::new(SETUP);
    for (title, members) in cases {
        table.case(title, &format!(r#"send {{"command":"{command}",{members}}}"#));
    }
    table
}

#[test]
fn get_effective_acls() {
    let cases = [
        ("in the order of evaluation, with what can never decide", r#""username":"ann""#),
        ("of one action", r#""username":"ann","acltype":"subscribe""#),
        ("of one type of ACL", r#""username":"ann","acltype":"SubscribePattern""#),
        ("of an action whose default allows", r#""username":"bob","acltype":"unsubscribe""#),
        ("a role that refuses wildcards", r#""username":"bob""#),
        ("placeholders leave it open", r#""username":"dev""#),
        ("the client id is known", r#""username":"dev","clientid":"d7""#),
        ("there is only one client id", r#""username":"bound""#),
        ("a client id that no placeholder stands for", r#""username":"dev","clientid":"a/b""#),
        ("anonymous clients, for whom %u stands for nothing", r#""anonymous":true"#),
        ("nothing", r#""username":"none""#),
        ("a part", r#""username":"ann","count":2,"offset":3"#),
        ("only how many", r#""username":"ann","count":0"#),
        ("nobody", r#""username":"nobody","clientid":"x","correlationData":"c""#),
        ("nobody is named", r#""count":1"#),
        ("no such type", r#""username":"ann","acltype":"publish""#),
        ("a type of another type", r#""username":"ann","acltype":1"#),
    ];
    let mut table = table("getEffectiveACLs", &cases);
    table.case(
        "a disabled client",
        r#"given {"command":"disableClient","username":"bob"}
           send {"command":"getEffectiveACLs","username":"bob","count":0}"#,
    );
    table.case(
        "two that together cover a third, in one role and in two",
        r#"given {"command":"createRole","rolename":"both","acls":[{"acltype":"publishClientSend","topic":"x","priority":2,"allow":true},{"acltype":"publishClientSend","topic":"x/+/#","priority":1,"allow":false},{"acltype":"publishClientSend","topic":"x/#","allow":true},{"acltype":"publishClientSend","topic":"of/t/+/#","allow":true},{"acltype":"subscribePattern","topic":"x/+/#","priority":1,"allow":true},{"acltype":"subscribePattern","topic":"x","priority":1,"allow":true},{"acltype":"subscribePattern","topic":"x/#","allow":true}]}
           given {"command":"createRole","rolename":"late","acls":[{"acltype":"publishClientSend","topic":"of/%u/#","allow":true},{"acltype":"publishClientSend","topic":"x/+/#","priority":1,"allow":false}]}
           given {"command":"createRole","rolename":"early","acls":[{"acltype":"publishClientSend","topic":"of/%u","allow":true},{"acltype":"publishClientSend","topic":"y","allow":true},{"acltype":"publishClientSend","topic":"y/#","allow":true}]}
           given {"command":"createClient","username":"t","roles":[{"rolename":"early","priority":3},{"rolename":"both","priority":2},{"rolename":"late"}]}
           send {"command":"getEffectiveACLs","username":"t"}"#,
    );
    table.case(
        "one that is looked up before the pattern for the same filter, and one that matches the same otherwise",
        r##"given {"command":"createRole","rolename":"same","acls":[{"acltype":"subscribeLiteral","topic":"x","allow":false},{"acltype":"subscribePattern","topic":"x","priority":9,"allow":true},{"acltype":"subscribePattern","topic":"of/%u","priority":8,"allow":true},{"acltype":"subscribeLiteral","topic":"of/s","allow":false},{"acltype":"subscribeLiteral","topic":"of/%c","allow":false},{"acltype":"subscribePattern","topic":"of/%c","priority":7,"allow":true},{"acltype":"publishClientSend","topic":"+/#","priority":1,"allow":true},{"acltype":"publishClientSend","topic":"#","allow":false}]}
            given {"command":"createClient","username":"s","roles":[{"rolename":"same"}]}
            send {"command":"getEffectiveACLs","username":"s"}"##,
    );
    table.check("get_effective_acls");
}

/// Which answers to these commands say that not all was compared.
fn uncompared(world: &mut World, command: &str, count: usize) -> Vec<bool> {
    let outcome = world.send(&payload(&vec![command; count].join(",")));
    let answers: Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
    let answers = answers.get("responses").and_then(Value::as_array).unwrap();
    answers
        .iter()
        .map(|answer| {
            let data = &answer["data"];
            assert_eq!(data["acls"].as_array().unwrap().len(), 2000, "{answer}");
            assert_eq!(data["uncompared"], data["incomplete"], "{answer}");
            data["uncompared"] == true
        })
        .collect()
}

#[test]
fn a_payload_is_so_much_work_and_a_client_s_own_less() {
    let mut world = World::new(Compat::V2_1);
    let all = Action::ALL.map(|action| json!({"acltype": action.name(), "allow": true}));
    world.given(&json!({"command": "setDefaultACLAccess", "acls": all}).to_string());
    // Filters that no index holds, so that each is held against all others.
    let topics = (0..2000).map(|index| format!("{}{index}", "a/".repeat(20)));
    let acls: Vec<Value> =
        topics.map(|topic| json!({"acltype": "publishClientSend", "topic": topic, "allow": true})).collect();
    world.given(&json!({"command": "createRole", "rolename": "r", "acls": acls}).to_string());
    world.given(r#"{"command":"createClient","username":"admin","roles":[{"rolename":"r"}]}"#);
    let ask = r#"{"command":"getEffectiveACLs","username":"admin"}"#;
    assert_eq!(uncompared(&mut world, ask, 10), [[false; 7].as_slice(), &[true; 3]].concat());
    world.actor.topic = ControlTopic::SelfService;
    assert_eq!(uncompared(&mut world, r#"{"command":"whoAmI"}"#, 1), [true]);
}

/// The data of the answers to these commands, in one payload.
fn data(world: &mut World, commands: &[String]) -> (usize, Vec<Value>) {
    let json = world.send(&payload(&commands.join(","))).responses.to_json();
    let mut answers: Value = serde_json::from_slice(&json).unwrap();
    let answers = answers.get_mut("responses").and_then(Value::as_array_mut).unwrap();
    (json.len(), answers.iter_mut().map(|answer| answer.get_mut("data").unwrap().take()).collect())
}

/// The topics that an answer lists.
fn topics(data: &Value) -> impl Iterator<Item = &str> {
    let acls = data.get("acls").and_then(Value::as_array).unwrap();
    acls.iter().map(|acl| acl.pointer("/acl/topic").and_then(Value::as_str).unwrap())
}

/// A client that asks about itself, with a role of these ACLs, all allowing, and a default that allows everything.
fn about_itself(acls: impl Iterator<Item = String>) -> World {
    let mut world = World::new(Compat::V2_1);
    let all = Action::ALL.map(|action| json!({"acltype": action.name(), "allow": true}));
    world.given(&json!({"command": "setDefaultACLAccess", "acls": all}).to_string());
    let acl = |topic| json!({"acltype": "publishClientSend", "topic": topic, "allow": true});
    let acls: Vec<Value> = acls.map(acl).collect();
    world.given(&json!({"command": "createRole", "rolename": "r", "acls": acls}).to_string());
    world.given(r#"{"command":"createClient","username":"admin","roles":[{"rolename":"r"}]}"#);
    world.actor.topic = ControlTopic::SelfService;
    world
}

#[test]
fn a_client_s_payload_lists_so_much_and_parts_reach_the_rest() {
    const ACLS: usize = 20_000;
    let mut world = about_itself((0..ACLS).map(|index| format!("t/{index}")));
    let ask = |members: &str| format!(r#"{{"command":"whoAmI"{members}}}"#);

    let (length, answers) = data(&mut world, &vec![ask(""); 10]);
    assert!(length < 400_000, "{length} bytes");
    let listed: Vec<usize> = answers.iter().map(|data| topics(data).count()).collect();
    assert_eq!(listed, [[2_000].as_slice(), &[0; 9]].concat());
    for data in &answers {
        assert_eq!((&data["totalCount"], &data["incomplete"]), (&json!(ACLS), &json!(true)));
        assert_eq!(data.get("uncompared"), None, "there was work left");
    }

    let mut reached = Vec::new();
    while reached.len() < ACLS {
        let parts = [900, 1_200].map(|count| {
            let offset = if count == 900 { reached.len() } else { reached.len() + 900 };
            ask(&format!(r#","count":{count},"offset":{offset}"#))
        });
        let (_, answers) = data(&mut world, &parts);
        let part: Vec<String> = answers.iter().flat_map(topics).map(str::to_owned).collect();
        let is_cut = answers[1].get("incomplete").is_some();
        assert_eq!((answers[0].get("incomplete"), is_cut), (None, reached.len() + 2_100 <= ACLS));
        assert_eq!(part.len(), 2_000);
        reached.extend(part);
    }
    assert!(reached.iter().eq((0..ACLS).map(|index| format!("t/{index}")).collect::<Vec<_>>().iter()));

    world.actor.topic = ControlTopic::Admin;
    let (_, answers) = data(&mut world, &[r#"{"command":"getEffectiveACLs","username":"admin"}"#.to_owned()]);
    assert_eq!((topics(&answers[0]).count(), answers[0].get("incomplete")), (ACLS, None));
}

#[test]
fn long_topics_fill_a_client_s_answers_sooner_but_one_is_always_listed() {
    let long = |index: usize| format!("{index}/{}", "x".repeat(60_000));
    let mut world = about_itself((0..40).map(long));
    let (length, answers) = data(&mut world, &vec![r#"{"command":"whoAmI"}"#.to_owned(); 10]);
    assert!(length < 1_100_000, "{length} bytes");
    assert_eq!(answers.iter().flat_map(topics).count(), 17);
}

#[test]
fn list_affected_clients() {
    let cases = [
        ("of a role, through a group too", r#""rolename":"first""#),
        ("of a role that only clients have", r#""rolename":"mine""#),
        ("of a group", r#""groupname":"g""#),
        ("verbose", r#""rolename":"mine","verbose":true"#),
        ("a part", r#""rolename":"mine","count":1,"offset":1"#),
        ("only how many", r#""rolename":"mine","count":0"#),
        ("no such role", r#""rolename":"none""#),
        ("no such group", r#""groupname":"none""#),
        ("both", r#""groupname":"g","rolename":"first""#),
        ("neither", r#""count":1"#),
        ("a group of another type", r#""groupname":7"#),
    ];
    table("listAffectedClients", &cases).check("list_affected_clients");
}
