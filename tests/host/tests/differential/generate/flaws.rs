//! Policy files as they are found: written by hand, by scripts, by a plugin that had a bad day.

use serde_json::{Map, Value, json};

use super::dice::Dice;

/// Records and what names them.
const RECORDS: [(&str, &str); 3] = [("roles", "rolename"), ("clients", "username"), ("groups", "groupname")];
/// Links in records.
const LINKS: [(&str, &str, &str); 3] =
    [("clients", "roles", "rolename"), ("groups", "roles", "rolename"), ("groups", "clients", "username")];

/// Puts some flaws into a policy.
pub fn flaws(dice: &mut Dice, policy: &mut Value) {
    for _ in 0..dice.number(1..=4) {
        flaw(dice, policy);
    }
}

/// Puts a flaw into a policy. C loads the file all the same.
fn flaw(dice: &mut Dice, policy: &mut Value) {
    let (records, name) = dice.pick(&RECORDS);
    let Some(record) = some_item(dice, policy.get_mut(records)) else {
        return;
    };
    let wrong = [json!(null), json!(true), json!(1), json!([]), json!({}), json!([1])];
    match dice.number(0..=11) {
        0 => unknown_names(dice, policy),
        1 => {
            record[dice.pick(&["unknown", "comment", "Version"])] = json!({ "a": [1, null] });
        }
        2 => record[name] = json!(""),
        3 => {
            record.as_object_mut().map(|members| members.shift_remove(name));
        }
        4 => shout(record),
        5 => bad_password(dice, record),
        6 => {
            let member = dice.pick(&[
                "textname",
                "textdescription",
                "clientid",
                "disabled",
                "roles",
                "acls",
                "clients",
            ]);
            // A role's texts are not checked: C dies of them.
            if !(records == "roles" && member.starts_with("text")) {
                record[member] = dice.pick(&wrong);
            }
        }
        7 => push(policy.get_mut(records), dice.pick(&wrong)),
        8 => {
            let twin = json!({ name: record[name], "acls": [], "roles": [], "clients": [], "twin": true });
            push(policy.get_mut(records), twin);
        }
        9 => flawed_link(dice, policy, &wrong),
        10 => flawed_acl(dice, policy),
        _ => {
            let default = dice.pick(&["subscribe", "publishClientSend"]);
            policy["defaultACLAccess"] =
                json!({ default: dice.pick(&[json!(1), json!("true"), json!(true)]) });
        }
    }
}

fn unknown_names(dice: &mut Dice, policy: &mut Value) {
    let (records, links, name) = dice.pick(&LINKS);
    if let Some(record) = some_item(dice, policy.get_mut(records)) {
        push(record.get_mut(links), json!({ name: "nowhere", "priority": 3 }));
    }
    if dice.percent(20) {
        policy["anonymousGroup"] = dice.pick(&[json!("nowhere"), json!(1), json!(null)]);
    }
}

fn flawed_link(dice: &mut Dice, policy: &mut Value, wrong: &[Value]) {
    let (records, links, name) = dice.pick(&LINKS);
    let Some(record) = some_item(dice, policy.get_mut(records)) else {
        return;
    };
    let again = some_item(dice, record.get_mut(links)).map(|link| link[name].clone());
    let link = match dice.number(0..=3) {
        0 => json!({ name: again, "priority": 7 }),
        1 => json!({ name: again, "priority": "7" }),
        2 => json!({ name: dice.pick(wrong) }),
        _ => dice.pick(wrong),
    };
    push(record.get_mut(links), link);
}

fn flawed_acl(dice: &mut Dice, policy: &mut Value) {
    if let Some(role) = some_item(dice, policy.get_mut("roles")) {
        let acl = [
            json!({ "acltype": "publishClientSend", "topic": "a/#/b", "allow": true, "priority": 9 }),
            json!({ "acltype": "subscribePattern", "topic": "a+", "allow": true, "priority": 9 }),
            json!({ "acltype": "subscribePattern", "topic": "", "allow": true }),
            json!({ "acltype": "nothing", "topic": "a/b", "allow": true }),
            json!({ "acltype": "SUBSCRIBELITERAL", "topic": "a/b", "allow": true }),
            json!({ "acltype": "subscribeLiteral", "topic": "a/b", "allow": "yes", "priority": "9" }),
            json!({ "acltype": "subscribeLiteral" }),
            json!({ "topic": "a/b" }),
            json!(1),
        ];
        push(role.get_mut("acls"), dice.pick(&acl));
    }
}

fn bad_password(dice: &mut Dice, client: &mut Value) {
    let flaws = [
        ("salt", json!("AQIDBA==")),
        ("salt", json!("no base64!")),
        ("salt", json!("")),
        ("salt", json!(1)),
        ("password", json!("AQIDBA==")),
        ("password", json!("")),
        ("iterations", json!(0)),
        ("iterations", json!(-1)),
        ("iterations", json!("101")),
        ("iterations", json!(102)),
        ("iterations", json!(101.9)),
    ];
    let (member, value) = dice.pick(&flaws);
    client[member] = value;
}

/// Capital letters in the names of members.
fn shout(record: &mut Value) {
    if let Some(members) = record.as_object_mut() {
        let shouted = std::mem::take(members).into_iter().map(|(name, value)| (name.to_uppercase(), value));
        *members = shouted.collect::<Map<_, _>>();
    }
}

fn some_item<'a>(dice: &mut Dice, array: Option<&'a mut Value>) -> Option<&'a mut Value> {
    let items = array?.as_array_mut().filter(|items| !items.is_empty())?;
    let at = dice.number(0..=items.len() - 1);
    items.get_mut(at).filter(|item| item.is_object())
}

fn push(array: Option<&mut Value>, item: Value) {
    if let Some(items) = array.and_then(Value::as_array_mut) {
        items.push(item);
    }
}
