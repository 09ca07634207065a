//! Where ours differs from the C plugin 2.0.11 on purpose. Every entry is in `docs/differences.md`, by its
//! name. What none of these explains is a defect, of ours or of this list.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter;
use std::ops::RangeInclusive;

use plugin_host::{Access, Text};
use serde_json::Value;

use crate::contender::Outcome;
use crate::difference::{Aspect, responses};
use crate::duel::Arena;
use crate::hazards::{
    Hazards, half_applied, has_a_name_twice, has_a_name_twice_in, is_refused_for_roles, member, name, string,
};
use crate::kicks::{self, username_of};
use crate::known_for_acls::{allow_wildcard_subs, same_topic_twice, substitution};
use crate::known_for_certificates::shut_out;
use crate::known_in_log::{
    count_in_log, get_role_is_logged, malformed_text_in_log, refused_and_logged, same_apart_from_known,
    sender_was_kicked,
};
use crate::known_priorities::{
    clamped, priorities_in_log, priorities_out_of_bounds, priorities_too_far_apart,
};
use crate::plugins;
use crate::plugins::Version::{self, V2_0_11, V2_0_21, V2_1_2};
use crate::saved::{self, Saved};
use crate::script::{Dress, Payload, Step};

/// A difference that is meant.
pub struct KnownDifference {
    /// Its name in `docs/differences.md`.
    pub name: &'static str,
    /// The versions of the C plugin from which ours differs in this.
    pub from: RangeInclusive<Version>,
    /// Whether it is the reason for what was seen.
    pub explains: fn(&Seen<'_>) -> bool,
    /// Whether a restart leaves it as it is: on real brokers nothing can be compared from there on.
    pub is_lasting: bool,
}

/// Something in which the plugins differed.
pub struct Seen<'a> {
    pub arena: Arena,
    pub aspect: Aspect,
    /// Whom it is about, where it is about one.
    pub client: Option<&'a Text>,
    /// Which of the codes of an answer it is, where it is one.
    pub part: Option<usize>,
    /// Who did what others may have been sent.
    pub doer: Option<&'a Text>,
    pub step: &'a Step,
    pub ours: &'a Outcome,
    pub theirs: &'a Outcome,
    /// The policy before the step.
    pub policy: &'a Saved,
    /// What the C plugin has only half.
    pub hazards: &'a Hazards,
    /// The clients whom ours shuts out after the step, however they came in.
    pub shut_out: &'a BTreeSet<Text>,
}

/// All of them. The first that explains a difference is counted.
pub const KNOWN_DIFFERENCES: &[KnownDifference] = &[
    known("getDetails is understood", V2_0_11..=V2_0_21, get_details),
    known("refused commands change nothing", V2_0_11..=V2_0_11, half_applied_before),
    known("refused commands disconnect nobody", V2_0_11..=V2_1_2, refused_and_kicked),
    known("roles know all their holders", V2_0_11..=V2_1_2, holders_of_roles_are_kicked),
    known(
        "deleting a role or group ends the subscriptions that it allowed",
        V2_0_11..=V2_0_21,
        kept_subscriptions,
    ),
    known("ACLs of a type have distinct topics", V2_0_11..=V2_0_11, same_topic_twice),
    known("%c and %u are substituted", V2_0_11..=V2_0_21, substitution),
    known("allowwildcardsubs counts", V2_0_11..=V2_0_21, allow_wildcard_subs),
    known("priorities compare as numbers", V2_0_11..=V2_1_2, priorities_too_far_apart),
    known("what takes no part in decisions stays in the file", V2_0_21..=V2_1_2, effectless_acls),
    known("priorities out of bounds stay in the file", V2_1_2..=V2_1_2, priorities_out_of_bounds),
    known("every priority is clamped at once", V2_1_2..=V2_1_2, priorities_in_log),
    known("of records with one name one is there", V2_0_11..=V2_0_11, records_with_one_name),
    known("a client with a bad hash stays", V2_0_11..=V2_1_2, bad_password),
    KnownDifference {
        is_lasting: true,
        ..known("a hash without iterations is none", V2_0_21..=V2_0_21, no_iterations)
    },
    known("a NUL does not end a name or topic", V2_0_11..=V2_1_2, nul_character),
    known("the log has the count that was asked for", V2_0_11..=V2_1_2, count_in_log),
    known("malformed text is not logged", V2_0_11..=V2_1_2, malformed_text_in_log),
    known("a disabled client's certificate opens nothing", V2_0_11..=V2_1_2, shut_out),
    known("getRole is logged", V2_0_11..=V2_0_21, get_role_is_logged),
    known("refused commands are not logged", V2_0_21..=V2_1_2, refused_and_logged),
    known("the log names who sent a command", V2_0_11..=V2_0_21, sender_was_kicked),
];

