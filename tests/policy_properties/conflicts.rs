//! `Policy::lint` names two roles whose order matters only where it does.

use mosquitto_dynsec::policy::{
    AclRequest, AclType, Action, Effect, Finding, Holder, Policy, RoleAcl, RoleName, Subject,
};
use proptest::prelude::*;

use crate::decisions::any_model;
use crate::effective::examples;
use crate::evaluation::{Model, USERNAME};

/// The same policy, in which the client has these two roles only, in this order.
fn with_roles(model: &Model, roles: [usize; 2]) -> Policy {
    let [first, second] = roles;
    Model { client_roles: vec![(first, 1), (second, 0)], client_groups: Vec::new(), ..model.clone() }.policy()
}

fn number(name: &RoleName) -> usize {
    name.to_string().trim_start_matches('r').parse().unwrap()
}

/// What ACLs match, for the client.
fn asked(acls: [&RoleAcl<'_>; 2]) -> Vec<(Action, String)> {
    let mut asked = Vec::new();
    for RoleAcl { acl_type, acl, .. } in acls {
        let topic = std::str::from_utf8(&acl.topic).unwrap();
        let action = Action::ALL.into_iter().find(|action| action.acl_types().contains(acl_type)).unwrap();
        let is_of_topics = matches!(acl_type, AclType::PublishClientSend | AclType::PublishClientReceive);
        let examples = if acl_type.is_literal() { vec![topic.to_owned()] } else { examples(topic) };
        let fitting = examples.into_iter().filter(|topic| !is_of_topics || !topic.contains(['+', '#']));
        asked.extend(fitting.map(|topic| (action, topic)));
    }
    asked
}

fn decide(policy: &Policy, (action, topic): &(Action, String)) -> Effect {
    let subject = Subject::known(Some(USERNAME.as_bytes()), Some(b"mine"));
    policy.authorize(&AclRequest { subject, action: *action, topic: topic.as_bytes() }).effect
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_other_order_of_roles_that_disagree_decides_otherwise(model in any_model()) {
        let policy = model.policy();
        for finding in policy.lint(0).findings {
            let Finding::Conflict(first, second, Some(holder)) = &finding else { continue };
            let [one, two] = [first, second].map(|acl| number(&acl.role.name));
            // Somebody of another name might be in the group.
            let is_by_name = [one, two].iter().any(|role| model.roles[*role].iter().any(|acl| acl.1.contains('%')));
            if matches!(holder, Holder::Group(_)) && is_by_name {
                continue;
            }
            let [as_it_is, swapped] = [[one, two], [two, one]].map(|roles| with_roles(&model, roles));
            let mut asked = asked([first, second]).into_iter();
            let differs = asked.any(|asked| decide(&as_it_is, &asked) != decide(&swapped, &asked));
            prop_assert!(differs, "{:?}", finding);
        }
    }
}
