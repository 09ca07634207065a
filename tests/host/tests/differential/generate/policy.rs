//! Policy files to start with: well-formed ones, as a plugin or `mosquitto_ctrl dynsec init` writes them.

use serde_json::{Value, json};

use super::acls;
use super::dice::Dice;
use super::names::{ADMIN, CLIENT_IDS, CLIENTS, GROUPS, ROLES, TEXTS};
use super::{Trait, Traits, topics};

/// The password "pw1", hashed as the C plugin hashes (PBKDF2-SHA512, 101 iterations).
const PW1: [(&str, &str); 2] = [
    ("password", "j70//gsCsE/4SqzcGjTQ72bNvngAGMJD1uvRV0DDqYqZGfILOyNi0LyOcg/Dya3Za9IMYRtg7xy6HvraWlWU0w=="),
    ("salt", "AQIDBAUGBwgJCgsM"),
];
const PW1_ITERATIONS: u32 = 101;

pub fn policy(dice: &mut Dice, traits: Traits<'_>) -> Value {
    match dice.weighted(&[(1, 0), (2, 1), (7, 2)]) {
        0 => json!({}),
        1 => initial(),
        _ => random(dice, traits),
    }
}

/// Much as `mosquitto_ctrl dynsec init` writes it.
fn initial() -> Value {
    let acl = |acltype: &str, topic: &str| json!({ "acltype": acltype, "topic": topic, "allow": true });
    json!({
        "defaultACLAccess": {
            "publishClientSend": false, "publishClientReceive": true, "subscribe": false, "unsubscribe": true,
        },
        "clients": [with_password(json!({
            "username": ADMIN, "textName": "Dynsec admin user", "roles": [{ "rolename": "admin" }],
        }))],
        "roles": [{
            "rolename": "admin",
            "acls": [
                acl("publishClientSend", "$CONTROL/dynamic-security/#"),
                acl("publishClientReceive", "$CONTROL/dynamic-security/#"),
                acl("subscribePattern", "$CONTROL/dynamic-security/#"),
                acl("publishClientReceive", "$SYS/#"),
                acl("subscribePattern", "#"),
                acl("unsubscribePattern", "#"),
            ],
        }],
    })
}

fn random(dice: &mut Dice, traits: Traits<'_>) -> Value {
    let mut policy = json!({ "roles": [], "clients": [], "groups": [] });
    if dice.percent(80) {
        policy["defaultACLAccess"] = json!({});
        for acltype in
            dice.subset(&["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"], 80)
        {
            policy["defaultACLAccess"][acltype] = dice.percent(50).into();
        }
    }
    policy["roles"] = records(dice, "rolename", &ROLES, |dice, role| {
        role["acls"] = acls::written(dice, traits);
        if traits.contains(&Trait::AllowWildcardSubs) && dice.percent(40) {
            role["allowwildcardsubs"] = dice.percent(40).into();
        }
    });
    policy["clients"] = records(dice, "username", &CLIENTS, |dice, client| {
        if dice.percent(85) {
            *client = with_password(client.take());
        }
        if dice.percent(20) {
            client["clientid"] = json!(dice.pick(&CLIENT_IDS));
        }
        if dice.percent(10) {
            client["disabled"] = json!(true);
        }
    });
    policy["groups"] = records(dice, "groupname", &GROUPS, |_, _| {});
    link(dice, traits, &mut policy, "clients", "roles", "rolename");
    link(dice, traits, &mut policy, "groups", "roles", "rolename");
    link(dice, traits, &mut policy, "groups", "clients", "username");
    if dice.percent(70)
        && let Some(group) = policy["groups"].get(0)
    {
        policy["anonymousGroup"] = group["groupname"].clone();
    }
    policy
}

/// Gives roles ACLs for shared subscriptions that come before others. Mostly they deny: what no ACL denies is left to the
/// broker's `acl_file`, which grants every subscription.
pub fn rule_on_shares(dice: &mut Dice, policy: &mut Value) {
    for role in policy.get_mut("roles").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(acls) = role["acls"].as_array_mut() else { continue };
        for filter in dice.subset(&topics::SHARED, 40) {
            let acltype = dice.pick(&["subscribePattern", "subscribeLiteral"]);
            if !acls.iter().any(|acl| acl["acltype"] == acltype && acl["topic"] == filter) {
                let allow = dice.percent(25);
                acls.push(
                    json!({ "acltype": acltype, "topic": filter, "priority": 1 << 29, "allow": allow }),
                );
            }
        }
    }
}

/// Some of the known ones, in any order.
fn records(
    dice: &mut Dice,
    member: &str,
    known: &[&'static str],
    furnish: impl Fn(&mut Dice, &mut Value),
) -> Value {
    let mut names = dice.subset(known, 75);
    dice.shuffle(&mut names);
    let mut records = Vec::new();
    for name in names {
        let mut record = json!({ member: name });
        for text in dice.subset(&["textname", "textdescription"], 20) {
            record[text] = json!(dice.pick(&TEXTS));
        }
        furnish(dice, &mut record);
        records.push(record);
    }
    records.into()
}

/// Links the records of `from` to some of those of `to`, by their names.
fn link(dice: &mut Dice, traits: Traits<'_>, policy: &mut Value, from: &str, to: &str, member: &str) {
    let names = policy[to].as_array().into_iter().flatten().map(|record| record[member].clone());
    let names = names.collect::<Vec<_>>();
    for record in policy[from].as_array_mut().into_iter().flatten() {
        let mut links = Vec::new();
        for name in &names {
            if dice.percent(50) {
                let mut link = json!({ member: name });
                if dice.percent(50) {
                    link["priority"] = acls::priority(dice, traits);
                }
                links.push(link);
            }
        }
        dice.shuffle(&mut links);
        record[to] = links.into();
    }
}

fn with_password(mut client: Value) -> Value {
    for (member, value) in PW1 {
        client[member] = json!(value);
    }
    client["iterations"] = json!(PW1_ITERATIONS);
    client
}
