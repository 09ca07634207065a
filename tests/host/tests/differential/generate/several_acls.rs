//! Cases about one role, in which ACLs of a type have one topic.

use plugin_host::{Access, AclRequest, Text};
use serde_json::{Value, json};

use super::Dice;
use super::acls::TYPES;
use crate::script::{Dress, Files, Payload, Script, Step};

const TOPICS: [&str; 2] = ["t", "u"];

/// The case of a seed.
pub fn several_acls_script(seed: u64) -> Script {
    let dice = &mut Dice::new(seed);
    let types = [dice.pick(&TYPES), dice.pick(&TYPES)];
    let acls = acls(dice, &types, 2..=6);
    let policy = json!({
        "clients": [{ "username": "bob", "roles": [{ "rolename": "r" }] }],
        "roles": [{ "rolename": "r", "acls": acls }],
    });
    let mut steps = decisions();
    for _ in 0..dice.number(1..=6) {
        steps.push(match dice.weighted(&[(6, 0), (2, 1), (1, 2)]) {
            0 => Step::Control {
                clientid: "c-admin",
                payload: Payload::Commands(vec![command(dice, &types)], Dress::Plain),
            },
            1 => Step::Restart(Files::Own),
            _ => Step::Restart(Files::Swapped),
        });
        steps.extend(decisions());
    }
    Script { policy, steps, wild: false }
}

fn acls(dice: &mut Dice, types: &[&str], number: std::ops::RangeInclusive<usize>) -> Vec<Value> {
    (0..dice.number(number)).map(|_| acl(dice, types)).collect()
}

fn acl(dice: &mut Dice, types: &[&str]) -> Value {
    let mut acl = json!({
        "acltype": dice.pick(types), "topic": dice.pick(&TOPICS), "allow": dice.percent(50),
    });
    if dice.percent(70) {
        acl["priority"] = dice.pick(&[-1, 0, 3, 5]).into();
    }
    acl
}

fn command(dice: &mut Dice, types: &[&str]) -> Value {
    let mut command = match dice.weighted(&[(3, 0), (3, 1), (3, 2), (1, 3)]) {
        0 => json!({ "command": "modifyRole", "acls": acls(dice, types, 0..=3) }),
        1 => json!({ "command": "removeRoleACL", "acltype": dice.pick(types), "topic": dice.pick(&TOPICS) }),
        2 => {
            let mut add = acl(dice, types);
            add["command"] = "addRoleACL".into();
            add
        }
        // It only has the policy saved.
        _ => json!({ "command": "modifyRole", "textname": "text" }),
    };
    command["rolename"] = "r".into();
    command
}

/// All that may be asked.
fn decisions() -> Vec<Step> {
    let accesses = [Access::Write, Access::Read, Access::Subscribe, Access::Unsubscribe];
    let requests = accesses.into_iter().flat_map(|access| TOPICS.map(|topic| (access, topic)));
    let requests = requests.map(|(access, topic)| AclRequest {
        clientid: Text::from("c-bob"),
        access,
        topic: Text::from(topic),
    });
    requests.map(Step::Acl).collect()
}