const fn known(
    name: &'static str,
    from: RangeInclusive<Version>,
    explains: fn(&Seen<'_>) -> bool,
) -> KnownDifference {
    KnownDifference { name, from, explains, is_lasting: false }
}

impl KnownDifference {
    /// Whether it explains what was seen, in the version that runs.
    pub fn covers(&self, seen: &Seen<'_>) -> bool {
        self.from.contains(&plugins::version()) && (self.explains)(seen)
    }
}

impl Seen<'_> {
    fn payload(&self) -> Option<&Payload> {
        match self.step {
            Step::Control { payload, .. } => Some(payload),
            _ => None,
        }
    }

    pub fn commands(&self) -> Cow<'_, [Value]> {
        self.payload().map_or(Cow::Borrowed(&[]), Payload::commands)
    }

    /// The policy before and after the step.
    pub fn policies(&self) -> impl Iterator<Item = &Saved> {
        iter::once(self.policy).chain(&self.ours.saved)
    }

    fn kicked_only_by_ours(&self) -> BTreeSet<Text> {
        self.ours.kicked.difference(&self.theirs.kicked).cloned().collect()
    }

    fn kicked_only_by_theirs(&self) -> BTreeSet<Text> {
        self.theirs.kicked.difference(&self.ours.kicked).cloned().collect()
    }
}

/// A session goes on to get what ours has taken its subscription to.
fn kept_subscriptions(seen: &Seen<'_>) -> bool {
    let count =
        |outcome: &Outcome| seen.client.and_then(|client| outcome.delivered.get(client)).map_or(0, Vec::len);
    seen.arena.has_brokers()
        && seen.hazards.has_deleted()
        && matches!((seen.aspect, seen.step), (Aspect::ReturnCode, Step::Acl(request)) if request.access == Access::Read)
        && count(seen.ours) < count(seen.theirs)
}

/// The C plugin has done a part of a command that it refused, and what follows in the batch meets that.
fn half_applied_before(seen: &Seen<'_>) -> bool {
    let Some(payload) = seen.payload() else {
        return false;
    };
    let answered = responses(seen.theirs);
    let follows = |position: &usize| position + 1 < answered.len();
    let half = half_applied(payload, &answered);
    match seen.aspect {
        Aspect::Published | Aspect::Saved => half.iter().any(follows),
        // By the changed password or client id.
        Aspect::Connected => !half.is_empty(),
        _ => false,
    }
}

/// 2.0.11 disconnects those whom a refused modifyClient or modifyGroup is about; 2.1 takes the empty username of
/// a refused command for that of the anonymous clients.
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
            // To 2.1 an empty username is that of the anonymous clients.
            "addgroupclient" | "removegroupclient"
                if plugins::version() >= V2_1_2 && string(command, "username").is_empty() =>
            {
                concerned.extend(kicks::connected(None));
            }
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
                // Those who come into the group later in the batch, too.
                "modifygroup" | "addgrouprole" | "removegrouprole" => {
                    kicks::members(policy, string(command, "groupname"))
                }
                _ => BTreeSet::new(),
            });
        }
    }
    // Who joins a group in a batch that modifies groups was a member for a moment.
    let commands = seen.commands();
    if commands.iter().any(|command| name(command) == "modifygroup") {
        let names = commands.iter().filter_map(|command| member(command, "username")?.as_str());
        names.for_each(|username| concerned.extend(kicks::connected(Some(username))));
    }
    concerned
}

/// A policy as the C plugins of 2.0 know it.
pub fn without_allow_wildcard_subs(mut policy: Value) -> Value {
    for role in policy.get_mut("roles").and_then(Value::as_array_mut).into_iter().flatten() {
        role.as_object_mut().and_then(|role| role.shift_remove("allowwildcardsubs"));
    }
    policy
}

/// A command of 2.1, which 2.0 does not know.
fn get_details(seen: &Seen<'_>) -> bool {
    let others = |outcome| {
        let mut answers = responses(outcome);
        answers.retain(|answer| !string(answer, "command").eq_ignore_ascii_case("getDetails"));
        answers
    };
    match seen.aspect {
        Aspect::Published => others(seen.ours) == others(seen.theirs),
        Aspect::Audit => {
            same_apart_from_known(seen)
                && seen.ours.audit.iter().any(|line| line.to_string().ends_with(" | getDetails"))
        }
        _ => false,
    }
}

