//! Where decisions differ on purpose, as ACLs mean something else to ours: see [`crate::known_differences`].

use std::collections::BTreeSet;

use plugin_host::{Access, Text};
use serde_json::Value;

use crate::contender::{ACL_DENIED, Outcome};
use crate::difference::{Aspect, responses};
use crate::generate::FLEET;
use crate::hazards::{member, name, string};
use crate::kicks;
use crate::known_differences::{Seen, without_allow_wildcard_subs};
use crate::known_priorities::sorted;
use crate::saved::Saved;
use crate::script::Step;

/// What 2.0.11 takes literally, and a client's id or username takes the place of in ours.
const PLACEHOLDERS: [&str; 2] = ["%c", "%u"];

/// What a broker says of an unsubscription from what is not subscribed to: "No subscription existed" (MQTT 5.0).
const NO_SUBSCRIPTION: i32 = 0x11;

/// 2.0.11 keeps both ACLs, shows both, and removes one of them at a time. Which of them decides is no difference, and the
/// file of ours has none that C's has not.
pub fn same_topic_twice(seen: &Seen<'_>) -> bool {
    let commands = seen.commands();
    let in_commands = commands.iter().flat_map(repeated);
    let topics: BTreeSet<&str> = seen.policy.records("roles").flat_map(repeated).chain(in_commands).collect();
    match (seen.aspect, seen.step) {
        // What follows from the step itself.
        (Aspect::ReturnCode, Step::Acl(request)) => {
            seen.arena.has_brokers()
                && seen.ours.saved != seen.theirs.saved
                && seen
                    .policy
                    .records("roles")
                    .flat_map(repeated)
                    .any(|topic| may_concern(topic, &request.topic.to_string()))
        }
        (Aspect::Published, _) => {
            let (ours, theirs) = (responses(seen.ours), responses(seen.theirs));
            let is_explained = |((command, ours), theirs)| {
                // getDetails is answered by ours alone, which is another known difference.
                name(command) == "getdetails"
                    || is_about_acl_of(command, &topics)
                    || without_acls_of(ours, &topics) == without_acls_of(theirs, &topics)
            };
            !topics.is_empty()
                && ours.len() == theirs.len()
                && commands.iter().zip(&ours).zip(&theirs).all(is_explained)
        }
        (Aspect::Saved, _) => {
            let (Some(Saved::Policy(ours)), Some(Saved::Policy(theirs))) =
                (&seen.ours.saved, &seen.theirs.saved)
            else {
                return false;
            };
            let added = commands
                .iter()
                .any(|command| name(command) == "addroleacl" && is_about_acl_of(command, &topics));
            let without =
                |policy: &Value| without_acls_of(&without_allow_wildcard_subs(policy.clone()), &topics);
            !topics.is_empty() && without(ours) == without(theirs) && (added || has_all_acls_of(theirs, ours))
        }
        _ => false,
    }
}

/// Whether a command adds or removes an ACL for one of these topics.
fn is_about_acl_of(command: &Value, topics: &BTreeSet<&str>) -> bool {
    matches!(name(command).as_str(), "addroleacl" | "removeroleacl")
        && topics.contains(string(command, "topic"))
}

/// A policy or an answer without the ACLs for these topics.
fn without_acls_of(value: &Value, topics: &BTreeSet<&str>) -> Value {
    fn without(value: Value, topics: &BTreeSet<&str>) -> Value {
        let is_other = |item: &Value| {
            !member(item, "topic").and_then(Value::as_str).is_some_and(|topic| topics.contains(topic))
        };
        match value {
            Value::Array(items) => {
                items.into_iter().filter(is_other).map(|item| without(item, topics)).collect()
            }
            Value::Object(members) => {
                members.into_iter().map(|(name, value)| (name, without(value, topics))).collect()
            }
            other => other,
        }
    }
    // The order of the rest may be what priorities too far apart make of it.
    sorted(without(value.clone(), topics))
}

/// Whether the roles of a policy have all the ACLs that they have in another.
fn has_all_acls_of(policy: &Value, other: &Value) -> bool {
    let acls = |policy: &Value| {
        let roles = member(policy, "roles").and_then(Value::as_array).cloned().unwrap_or_default();
        let acls = roles.iter().flat_map(|role| {
            let acls = member(role, "acls").and_then(Value::as_array).cloned().unwrap_or_default();
            let rolename = string(role, "rolename").to_owned();
            acls.into_iter().map(move |acl| (rolename.clone(), said_by(&acl)))
        });
        acls.collect::<BTreeSet<_>>()
    };
    acls(policy).is_superset(&acls(other))
}

