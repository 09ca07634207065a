//! What is set aside when the file is read does not come alive by a command, under whatever rules the next start is.

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::options::CompatOption;
use serde_json::{Value, json};

use crate::host::{Place, command};

const RULES: [CompatOption; 3] = [CompatOption::V2_0, CompatOption::V2_0_21, CompatOption::V2_1];

fn acl(acltype: &str, priority: i32, allow: bool) -> Value {
    json!({"acltype": acltype, "topic": "t", "priority": priority, "allow": allow})
}

/// Another type's ACLs for the same topic, of which one is set aside too and concerns none of these commands.
fn others(acltype: &str) -> Vec<Value> {
    [acl("unsubscribePattern", 3, true), acl("unsubscribePattern", 2, false)]
        .into_iter()
        .filter(|other| other["acltype"] != acltype)
        .collect()
}

/// Commands after which `t` is denied, by an ACL of priority 0.
fn commands(acltype: &str) -> [Vec<Value>; 3] {
    let of_acl =
        |command: &str| json!({"command": command, "rolename": "r", "acltype": acltype, "topic": "t"});
    let denied = json!({"acltype": acltype, "topic": "t"});
    let modify = |acls: &[&Value]| json!({"command": "modifyRole", "rolename": "r", "acls": acls});
    [
        vec![modify(&[&denied])],
        vec![modify(&[]), of_acl("addRoleACL")],
        vec![of_acl("removeRoleACL"), of_acl("addRoleACL")],
    ]
}

/// The ACLs of that type that the role has after a start under these rules.
fn acls_after_start(place: &Place, compat: CompatOption, acltype: &str) -> Vec<Value> {
    let plugin = place.start(BrokerFamily::V2_1, |options| options.compat = compat).unwrap();
    let mut answer = command(place, &plugin, &json!({"command": "getRole", "rolename": "r"}));
    let acls = answer["data"]["role"]["acls"].take();
    acls.as_array().unwrap().iter().filter(|acl| acl["acltype"] == acltype).cloned().collect()
}

#[test]
fn no_acl_comes_alive_by_a_command() {
    for acltype in ["publishClientSend", "subscribeLiteral", "unsubscribePattern"] {
        let given = [acl(acltype, 5, false), acl(acltype, 3, true)];
        let turned = [given[1].clone(), given[0].clone()];
        for (acls, rules) in [given, turned].iter().flat_map(|acls| RULES.map(|rules| (acls, rules))) {
            for commands in commands(acltype) {
                let acls: Vec<Value> = acls.iter().cloned().chain(others(acltype)).collect();
                let place = Place::with(&json!({"roles": [{"rolename": "r", "acls": acls}]}));
                let plugin = place.start(BrokerFamily::V2_1, |options| options.compat = rules).unwrap();
                for one in &commands {
                    assert_eq!(command(&place, &plugin, one)["error"], Value::Null, "{one}");
                }
                drop(plugin);
                for later in RULES {
                    let found = acls_after_start(&place, later, acltype);
                    assert_eq!(found, [acl(acltype, 0, false)], "{acls:?} {rules:?} {commands:?} {later:?}");
                }
            }
        }
    }
}

#[test]
fn what_no_command_is_about_stays() {
    let acls = [
        acl("publishClientSend", 5, false),
        acl("publishClientSend", 3, true),
        acl("unsubscribePattern", 5, false),
        json!({"acltype": "unknown", "topic": "t"}),
        acl("unsubscribePattern", 3, true),
    ];
    for rules in RULES {
        let place = Place::with(&json!({"roles": [{"rolename": "r", "acls": acls}]}));
        let plugin = place.start(BrokerFamily::V2_1, |options| options.compat = rules).unwrap();
        let remove = json!({"command": "removeRoleACL", "rolename": "r", "acltype": "publishClientSend", "topic": "t"});
        assert_eq!(command(&place, &plugin, &remove)["error"], Value::Null);
        let stay = [&acls[2], &acls[4], &acls[3]];
        assert_eq!(place.policy()["roles"][0]["acls"], json!(stay), "{rules:?}");
    }
}

