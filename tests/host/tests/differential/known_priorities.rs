//! Where priorities are not what the C plugin makes of them on purpose: see [`crate::known_differences`].

use serde_json::Value;

use crate::contender::Outcome;
use crate::difference::{Aspect, responses};
use crate::known_differences::{Seen, without_allow_wildcard_subs, without_effectless_acls};
use crate::known_in_log;
use crate::plugins;
use crate::plugins::Version::{V2_0_21, V2_1_2};
use crate::saved::Saved;
use crate::script::Step;

/// A value with its priorities as 2.1 clamps them.
pub fn clamped(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(clamped).collect(),
        Value::Object(members) => {
            let clamp = |(name, value): (String, Value)| match value.as_f64() {
                Some(number) if name == "priority" => (name, number.clamp(-1e5, 1e5).into()),
                _ => (name, clamped(value)),
            };
            members.into_iter().map(clamp).collect()
        }
        other => other,
    }
}

/// C clamps what it loads, and writes that. What some commands set below the bounds it clamps at its next start only:
/// until then it comes behind what has the lowest priority.
pub fn priorities_out_of_bounds(seen: &Seen<'_>) -> bool {
    fn is_too_low(value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(is_too_low),
            Value::Object(members) => members.iter().any(|(name, value)| {
                let is_priority = name.eq_ignore_ascii_case("priority");
                is_priority && value.as_f64().is_some_and(|priority| priority < -1e5) || is_too_low(value)
            }),
            _ => false,
        }
    }
    let sets_too_low = seen.commands().iter().any(is_too_low);
    let clamped = |value| if sets_too_low { sorted(clamped(value)) } else { clamped(value) };
    match seen.aspect {
        Aspect::Saved => {
            let policy = |outcome: &Outcome| match &outcome.saved {
                // The two differences meet in one file.
                Some(Saved::Policy(policy)) => Some(clamped(without_effectless_acls(policy.clone()))),
                _ => None,
            };
            policy(seen.ours) == policy(seen.theirs)
        }
        Aspect::Published => {
            let answers = |outcome| clamped(responses(outcome).into());
            answers(seen.ours) == answers(seen.theirs)
        }
        _ => false,
    }
}

/// C subtracts them, and the difference does not fit.
pub fn priorities_too_far_apart(seen: &Seen<'_>) -> bool {
    const FAR: f64 = (1_u32 << 30) as f64;
    fn is_extreme(value: &Value) -> bool {
        match value {
            Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() > FAR),
            Value::Array(items) => items.iter().any(is_extreme),
            Value::Object(members) => members.values().any(is_extreme),
            _ => false,
        }
    }
    let in_policy = matches!(seen.policy, Saved::Policy(policy) if is_extreme(policy));
    let is_about_order = match seen.aspect {
        Aspect::ReturnCode => matches!(seen.step, Step::Acl(_)),
        Aspect::Published => {
            // getDetails is answered by ours alone, which is another known difference.
            let is_about_links = |answer: &Value| {
                answer
                    .get("command")
                    .and_then(Value::as_str)
                    .is_some_and(|name| !name.eq_ignore_ascii_case("getDetails"))
            };
            let answers = |outcome| {
                let answers = responses(outcome).into_iter().filter(is_about_links).collect::<Vec<_>>();
                sorted(in_bounds(answers.into()))
            };
            answers(seen.ours) == answers(seen.theirs)
        }
        Aspect::Saved => {
            let policy = |outcome: &Outcome| match &outcome.saved {
                Some(Saved::Policy(policy)) if plugins::version() < V2_0_21 => {
                    Some(sorted(without_allow_wildcard_subs(policy.clone())))
                }
                // The two differences meet in one file.
                Some(Saved::Policy(policy)) => {
                    Some(sorted(in_bounds(without_effectless_acls(policy.clone()))))
                }
                _ => None,
            };
            policy(seen.ours) == policy(seen.theirs)
        }
        Aspect::Kicked | Aspect::Audit | Aspect::Death | Aspect::Delivered | Aspect::Connected => false,
    };
    is_about_order && (in_policy || seen.commands().iter().any(is_extreme))
}

/// A value with the priorities that the version that runs makes of its own.
fn in_bounds(value: Value) -> Value {
    if plugins::version() < V2_1_2 { value } else { clamped(value) }
}

/// A value without the order of its arrays.
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items = items.into_iter().map(sorted).collect::<Vec<_>>();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, sorted(value))).collect(),
        other => other,
    }
}

/// 2.1 clamps only what is too high in some commands, and logs the rest as it came.
pub fn priorities_in_log(seen: &Seen<'_>) -> bool {
    let clamp = |part: &str| match part.strip_prefix("priority=").map(str::parse::<f64>) {
        Some(Ok(priority)) => format!("priority={}", priority.clamp(-1e5, 1e5)),
        _ => part.to_owned(),
    };
    let clamped = |audit| {
        // A refused modifyGroup is logged by C alone, which is another known difference.
        let lines = known_in_log::normal(seen, audit).into_iter();
        let lines = lines
            .filter(|line| !known_in_log::has_refused_group(seen) || !line.contains(" | modifyGroup | "));
        lines.map(|line| line.split(" | ").map(clamp).collect()).collect::<Vec<Vec<_>>>()
    };
    seen.aspect == Aspect::Audit && clamped(&seen.ours.audit) == clamped(&seen.theirs.audit)
}