/// C has dropped them.
fn effectless_acls(seen: &Seen<'_>) -> bool {
    let policy = |outcome: &Outcome| match &outcome.saved {
        Some(Saved::Policy(policy)) => Some(clamped(without_effectless_acls(policy.clone()))),
        _ => None,
    };
    seen.aspect == Aspect::Saved && policy(seen.ours) == policy(seen.theirs)
}

/// Since 2.0.16 C drops all but the first ACL of a type for a topic when it loads them, since 2.1 those with an
/// empty topic. Their priorities need not be in bounds either, and 2.0 drops `allowwildcardsubs`.
pub fn without_effectless_acls(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut topics = BTreeSet::new();
            let mut counts = |item: &Value| {
                let Some(topic) = member(item, "topic") else {
                    return true;
                };
                let acltype = string(item, "acltype").to_ascii_lowercase();
                *topic != "" && topics.insert((acltype, topic.to_string()))
            };
            items.into_iter().filter(|item| counts(item)).map(without_effectless_acls).collect()
        }
        Value::Object(members) => {
            let dropped = |name: &str| name == "allowwildcardsubs" && plugins::version() < V2_1_2;
            let kept = members.into_iter().filter(|(name, _)| !dropped(name));
            kept.map(|(name, value)| (name, without_effectless_acls(value))).collect()
        }
        other => other,
    }
}

/// 2.0.11 lists and saves all. It goes by the last, as ours does, but for the members of a group.
fn records_with_one_name(seen: &Seen<'_>) -> bool {
    match seen.aspect {
        Aspect::ReturnCode | Aspect::Connected | Aspect::Delivered => {
            has_a_name_twice_in("groups", seen.policy)
        }
        _ => has_a_name_twice(seen.policy),
    }
}

/// C's strings end there.
fn nul_character(seen: &Seen<'_>) -> bool {
    let escaped = seen.commands().iter().any(|command| command.to_string().contains("\\u0000"));
    // C takes an escape with other than hexadecimal digits for one of zeros.
    let is_nul = |escape: &[u8]| {
        let digits = escape.strip_prefix(b"\\u").unwrap_or(b"1");
        digits == b"0000" || !digits.iter().all(u8::is_ascii_hexdigit)
    };
    let raw = |payload: &Payload| {
        let text = payload.to_text();
        let text = text.as_bytes();
        matches!(payload, Payload::Commands(_, Dress::Damaged(_)))
            && (text.contains(&0) || text.windows(6).any(is_nul))
    };
    escaped || seen.payload().is_some_and(raw)
}

/// 2.0.21 takes whatever number lies in its memory, and may let the client in.
fn no_iterations(seen: &Seen<'_>) -> bool {
    let lacks_iterations = |username: &str| {
        let mut clients = seen.policy.records("clients");
        clients.find(|client| string(client, "username") == username).is_some_and(saved::lacks_iterations)
    };
    match (seen.aspect, seen.step, seen.client) {
        (Aspect::ReturnCode, Step::Login { username: Some(username), .. }, _) => {
            lacks_iterations(username) && seen.ours.rc.is_some_and(|rc| LEFT_TO_OTHERS.contains(&rc))
        }
        (Aspect::Connected, _, Some(client)) => {
            let got_in = |outcome: &Outcome| {
                outcome.connected.get(client).is_some_and(|codes| codes.contains(&Some(0)))
            };
            username_of(client).is_some_and(lacks_iterations) && got_in(seen.theirs) && !got_in(seen.ours)
        }
        _ => false,
    }
}

/// What a login comes to that the plugin leaves to others: `MOSQ_ERR_PLUGIN_DEFER`, and from a broker where nobody else
/// knows the username the CONNACKs of both protocols.
const LEFT_TO_OTHERS: [i32; 2] = [17, 5135];

/// 2.0.11 drops the whole client.
fn bad_password(seen: &Seen<'_>) -> bool {
    let bad = seen.policy.records("clients").filter(|client| saved::has_bad_password(client));
    let bad = bad.map(|client| string(client, "username")).collect::<BTreeSet<_>>();
    let is_one =
        |clientid: &Text| bad.iter().any(|username| kicks::connected(Some(username)).contains(clientid));
    match seen.step {
        Step::Control { .. } => !bad.is_empty(),
        Step::Login { username, .. } => username.is_some_and(|username| bad.contains(username)),
        // It has nothing in C to be sent, and nothing that it may send.
        Step::Acl(request) => is_one(&request.clientid) || seen.doer.is_some_and(is_one),
        Step::Act(_) | Step::Tick | Step::Reload | Step::Restart(_) => false,
    }
}
