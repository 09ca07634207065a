//! Where ours differs from the C plugin 2.0.11 on purpose. Every entry is in `docs/differences.md`, by its
//! name. What none of these explains is a defect, of ours or of this list.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter;

use plugin_host::Text;
use serde_json::Value;

use crate::contender::Outcome;
use crate::difference::{Aspect, responses};
use crate::hazards::{Hazards, half_applied, is_refused_for_roles, member, name, string};
use crate::kicks;
use crate::saved::{self, Saved};
use crate::script::{Dress, Payload, Step};

/// A difference that is meant.
pub struct KnownDifference {
    /// Its name in `docs/differences.md`.
    pub name: &'static str,
    /// Whether it is the reason for what was seen.
    pub explains: fn(&Seen<'_>) -> bool,
}

/// Something in which the plugins differed.
pub struct Seen<'a> {
    pub aspect: Aspect,
    pub step: &'a Step,
    pub ours: &'a Outcome,
    pub theirs: &'a Outcome,
    /// The policy before the step.
    pub policy: &'a Saved,
    /// What the C plugin has only half.
    pub hazards: &'a Hazards,
}

/// All of them. The first that explains a difference is counted.
pub const KNOWN_DIFFERENCES: &[KnownDifference] = &[
    KnownDifference { name: "refused commands change nothing", explains: half_applied_before },
    KnownDifference { name: "refused commands disconnect nobody", explains: refused_and_kicked },
    KnownDifference { name: "roles know all their holders", explains: holders_of_roles_are_kicked },
    KnownDifference { name: "ACLs of a type have distinct topics", explains: same_topic_twice },
    KnownDifference { name: "%c and %u are substituted", explains: substitution },
    KnownDifference { name: "allowwildcardsubs counts", explains: allow_wildcard_subs },
    KnownDifference { name: "priorities compare as numbers", explains: priorities_too_far_apart },
    KnownDifference { name: "of records with one name the first counts", explains: records_with_one_name },
    KnownDifference { name: "a client with a bad hash stays", explains: bad_password },
    KnownDifference { name: "a NUL in a string does not end it", explains: nul_character },
    KnownDifference { name: "the log has the count that was asked for", explains: count_in_log },
    KnownDifference { name: "malformed text is not logged", explains: malformed_text_in_log },
    KnownDifference { name: "getRole is logged", explains: get_role_is_logged },
    KnownDifference { name: "the log names who sent a command", explains: sender_was_kicked },
];

impl Seen<'_> {
    fn payload(&self) -> Option<&Payload> {
        match self.step {
            Step::Control { payload, .. } => Some(payload),
            _ => None,
        }
    }

    fn commands(&self) -> Cow<'_, [Value]> {
        self.payload().map_or(Cow::Borrowed(&[]), Payload::commands)
    }

    /// The policy before and after the step.
    fn policies(&self) -> impl Iterator<Item = &Saved> {
        iter::once(self.policy).chain(&self.ours.saved)
    }

    fn kicked_only_by_ours(&self) -> BTreeSet<Text> {
        self.ours.kicked.difference(&self.theirs.kicked).cloned().collect()
    }

    fn kicked_only_by_theirs(&self) -> BTreeSet<Text> {
        self.theirs.kicked.difference(&self.ours.kicked).cloned().collect()
    }

    /// Everything that is or could be in the policy.
    fn texts(&self) -> String {
        let mut text = format!("{:?} {:?} {:?}", self.policy, self.ours.saved, self.theirs.saved);
        self.commands().iter().for_each(|command| text.push_str(&command.to_string()));
        text
    }
}

/// The C plugin has done a part of a command that it refused, and what follows in the batch meets that.
fn half_applied_before(seen: &Seen<'_>) -> bool {
    let Some(payload) = seen.payload() else {
        return false;
    };
    let answered = responses(seen.theirs);
    let follows = |position: &usize| position + 1 < answered.len();
    matches!(seen.aspect, Aspect::Published | Aspect::Saved)
        && half_applied(payload, &answered).iter().any(follows)
}