/// What C reads from an ACL: its type, topic and priority, and whether it allows.
fn said_by(acl: &Value) -> (String, String, i32, bool) {
    #[expect(clippy::cast_possible_truncation, reason = "C saturates too")]
    let priority = member(acl, "priority").and_then(Value::as_f64).unwrap_or_default() as i32;
    let allow = member(acl, "allow").and_then(Value::as_bool).unwrap_or_default();
    (string(acl, "acltype").to_ascii_lowercase(), string(acl, "topic").to_owned(), priority, allow)
}

/// The topics that several ACLs of a type have in one array.
fn repeated(record: &Value) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let acls = member(record, "acls").and_then(Value::as_array).into_iter().flatten();
    let topics = acls.filter_map(|acl| {
        let acltype = member(acl, "acltype")?.as_str()?.to_ascii_lowercase();
        let topic = member(acl, "topic")?.as_str()?;
        (!seen.insert((acltype, topic))).then_some(topic)
    });
    topics.collect()
}

/// 2.0.11 takes them literally.
pub fn substitution(seen: &Seen<'_>) -> bool {
    let Step::Acl(request) = seen.step else { return false };
    let topic = request.topic.to_string();
    let acls = seen.policies().flat_map(|policy| policy.records("roles"));
    let acls = acls.flat_map(|role| member(role, "acls").and_then(Value::as_array).into_iter().flatten());
    let mut topics = acls.map(|acl| string(acl, "topic"));
    topics.any(|filter| {
        filter.split('/').any(|level| PLACEHOLDERS.contains(&level)) && may_concern(filter, &topic)
    })
}

/// Whether an ACL could have to do with a topic or filter, whoever asks.
fn may_concern(filter: &str, topic: &str) -> bool {
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(level), Some(other)) if level == other => {}
            (Some(level), Some(other)) if PLACEHOLDERS.contains(&level) && is_of_somebody(other) => {}
            _ => return false,
        }
    }
}

/// Whether a client has that id or username.
fn is_of_somebody(name: &str) -> bool {
    FLEET.into_iter().any(|(clientid, username)| clientid == name || username == Some(name))
}

/// 2.0.11 drops and ignores it.
pub fn allow_wildcard_subs(seen: &Seen<'_>) -> bool {
    match (seen.aspect, seen.step) {
        (Aspect::ReturnCode, Step::Acl(request)) => {
            let has_wildcard = request.topic.to_string().contains(['+', '#']);
            let is_its = match request.access {
                Access::Subscribe => has_wildcard && ours_refused(seen),
                // It has no subscription then.
                Access::Unsubscribe => {
                    has_wildcard && seen.arena.has_brokers() && code_of_ours(seen) == Some(NO_SUBSCRIPTION)
                }
                // Who was refused its subscription to `#` gets less.
                Access::Read => seen.client.is_some_and(|client| {
                    let came = |outcome: &Outcome| outcome.delivered.get(client).map_or(0, Vec::len);
                    came(seen.ours) < came(seen.theirs)
                }),
                Access::Write => false,
            };
            is_its && has_refusing_role(seen, &request.clientid)
        }
        (Aspect::Saved, _) => {
            let without = |saved: Option<&Saved>| match saved {
                Some(Saved::Policy(policy)) => {
                    Some(Saved::Policy(without_allow_wildcard_subs(policy.clone())))
                }
                other => other.cloned(),
            };
            without(seen.ours.saved.as_ref()) == without(seen.theirs.saved.as_ref())
        }
        _ => false,
    }
}

/// Whether a client has a role, before the step or after it, that refuses wildcards.
fn has_refusing_role(seen: &Seen<'_>, clientid: &Text) -> bool {
    seen.policies().any(|policy| {
        let refuses = |role: &&Value| member(role, "allowwildcardsubs") == Some(&Value::Bool(false));
        let mut roles = policy.records("roles").filter(refuses);
        roles.any(|role| kicks::holders(policy, string(role, "rolename")).contains(clientid))
    })
}

/// Whether the decision of ours was a denial.
fn ours_refused(seen: &Seen<'_>) -> bool {
    code_of_ours(seen).is_some_and(|code| code == ACL_DENIED || code >= 0x80)
}

/// What a decision of ours came to.
fn code_of_ours(seen: &Seen<'_>) -> Option<i32> {
    match (seen.part, seen.client.and_then(|client| seen.ours.connected.get(client))) {
        (Some(part), _) => seen.ours.codes.get(part).copied().map(i32::from),
        (None, Some(codes)) => codes.last().copied().flatten().map(i32::from),
        (None, None) => seen.ours.rc,
    }
}
