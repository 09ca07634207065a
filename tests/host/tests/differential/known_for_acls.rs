//! Where decisions differ on purpose, as ACLs mean something else to ours: see [`crate::known_differences`].

use std::collections::BTreeSet;

use plugin_host::{Access, Text};
use serde_json::Value;

use crate::contender::{ACL_DENIED, Outcome};
use crate::difference::Aspect;
use crate::generate::FLEET;
use crate::hazards::{member, string};
use crate::kicks;
use crate::known_differences::{Seen, without_allow_wildcard_subs};
use crate::saved::Saved;
use crate::script::Step;

/// What 2.0.11 takes literally, and a client's id or username takes the place of in ours.
const PLACEHOLDERS: [&str; 2] = ["%c", "%u"];

/// What a broker says of an unsubscription from what is not subscribed to: "No subscription existed" (MQTT 5.0).
const NO_SUBSCRIPTION: i32 = 0x11;

/// 2.0.11 keeps both ACLs.
pub fn same_topic_twice(seen: &Seen<'_>) -> bool {
    let in_roles = seen.policy.records("roles").flat_map(repeated).collect::<Vec<_>>();
    match (seen.aspect, seen.step) {
        (Aspect::ReturnCode, Step::Acl(request)) => {
            let in_saved = seen.policies().flat_map(|policy| policy.records("roles")).flat_map(repeated);
            in_saved.into_iter().any(|topic| may_concern(topic, &request.topic.to_string()))
        }
        (Aspect::Published | Aspect::Saved, _) => {
            !in_roles.is_empty() || seen.commands().iter().any(|command| !repeated(command).is_empty())
        }
        _ => false,
    }
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