/// 2.0.11 disconnects those whom a refused modifyClient or modifyGroup is about.
fn refused_and_kicked(seen: &Seen<'_>) -> bool {
    seen.aspect == Aspect::Kicked
        && seen.kicked_only_by_ours().is_empty()
        && seen.kicked_only_by_theirs().is_subset(&concerned_by_refusals(seen))
}

/// In C a role does not know those who have had it since they were created or modified, and may believe that
/// groups have it that no longer do; and modifyRole disconnects nobody, modifyGroup no former members.
fn holders_of_roles_are_kicked(seen: &Seen<'_>) -> bool {
    let mut former = concerned_by_refusals(seen);
    if seen.hazards.has_renounced_groups() {
        for group in seen.policy.records("groups") {
            former.extend(kicks::members(seen.policy, string(group, "groupname")));
        }
    }
    seen.aspect == Aspect::Kicked
        && seen.kicked_only_by_ours().is_subset(&concerned_by_changes(seen))
        && seen.kicked_only_by_theirs().is_subset(&former)
}

/// Whom the refused commands of a payload are about.
fn concerned_by_refusals(seen: &Seen<'_>) -> BTreeSet<Text> {
    let mut concerned = BTreeSet::new();
    for (command, answer) in seen.commands().iter().zip(&responses(seen.theirs)) {
        match name(command).as_str() {
            _ if !is_refused_for_roles(command, answer) => {}
            "modifyclient" => concerned.extend(kicks::connected(Some(string(command, "username")))),
            _ => {
                let members = |policy| kicks::members(policy, string(command, "groupname"));
                concerned.extend(seen.policies().flat_map(members));
            }
        }
    }
    concerned
}

/// Whom the changes of roles and groups in a payload are about, before it or after it.
fn concerned_by_changes(seen: &Seen<'_>) -> BTreeSet<Text> {
    let mut concerned = BTreeSet::new();
    for policy in seen.policies() {
        for command in seen.commands().iter() {
            concerned.extend(match name(command).as_str() {
                "modifyrole" | "deleterole" | "addroleacl" | "removeroleacl" => {
                    kicks::holders(policy, string(command, "rolename"))
                }
                "modifygroup" => kicks::members(policy, string(command, "groupname")),
                _ => BTreeSet::new(),
            });
        }
    }
    concerned
}

/// 2.0.11 keeps both ACLs.
fn same_topic_twice(seen: &Seen<'_>) -> bool {
    let repeats = |command: &Value| {
        let acls = member(command, "acls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let key = |acl: &Value| {
            let acltype = member(acl, "acltype")?.as_str()?.to_ascii_lowercase();
            Some((acltype, member(acl, "topic")?.as_str()?.to_owned()))
        };
        let keys = acls.iter().filter_map(key).collect::<Vec<_>>();
        keys.iter().collect::<BTreeSet<_>>().len() < keys.len()
    };
    let is_there = seen.policy.records("roles").any(repeats) || seen.commands().iter().any(repeats);
    is_there && matches!(seen.aspect, Aspect::ReturnCode | Aspect::Published | Aspect::Saved)
}

/// 2.0.11 takes them literally.
fn substitution(seen: &Seen<'_>) -> bool {
    let text = seen.texts();
    matches!(seen.step, Step::Acl(_)) && (text.contains("%c") || text.contains("%u"))
}

/// 2.0.11 drops and ignores it.
fn allow_wildcard_subs(seen: &Seen<'_>) -> bool {
    match seen.aspect {
        Aspect::ReturnCode => matches!(seen.step, Step::Acl(_)) && seen.texts().contains("allowwildcardsubs"),
        Aspect::Saved => {
            let without = |saved: Option<&Saved>| {
                let mut saved = saved.cloned();
                if let Some(Saved::Policy(policy)) = &mut saved {
                    for role in policy.get_mut("roles").and_then(Value::as_array_mut).into_iter().flatten() {
                        role.as_object_mut().and_then(|role| role.shift_remove("allowwildcardsubs"));
                    }
                }
                saved
            };
            without(seen.ours.saved.as_ref()) == without(seen.theirs.saved.as_ref())
        }
        _ => false,
    }
}

