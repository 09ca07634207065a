//! `Policy::explain` says what `Policy::authorize` decides, and names all that would have mattered.

use mosquitto_dynsec::policy::{
    AclRequest, AclType, Action, Compat, Effect, Explanation, Policy, Subject, Verdict, Why, WhyNot,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::decisions::{any_model, any_question, because};
use crate::evaluation::{Model, Question, USERNAME};

fn request<'a>(question: &'a Question, clientid: Option<&'a str>) -> AclRequest<'a> {
    AclRequest {
        subject: Subject::known(question.username.map(str::as_bytes), clientid.map(str::as_bytes)),
        action: question.action,
        topic: question.topic.as_bytes(),
    }
}

/// The role and the ACL's topic of what decides, as [`because`] gives them for a decision.
fn decider(explanation: &Explanation<'_>) -> Option<(String, Option<String>)> {
    let Verdict::Decided(_, why) = explanation.verdict else { return None };
    match why {
        Why::Acl(rule) | Why::MalformedAcl(rule) => {
            Some((rule.held.role.name.to_string(), Some(text(&rule.acl.topic))))
        }
        Why::WildcardSubscription(held) => Some((held.role.name.to_string(), None)),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number in the name of a role or group.
fn number(name: &str) -> usize {
    name.trim_start_matches(['r', 'g']).parse().unwrap()
}

fn is_valid(question: &Question) -> bool {
    let publishing = matches!(question.action, Action::PublishClientSend | Action::PublishClientReceive);
    !(publishing && question.topic.contains(['+', '#']))
}

/// An ACL with its role and, if it came through one, its group.
type Met = (Option<usize>, usize, AclType, String);

/// All ACLs that match or are malformed, which is said too, in the order of evaluation, found by looking
/// at each.
fn enumerated(model: &Model, question: &Question) -> Vec<(Met, bool)> {
    let mut roles: Vec<(Option<usize>, usize)> = Vec::new();
    let mut through = |group: usize| {
        roles.extend(model.asked(&model.groups[group]).into_iter().map(|role| (Some(group), role)));
    };
    match question.username {
        None => model.anonymous.into_iter().for_each(&mut through),
        Some(USERNAME) => {
            let own = model.asked(&model.client_roles);
            model.asked(&model.client_groups).into_iter().for_each(&mut through);
            roles.splice(0..0, own.into_iter().map(|role| (None, role)));
        }
        Some(_) => {}
    }
    let mut met = Vec::new();
    for (group, role) in roles {
        for acl_type in question.action.acl_types() {
            for (_, filter, _, _) in model.acls(role, *acl_type) {
                let matches = if acl_type.is_literal() {
                    Some(*filter == question.topic)
                } else {
                    model.matches(filter, question)
                };
                if matches != Some(false) {
                    met.push(((group, role, *acl_type, filter.clone()), matches.is_none()));
                }
            }
        }
    }
    met
}

fn listed(explanation: &Explanation<'_>) -> Vec<Met> {
    explanation
        .others
        .iter()
        .map(|other| {
            let group = other.rule.held.group.map(|through| number(&through.group.name.to_string()));
            let role = number(&other.rule.held.role.name.to_string());
            (group, role, other.rule.acl_type, text(&other.rule.acl.topic))
        })
        .collect()
}

/// The model without that ACL.
fn without(model: &Model, role: usize, acl_type: AclType, topic: &str) -> Model {
    let mut model = model.clone();
    model.roles[role].retain(|acl| !(acl.0 == acl_type && acl.1 == topic));
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_explanation_is_the_decision(model in any_model(), questions in vec(any_question(), 1..40)) {
        let policy = model.policy();
        for question in questions.iter().filter(|question| is_valid(question)) {
            let request = request(question, Some(question.clientid));
            let decision = policy.authorize(&request);
            let explanation = policy.explain(&request, false);
            let Verdict::Decided(effect, why) = explanation.verdict else {
                return Err(TestCaseError::fail("the client id is known"));
            };
            prop_assert_eq!((effect, decider(&explanation)), (decision.effect, because(&decision.reason)));
            prop_assert_eq!(why.name(), decision.reason.name(), "in answers and in the log");
        }
    }

    #[test]
    fn all_that_match_are_listed_in_their_order(
        model in any_model(),
        questions in vec(any_question(), 1..40),
    ) {
        let policy = model.policy();
        let has_malformed = model.roles.iter().flatten().any(|acl| acl.1.contains("#/"));
        for question in questions.iter().filter(|question| is_valid(question)) {
            // How far a filter gets with a `#` in a wrong place is for the tests of topics.
            if has_malformed && question.topic.contains('#') {
                continue;
            }
            let explanation = policy.explain(&request(question, Some(question.clientid)), false);
            let mut wanted = enumerated(&model, question);
            if let Verdict::Decided(_, Why::Acl(rule) | Why::MalformedAcl(rule)) = explanation.verdict {
                // 2.0 passes over malformed ones.
                let first = wanted.iter().position(|(_, malformed)| {
                    !malformed || model.compat == Compat::V2_1
                });
                let ((_, _, acl_type, topic), _) = wanted.remove(first.unwrap());
                prop_assert_eq!((acl_type, topic), (rule.acl_type, text(&rule.acl.topic)));
            }
            let wanted: Vec<Met> = wanted.into_iter().map(|(met, _)| met).collect();
            prop_assert_eq!(listed(&explanation), wanted, "{:?}", question);
        }
    }

    #[test]
    fn without_what_decides_the_next_one_does(model in any_model(), questions in vec(any_question(), 1..40)) {
        let policy = model.policy();
        for question in questions.iter().filter(|question| is_valid(question)) {
            let request = request(question, Some(question.clientid));
            let explanation = policy.explain(&request, false);
            let Verdict::Decided(_, Why::Acl(rule)) = explanation.verdict else { continue };
            let role = number(&rule.held.role.name.to_string());
            let fewer = without(&model, role, rule.acl_type, &text(&rule.acl.topic)).policy();
            let next = explanation.others.iter().find(|other| !std::ptr::eq(other.rule.acl, rule.acl)
                && other.why != WhyNot::MalformedAcl);
            let wanted = next.map(|other| {
                let topic = text(&other.rule.acl.topic);
                let topic = (other.why != WhyNot::WildcardSubscription).then_some(topic);
                (other.rule.held.role.name.to_string(), topic)
            });
            let decided = because(&fewer.authorize(&request).reason);
            // A role that refuses filters with wildcards need not have an ACL that matches.
            if !matches!(decided, Some((_, None))) {
                prop_assert_eq!(decided, wanted, "{:?}", question);
            }
        }
    }

    #[test]
    fn a_client_id_is_missing_only_where_it_matters(
        model in any_model(),
        questions in vec(any_question(), 1..40),
    ) {
        let policy = model.policy();
        for question in questions.iter().filter(|question| is_valid(question)) {
            let explanation = policy.explain(&request(question, None), false);
            let by_id = |id: &str| decision(&policy, question, id);
            match explanation.verdict {
                Verdict::Decided(effect, _) => {
                    for id in question.topic.split('/').chain(["nowhere"]) {
                        prop_assert_eq!(by_id(id), (effect, decider(&explanation)), "{:?} {}", question, id);
                    }
                }
                Verdict::NeedsClientId => {
                    let depends = question.topic.split('/').any(|id| {
                        by_id(id).1.is_some_and(|(_, topic)| topic.is_some_and(|topic| topic.contains("%c")))
                    });
                    prop_assert!(depends, "{:?}", question);
                    let mut others = explanation.others.iter();
                    let first = others.find(|other| other.why != WhyNot::MalformedAcl);
                    prop_assert_eq!(first.unwrap().why, WhyNot::NeedsClientId);
                }
            }
        }
    }
}

fn decision(
    policy: &Policy,
    question: &Question,
    clientid: &str,
) -> (Effect, Option<(String, Option<String>)>) {
    let decision = policy.authorize(&request(question, Some(clientid)));
    (decision.effect, because(&decision.reason))
}
