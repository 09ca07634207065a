//! `Policy::effective_acls`: all ACLs that somebody has, and truly said of some that they never decide.

use mosquitto_dynsec::policy::{
    AclRequest, AclType, Action, Decision, Effect, EffectiveAcls, Finding, Never, Policy, Reason, RoleAcl,
    Rule, Subject, Work,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::decisions::{any_model, any_question};
use crate::evaluation::{Question, USERNAME};

fn effective<'a>(
    policy: &'a Policy,
    question: &Question,
    clientid: Option<&str>,
) -> Option<EffectiveAcls<'a>> {
    let subject = Subject::known(question.username.map(str::as_bytes), clientid.map(str::as_bytes));
    policy.effective_acls(subject, &AclType::ALL, 0, usize::MAX, &mut Work::new(Work::STEPS))
}

fn decide<'a>(
    policy: &'a Policy,
    question: &Question,
    action: Action,
    topic: &[u8],
    clientid: &str,
) -> Decision<'a> {
    let subject = Subject::known(question.username.map(str::as_bytes), Some(clientid.as_bytes()));
    policy.authorize(&AclRequest { subject, action, topic })
}

/// Whether a decision was that rule's.
fn is_by(decision: &Decision<'_>, rule: &Rule<'_>) -> bool {
    let (Reason::Acl { group, role, acl, .. } | Reason::MalformedAcl { group, role, acl, .. }) =
        decision.reason
    else {
        return false;
    };
    let through = rule.held.group.map(|through| &through.group.name);
    std::ptr::eq(acl, rule.acl)
        && role.name == rule.held.role.name
        && group.map(|group| &group.name) == through
}

/// What a filter of an ACL matches for the client and the client id `mine`: itself, and topics with levels that no other
/// filter names.
pub(crate) fn examples(filter: &str) -> Vec<String> {
    let filled = filter.split('/').map(|level| match level {
        "%u" => USERNAME,
        "%c" => "mine",
        level => level,
    });
    let filled = filled.collect::<Vec<_>>().join("/");
    let of_topics = |rest: &str| filled.replace('+', "new").replace('#', rest);
    let mut examples: Vec<String> = ["new", "new/new", "new/new/new/new"].map(of_topics).into();
    examples.extend(filled.strip_suffix("/#").map(|head| head.replace('+', "new")));
    examples.push(filled);
    examples
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_covered_never_decides(model in any_model(), questions in vec(any_question(), 1..40)) {
        let policy = model.policy();
        for question in &questions {
            let known = effective(&policy, question, Some(question.clientid));
            let unknown = effective(&policy, question, None);
            let decision =
                decide(&policy, question, question.action, question.topic.as_bytes(), question.clientid);
            for acl in known.into_iter().chain(unknown).flat_map(|effective| effective.acls) {
                if acl.never.is_some() {
                    prop_assert!(!is_by(&decision, &acl.rule), "{:?} by {:?}", question, acl);
                }
            }
        }
    }

    #[test]
    fn what_decides_about_its_own_topic_is_not_covered(model in any_model(), question in any_question()) {
        let policy = model.policy();
        // Behind a malformed ACL nothing is said.
        if model.roles.iter().flatten().any(|acl| acl.1.contains("#/") || acl.1.is_empty()) {
            return Ok(());
        }
        let Some(effective) = effective(&policy, &question, Some(question.clientid)) else { return Ok(()) };
        for acl in &effective.acls {
            let topic = &acl.rule.acl.topic;
            let is_plain = !topic.is_empty() && !topic.iter().any(|byte| b"+#%".contains(byte));
            let action = Action::ALL.into_iter().find(|action| action.acl_types().contains(&acl.rule.acl_type));
            if !is_plain && !acl.rule.acl_type.is_literal() {
                continue;
            }
            let decision = decide(&policy, &question, action.unwrap(), topic, question.clientid);
            let decides = is_by(&decision, &acl.rule);
            match acl.never {
                None => prop_assert!(decides, "{:?}", acl),
                Some(Never::CoveredBy(rule)) if acl.rule.acl_type.is_literal() => {
                    prop_assert!(is_by(&decision, &rule), "{:?}", acl);
                }
                Some(_) => prop_assert!(!decides, "{:?}", acl),
            }
        }
    }

    #[test]
    fn what_lint_calls_shadowed_never_decides(model in any_model(), questions in vec(any_question(), 1..40)) {
        let policy = model.policy();
        let lint = policy.lint(0);
        for question in &questions {
            let decision =
                decide(&policy, question, question.action, question.topic.as_bytes(), question.clientid);
            let (Reason::Acl { acl, .. } | Reason::MalformedAcl { acl, .. }) = decision.reason else { continue };
            for finding in &lint.findings {
                if let Finding::ShadowedAcl(shadowed, _)
                | Finding::ShadowedByTwo(shadowed, _)
                | Finding::WildcardsRefused(shadowed) = finding
                {
                    prop_assert!(!std::ptr::eq(shadowed.acl, acl), "{:?} by {:?}", question, finding);
                }
            }
        }
    }

    #[test]
    fn who_is_said_to_subscribe_may(model in any_model()) {
        // What a malformed ACL denies depends on the topic.
        if model.roles.iter().flatten().any(|acl| acl.1.contains("#/") || acl.1.is_empty()) {
            return Ok(());
        }
        let policy = model.policy();
        for finding in policy.lint(0).findings {
            let Finding::SubscribeWithoutReceive(RoleAcl { acl, acl_type, .. }, _) = finding else { continue };
            let topic = std::str::from_utf8(&acl.topic).unwrap();
            let examples = if acl_type.is_literal() { vec![topic.to_owned()] } else { examples(topic) };
            let is_allowed = |topic: &String| {
                let subject = Subject::known(Some(USERNAME.as_bytes()), Some(b"mine"));
                let request = AclRequest { subject, action: Action::Subscribe, topic: topic.as_bytes() };
                policy.authorize(&request).effect == Effect::Allow
            };
            prop_assert!(examples.iter().any(is_allowed), "{:?}", finding);
        }
    }

    #[test]
    fn parts_are_parts_of_the_whole(model in any_model(), offset in 0..30_usize, limit in 0..30_usize) {
        let policy = model.policy();
        let subject = Subject::known(Some(b"ann"), Some(b"dev"));
        let mut work = Work::new(Work::STEPS);
        let all = policy.effective_acls(subject, &AclType::ALL, 0, usize::MAX, &mut work).unwrap();
        prop_assert_eq!(all.total, all.acls.len());
        let part = policy.effective_acls(subject, &AclType::ALL, offset, limit, &mut work).unwrap();
        let topics = |acls: &EffectiveAcls<'_>| -> Vec<Vec<u8>> {
            acls.acls.iter().map(|acl| acl.rule.acl.topic.to_vec()).collect()
        };
        let wanted: Vec<Vec<u8>> = topics(&all).into_iter().skip(offset).take(limit).collect();
        prop_assert_eq!(part.total, all.total);
        prop_assert_eq!(topics(&part), wanted);
    }
}