/// C subtracts them, and the difference does not fit.
fn priorities_too_far_apart(seen: &Seen<'_>) -> bool {
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
            let answers = |outcome| sorted(responses(outcome).into());
            answers(seen.ours) == answers(seen.theirs)
        }
        Aspect::Saved => {
            let policy = |outcome: &Outcome| match &outcome.saved {
                Some(Saved::Policy(policy)) => Some(sorted(policy.clone())),
                _ => None,
            };
            policy(seen.ours) == policy(seen.theirs)
        }
        Aspect::Kicked | Aspect::Audit | Aspect::Death => false,
    };
    is_about_order && (in_policy || seen.commands().iter().any(is_extreme))
}

/// A value without the order of its arrays.
fn sorted(value: Value) -> Value {
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

/// 2.0.11 lists all, and finds the last.
fn records_with_one_name(seen: &Seen<'_>) -> bool {
    [("roles", "rolename"), ("clients", "username"), ("groups", "groupname")].into_iter().any(
        |(array, name)| {
            let names =
                seen.policy.records(array).filter_map(|record| member(record, name)).collect::<Vec<_>>();
            names.iter().enumerate().any(|(at, name)| names[..at].contains(name))
        },
    )
}

/// C's strings end there.
fn nul_character(seen: &Seen<'_>) -> bool {
    let escaped = seen.commands().iter().any(|command| command.to_string().contains("\\u0000"));
    let raw = |payload: &Payload| {
        matches!(payload, Payload::Commands(_, Dress::Damaged(_)))
            && payload.to_text().as_bytes().contains(&0)
    };
    escaped || seen.payload().is_some_and(raw)
}

/// 2.0.11 drops the whole client.
fn bad_password(seen: &Seen<'_>) -> bool {
    let bad = seen.policy.records("clients").filter(|client| saved::has_bad_password(client));
    let bad = bad.map(|client| string(client, "username")).collect::<BTreeSet<_>>();
    match seen.step {
        Step::Control { .. } => !bad.is_empty(),
        Step::Login { username, .. } => username.is_some_and(|username| bad.contains(username)),
        Step::Acl(request) => {
            bad.iter().any(|username| kicks::connected(Some(username)).contains(&request.clientid))
        }
        Step::Tick | Step::Reload | Step::Restart(_) => false,
    }
}

/// 2.0.11 has lost the client id of a sender that a command disconnected, and logs "(null)".
fn sender_was_kicked(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen) && seen.theirs.audit.iter().any(|line| line.to_string().contains(" (null)/"))
}

/// C counts down while it lists, and logs what is left.
fn count_in_log(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen) && seen.ours.audit.iter().any(|line| line.to_string().contains(" | count="))
}

/// 2.0 logs every command but this; 2.1 this, too.
fn get_role_is_logged(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen)
        && seen.ours.audit.iter().any(|line| line.to_string().contains(" | getRole |"))
}

/// Where 2.0.11 logs what was sent for an acltype, whatever it is.
fn malformed_text_in_log(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen) && seen.theirs.audit.iter().any(|line| is_malformed(&line.to_string()))
}

fn is_malformed(line: &str) -> bool {
    line.contains(|character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER)
}

/// Whether only the known differences in the log make the logs differ.
fn same_apart_from_known(seen: &Seen<'_>) -> bool {
    let Step::Control { clientid, .. } = seen.step else {
        return false;
    };
    let sender = format!("dynsec: {clientid}/");
    let normal = |audit: &[Text]| {
        let lines = audit.iter().map(|line| line.to_string().replacen("dynsec: (null)/", &sender, 1));
        let lines = lines.filter(|line| !line.contains(" | getRole |") && !is_malformed(line));
        let without_count = |line: String| {
            let parts = line.split(" | ").filter(|part| !part.starts_with("count="));
            parts.collect::<Vec<_>>().join(" | ")
        };
        lines.map(without_count).collect::<Vec<_>>()
    };
    seen.aspect == Aspect::Audit && normal(&seen.ours.audit) == normal(&seen.theirs.audit)
}
