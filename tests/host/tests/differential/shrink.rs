//! Making a script that fails smaller, while it fails.

use serde_json::{Value, json};

use crate::script::{Dress, Payload, Script, Step};

/// How many smaller scripts to try.
const ATTEMPTS_MAX: usize = 500;

/// The smallest script found for which `fails` still holds.
pub fn shrink(script: Script, fails: impl Fn(&Script) -> bool) -> Script {
    let mut smallest = script;
    let mut attempts = 0;
    loop {
        let found = candidates(&smallest).into_iter().find(|candidate| {
            attempts += 1;
            attempts <= ATTEMPTS_MAX && fails(candidate)
        });
        match found {
            Some(smaller) => smallest = smaller,
            None => return smallest,
        }
    }
}

/// Scripts that are a little smaller, the smallest first.
fn candidates(script: &Script) -> Vec<Script> {
    let mut smaller = Vec::new();
    let count = script.steps.len();
    let mut piece = count / 2;
    while piece > 0 {
        for start in (0..count).step_by(piece) {
            let mut candidate = script.clone();
            candidate.steps.drain(start..(start + piece).min(count));
            smaller.push(candidate);
        }
        piece /= 2;
    }
    if script.policy != json!({}) {
        smaller.push(Script { policy: json!({}), ..script.clone() });
        // What is made of a sound policy must be sound: a flawed one would show something else.
        let sound = is_sound(&script.policy);
        let policies = smaller_values(&script.policy).into_iter().filter(|policy| !sound || is_sound(policy));
        smaller.extend(policies.map(|policy| Script { policy, ..script.clone() }));
    }
    for (position, step) in script.steps.iter().enumerate() {
        if let Step::Act(act) = step {
            smaller.extend(act.smaller().into_iter().map(|act| {
                let mut candidate = script.clone();
                candidate.steps[position] = Step::Act(act);
                candidate
            }));
        }
        let Step::Control { clientid, payload: Payload::Commands(commands, dress) } = step else {
            continue;
        };
        let mut payloads = Vec::new();
        if *dress != Dress::Plain {
            payloads.push(Payload::Commands(commands.clone(), Dress::Plain));
        }
        if commands.len() > 1 {
            payloads.extend(without_one(commands).map(|fewer| Payload::Commands(fewer, *dress)));
        }
        for (at, command) in commands.iter().enumerate() {
            payloads.extend(smaller_values(command).into_iter().map(|value| {
                let mut commands = commands.clone();
                commands[at] = value;
                Payload::Commands(commands, *dress)
            }));
        }
        smaller.extend(payloads.into_iter().map(|payload| {
            let mut candidate = script.clone();
            candidate.steps[position] = Step::Control { clientid, payload };
            candidate
        }));
    }
    smaller
}

fn without_one(items: &[Value]) -> impl Iterator<Item = Vec<Value>> {
    (0..items.len()).map(|at| {
        let mut fewer = items.to_vec();
        fewer.remove(at);
        fewer
    })
}

/// Values that lack one member or item, at any depth.
fn smaller_values(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => {
            let fewer = without_one(items).map(Value::Array);
            let smaller = items.iter().enumerate().flat_map(|(at, item)| {
                smaller_values(item).into_iter().map(move |item| {
                    let mut items = items.clone();
                    items[at] = item;
                    Value::Array(items)
                })
            });
            fewer.chain(smaller).collect()
        }
        Value::Object(members) => {
            let fewer = members.keys().filter(|name| *name != "command").map(|name| {
                let mut members = members.clone();
                members.shift_remove(name);
                Value::Object(members)
            });
            let smaller = members.iter().flat_map(|(name, item)| {
                smaller_values(item).into_iter().map(move |item| {
                    let mut members = members.clone();
                    members.insert(name.clone(), item);
                    Value::Object(members)
                })
            });
            fewer.chain(smaller).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether everything in a policy has a name, and every name is that of something.
fn is_sound(policy: &Value) -> bool {
    let items = |value: &Value, array: &str| value[array].as_array().cloned().unwrap_or_default();
    let names = |array: &str, name: &str| {
        items(policy, array).iter().map(|record| record[name].clone()).collect::<Vec<_>>()
    };
    let (roles, clients, groups) =
        (names("roles", "rolename"), names("clients", "username"), names("groups", "groupname"));
    let links_to = |records: &str, links: &str, name: &str, known: &[Value]| {
        let links = items(policy, records).iter().flat_map(|record| items(record, links)).collect::<Vec<_>>();
        links.iter().all(|link| known.contains(&link[name]))
    };
    let acls = items(policy, "roles").iter().flat_map(|role| items(role, "acls")).collect::<Vec<_>>();
    roles.iter().chain(&clients).chain(&groups).all(Value::is_string)
        && links_to("clients", "roles", "rolename", &roles)
        && links_to("groups", "roles", "rolename", &roles)
        && links_to("groups", "clients", "username", &clients)
        && policy.get("anonymousGroup").is_none_or(|group| groups.contains(group))
        && acls.iter().all(|acl| acl["topic"].is_string() && acl["acltype"].is_string())
}