/// A role, a group and a client, of each of which something is revoked by each of these.
fn revocations() -> [(&'static str, Value); 11] {
    let of_eve = |command: &str| json!({"command": command, "username": "eve"});
    let role = |command: &str| json!({"command": command, "rolename": "r"});
    let group = |command: &str| json!({"command": command, "groupname": "g"});
    let with = |mut command: Value, more: Value| {
        command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        command
    };
    let acl = json!({"acltype": "publishClientSend", "topic": "t"});
    [
        ("clients", of_eve("disableClient")),
        ("clients", with(of_eve("setClientId"), json!({"clientid": "only this"}))),
        ("clients", with(of_eve("removeClientRole"), json!({"rolename": "r"}))),
        ("clients", with(of_eve("modifyClient"), json!({"roles": []}))),
        ("groups", with(of_eve("removeGroupClient"), json!({"groupname": "g"}))),
        ("clients groups", of_eve("deleteClient")),
        ("groups", with(group("removeGroupRole"), json!({"rolename": "r"}))),
        ("groups", with(group("modifyGroup"), json!({"clients": [], "roles": []}))),
        ("roles", with(role("removeRoleACL"), acl)),
        ("roles", with(role("modifyRole"), json!({"acls": []}))),
        ("clients groups roles", role("deleteRole")),
    ]
}

/// A file with everything twice, as 2.0.11 can write it.
fn doubled() -> Value {
    let role = json!({"rolename": "r", "acls": [acl("publishClientSend", 0, true)]});
    let group = json!({"groupname": "g", "roles": [{"rolename": "r"}], "clients": [{"username": "eve"}]});
    let client = json!({"username": "eve", "roles": [{"rolename": "r"}]});
    json!({"roles": [role, role], "groups": [group, group], "clients": [client, client]})
}

/// What the plugin tells of the three under these rules.
fn told(place: &Place, compat: CompatOption) -> [Value; 3] {
    let plugin = place.start(BrokerFamily::V2_1, |options| options.compat = compat).unwrap();
    let ask = |asked: Value| {
        let mut answer = command(place, &plugin, &asked);
        json!([answer["error"].take(), answer["data"].take()])
    };
    [
        ask(json!({"command": "getClient", "username": "eve"})),
        ask(json!({"command": "getGroup", "groupname": "g"})),
        ask(json!({"command": "getRole", "rolename": "r"})),
    ]
}

/// Whatever of several counts under those rules, and for the C plugin, which finds them elsewhere.
#[test]
fn what_is_revoked_stays_so_under_all_rules() {
    for (lists, revocation) in revocations() {
        for rules in RULES {
            let place = Place::with(&doubled());
            let plugin = place.start(BrokerFamily::V2_1, |options| options.compat = rules).unwrap();
            assert_eq!(command(&place, &plugin, &revocation)["error"], Value::Null, "{revocation}");
            drop(plugin);
            for list in lists.split(' ') {
                let left = place.policy()[list].as_array().unwrap().len();
                assert!(left <= 1, "{revocation} {rules:?}: {left} {list} in {}", place.policy());
            }
            let same = told(&place, rules);
            for later in RULES {
                // The answers of 2.1 have more members.
                let names = |told: &[Value; 3]| {
                    let text = json!(told).to_string();
                    ["disabled", "only this", "\"eve\"", "\"r\"", "\"t\"", "not found"]
                        .map(|part| text.matches(part).count())
                };
                assert_eq!(names(&told(&place, later)), names(&same), "{revocation} {rules:?} {later:?}");
            }
        }
    }
}

/// A file of which only the records that do not count under these rules give the role and the membership.
fn only_others_give(rules: CompatOption) -> Value {
    let plain = [
        json!({"username": "eve"}),
        json!({"groupname": "g"}),
        json!({"rolename": "r", "acls": [acl("publishClientSend", 0, true)]}),
    ];
    let gives = [
        json!({"username": "eve", "roles": [{"rolename": "r"}]}),
        json!({"groupname": "g", "roles": [{"rolename": "r"}], "clients": [{"username": "eve"}]}),
    ];
    let in_order = |number: usize| {
        let [mut first, mut last] = [plain[number].clone(), gives[number].clone()];
        if rules == CompatOption::V2_0 {
            std::mem::swap(&mut first, &mut last);
        }
        json!([first, last])
    };
    json!({"clients": in_order(0), "groups": in_order(1), "roles": [plain[2]]})
}

/// C answers that it is done where there was nothing to revoke, too. Another version goes by the other record.
#[test]
fn what_only_a_record_that_does_not_count_gives_is_revoked_with_it() {
    let (eve, g, r) = (json!({"username": "eve"}), json!({"groupname": "g"}), json!({"rolename": "r"}));
    let command_of = |command: &str, of: &[&Value]| {
        let mut whole = json!({ "command": command });
        for of in of {
            whole.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        }
        whole
    };
    for (lists, commands) in [
        ("clients", vec![command_of("removeClientRole", &[&eve, &r])]),
        ("groups", vec![command_of("removeGroupRole", &[&g, &r])]),
        ("groups", vec![command_of("removeGroupClient", &[&g, &eve])]),
        ("clients groups", vec![command_of("deleteClient", &[&eve]), command_of("createClient", &[&eve])]),
        ("clients groups", vec![command_of("deleteRole", &[&r]), command_of("createRole", &[&r])]),
    ] {
        for rules in RULES {
            let place = Place::with(&only_others_give(rules));
            let plugin = place.start(BrokerFamily::V2_1, |options| options.compat = rules).unwrap();
            for one in &commands {
                let answer = command(&place, &plugin, one);
                assert_eq!(answer, json!({"command": one["command"]}), "{rules:?}");
                for list in lists.split(' ') {
                    let left = place.policy()[list].as_array().unwrap().len();
                    assert!(left <= 1, "{one} {rules:?}: {left} {list} in {}", place.policy());
                }
            }
            drop(plugin);
            for later in RULES {
                let [client, group, _] = told(&place, later);
                for list in lists.split(' ') {
                    let has = if list == "clients" { &client } else { &group }.to_string();
                    assert!(
                        !has.contains("rolename") && !has.contains("\"eve\"}"),
                        "{commands:?} {later:?} {has}"
                    );
                }
            }
        }
    }
}

/// The C plugin of 2.0.11 goes by the last, and its commands have changed that one.
#[test]
fn what_2_0_11_has_revoked_stays_so_under_its_rules() {
    let enabled = json!({"username": "eve", "clientid": "first"});
    let disabled = json!({"username": "eve", "clientid": "last", "disabled": true});
    for (rules, expected) in RULES.into_iter().zip(["last", "first", "first"]) {
        let place = Place::with(&json!({"clients": [enabled, disabled]}));
        let [client, ..] = told(&place, rules);
        assert_eq!(client[1]["client"]["clientid"], expected, "{rules:?}");
        assert_eq!(client[1]["client"]["disabled"] == true, expected == "last", "{rules:?}");
        let warned = place.logged("differ");
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].1.contains("`eve`"), "{warned:?}");
    }
}

