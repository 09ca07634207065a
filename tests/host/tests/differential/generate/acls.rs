//! The `acls` of roles, and priorities: as they are written into files, and as clients send them.

use serde_json::{Value, json};

use super::dice::Dice;
use super::{Trait, Traits, topics};

pub const TYPES: [&str; 6] = [
    "publishClientSend",
    "publishClientReceive",
    "subscribeLiteral",
    "subscribePattern",
    "unsubscribeLiteral",
    "unsubscribePattern",
];

/// ACLs as a plugin writes them.
pub fn written(dice: &mut Dice, traits: Traits<'_>) -> Value {
    acls(dice, traits, |dice| dice.pick(&TYPES), priority).into()
}

/// ACLs as somebody may send them.
pub fn sent(dice: &mut Dice, traits: Traits<'_>) -> Value {
    let mut acls = acls(dice, traits, acltype, sent_priority);
    if dice.percent(10) {
        let wrong = [
            json!(1),
            json!("#"),
            json!({}),
            json!({ "acltype": "subscribe", "topic": "wrong/1" }),
            json!({ "acltype": "publishClientSend" }),
            json!({ "acltype": 1, "topic": "wrong/2" }),
            json!({ "acltype": "publishClientSend", "topic": 1 }),
            json!({ "acltype": "publishClientSend", "topic": "wrong/3", "priority": "1", "allow": 1 }),
        ];
        acls.push(dice.pick(&wrong));
    }
    acls.into()
}

/// Two of a type for one topic only where the case is about that.
fn acls(
    dice: &mut Dice,
    traits: Traits<'_>,
    acltype: fn(&mut Dice) -> &'static str,
    priority: fn(&mut Dice, Traits<'_>) -> Value,
) -> Vec<Value> {
    let mut acls = Vec::new();
    let mut seen = Vec::new();
    for _ in 0..dice.number(0..=9) {
        let (acltype, topic) = (acltype(dice), topics::acl(dice, traits.contains(&Trait::Substitution)));
        let key = (acltype.to_lowercase(), topic.clone());
        if seen.contains(&key) && !traits.contains(&Trait::DuplicateAcls) {
            continue;
        }
        seen.push(key);
        let mut acl = json!({ "acltype": acltype, "topic": topic });
        if dice.percent(60) {
            acl["priority"] = priority(dice, traits);
        }
        if dice.percent(80) {
            acl["allow"] = dice.percent(60).into();
        }
        acls.push(acl);
    }
    acls
}

/// A type of ACL, as somebody may send it.
pub fn acltype(dice: &mut Dice) -> &'static str {
    match dice.weighted(&[(94, 0), (3, 1), (3, 2)]) {
        0 => dice.pick(&TYPES),
        1 => dice.pick(&["PUBLISHCLIENTSEND", "subscribeliteral", "unsubscribepattern"]),
        _ => dice.pick(&["subscribe", "", "publish"]),
    }
}

/// Priorities are few, so that there are ties; their differences fit into an `int` unless the case is about
/// those that don't.
pub fn priority(dice: &mut Dice, traits: Traits<'_>) -> Value {
    if traits.contains(&Trait::ExtremePriorities) && dice.percent(50) {
        return dice.pick(&[i32::MAX, i32::MIN]).into();
    }
    dice.pick(&[-1, -1, 0, 1, 2, 2, 5, 1 << 29, -(1 << 29)]).into()
}

/// A priority, as somebody may send it.
pub fn sent_priority(dice: &mut Dice, traits: Traits<'_>) -> Value {
    if traits.contains(&Trait::ExtremePriorities) && dice.percent(25) {
        return dice.pick(&[json!(99_999_999_999_i64), json!(-1e20), json!(1e300)]);
    }
    if dice.percent(5) { dice.pick(&[json!(1.9), json!(-1.9), json!(2e0)]) } else { priority(dice, traits) }
}