/// It goes by the last up to 2.0.15, whose answers are 2.0.21's already.
#[test]
fn which_of_several_counts_follows_the_broker_s_own_version() {
    let enabled = json!({"username": "eve", "clientid": "first"});
    let disabled = json!({"username": "eve", "clientid": "last", "disabled": true});
    let acls = [acl("subscribeLiteral", 0, true), acl("subscribeLiteral", 0, false)];
    let policy = json!({"clients": [enabled, disabled], "roles": [{"rolename": "r", "acls": acls}]});
    for (patch, set, counts) in [
        (None, CompatOption::Auto, "last"),
        (Some(14), CompatOption::Auto, "last"),
        (Some(15), CompatOption::Auto, "last"),
        (Some(16), CompatOption::Auto, "first"),
        (Some(21), CompatOption::Auto, "first"),
        (Some(15), CompatOption::V2_0_21, "first"),
        (Some(21), CompatOption::V2_0, "last"),
    ] {
        let place = Place::with(&policy);
        *place.host.patch.lock().unwrap() = patch;
        let plugin = place.start(BrokerFamily::V2_0, |options| options.compat = set).unwrap();
        let client = command(&place, &plugin, &json!({"command": "getClient", "username": "eve"}));
        assert_eq!(client["data"]["client"]["clientid"], counts, "{patch:?} {set:?}");
        assert_eq!(client["data"]["client"]["disabled"] == true, counts == "last", "{patch:?} {set:?}");
        let role = command(&place, &plugin, &json!({"command": "getRole", "rolename": "r"}));
        let allow = &role["data"]["role"]["acls"][0]["allow"];
        assert_eq!(allow, &json!(counts == "first"), "{patch:?} {set:?}");
        // Whoever is not there is refused since 2.0.15.
        let modify = json!({"command": "modifyClient", "username": "eve", "groups": [{"groupname": "none"}]});
        let refuses = set == CompatOption::V2_0_21 || set == CompatOption::Auto && patch >= Some(15);
        let answer = command(&place, &plugin, &modify);
        assert_eq!(answer["error"] != Value::Null, refuses, "{patch:?} {set:?} {answer}");
    }
}

/// A file with everything twice has a line for each, and few of them matter.
#[test]
fn records_that_differ_are_named_before_those_that_do_not() {
    let mut clients: Vec<Value> =
        (0..200).map(|number| json!({"username": format!("c{}", number / 2)})).collect();
    clients[199]["disabled"] = json!(true);
    let place = Place::with(&json!({ "clients": clients }));
    let plugin = place.start(BrokerFamily::V2_0, |options| options.compat = CompatOption::V2_0).unwrap();
    drop(plugin);
    let warned = place.logged("`c");
    assert!(warned[0].1.contains("`c99` that differ"), "{warned:?}");
}
