//! What clients share of what is merged decides for each of them as its own roles do one by one, whatever is changed
//! meanwhile.

use proptest::prelude::*;

use super::tests::{links, merge, role};
use super::*;
use crate::policy::authorize::tests::{acl, topic};
use crate::policy::{
    Acl, AclRequest, AclType, Action, Compat, Effect, Extra, GroupName, Link, Priority, Subject, Username,
};

const CLIENTS: [&str; 3] = ["ann", "bob", "cy"];

fn group_name(number: usize) -> GroupName {
    GroupName::new(format!("g{number}").as_bytes()).unwrap()
}

fn role_name(number: usize) -> RoleName {
    RoleName::new(format!("r{number}").as_bytes()).unwrap()
}

fn publish<'a>(username: &'a str, topic: &'a str) -> AclRequest<'a> {
    let subject = Subject::known(Some(username.as_bytes()), Some(b"dev"));
    AclRequest { subject, action: Action::PublishClientSend, topic: topic.as_bytes() }
}

fn in_groups(username: &str, groups: &[(usize, i32)]) -> Client {
    let groups = groups.iter().map(|(number, priority)| Link {
        name: group_name(*number),
        priority: Priority::new(*priority, Compat::V2_1),
        extra: Extra::default(),
    });
    let client = Client::new(Username::new(username.as_bytes()).unwrap());
    Client { groups: Links::from_given(groups), ..client }
}

/// A walk of the client has earned that its roles are merged, and a tick comes.
fn ask_and_tick(policy: &mut Policy, username: &str) {
    if let Some(client) = policy.client(username.as_bytes()).cloned() {
        merge(policy, &client);
    }
}

/// Roles `r0` to `r2`, of which `r0` allows everything, in group `g0`; a group `g1` that has no roles, and a role `q` that denies
/// everything. Ann is in `g0`; bob too, and before that in `g1`.
fn with_an_empty_group() -> Policy {
    let all = |allow| vec![(AclType::PublishClientSend, Acl::new(b"#", Priority::DEFAULT_ACL, allow))];
    let mut policy = Policy::new(Compat::V2_1);
    for (name, acls) in [("r0", all(true)), ("r1", vec![]), ("r2", vec![]), ("q", all(false))] {
        policy.put_role(role(name, acls, true, Compat::V2_1));
    }
    policy.put_group(Group { roles: links((0..3).map(role_name)), ..Group::new(group_name(0)) }).unwrap();
    policy.put_group(Group::new(group_name(1))).unwrap();
    policy.put_client(in_groups("ann", &[(0, 0)])).unwrap();
    policy.put_client(in_groups("bob", &[(1, 10), (0, 0)])).unwrap();
    policy
}

#[test]
fn a_role_that_a_group_without_roles_gets_counts_also_for_who_has_the_same_roles_as_another_client() {
    let mut policy = with_an_empty_group();
    let may_publish = |policy: &Policy, name| policy.authorize(&publish(name, "x")).effect == Effect::Allow;
    for name in ["ann", "bob"] {
        ask_and_tick(&mut policy, name);
        assert!(may_publish(&policy, name));
    }
    let q = RoleName::new(b"q").unwrap();
    policy.put_group(Group { roles: links([q]), ..Group::new(group_name(1)) }).unwrap();
    for _ in 0..2 {
        assert!(may_publish(&policy, "ann") && !may_publish(&policy, "bob"));
        ask_and_tick(&mut policy, "bob");
    }
}

#[test]
fn a_deletion_that_is_undone_counts_also_for_who_had_the_same_roles_as_another_client() {
    let mut policy = with_an_empty_group();
    let q = RoleName::new(b"q").unwrap();
    policy.put_group(Group { roles: links([q.clone()]), ..Group::new(group_name(1)) }).unwrap();
    let may_publish = |policy: &Policy, name| policy.authorize(&publish(name, "x")).effect == Effect::Allow;
    let mark = policy.mark();
    policy.remove_group(&group_name(1));
    for name in ["ann", "bob"] {
        ask_and_tick(&mut policy, name);
        assert!(may_publish(&policy, name));
    }
    policy.undo_to(mark);
    for _ in 0..2 {
        assert!(may_publish(&policy, "ann") && !may_publish(&policy, "bob"));
        ask_and_tick(&mut policy, "bob");
    }
}

#[derive(Clone, Debug)]
enum Step {
    PutRole(usize, Vec<(AclType, Acl)>, bool),
    RemoveRole(usize),
    PutGroup(usize, Vec<usize>),
    RemoveGroup(usize),
    PutClient(usize, Vec<usize>, Vec<(usize, i32)>),
    Mark,
    Undo,
    Sweep,
    AskAndTick(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let roles = || prop::collection::vec(0..5_usize, 0..5);
    let groups = prop::collection::vec((0..3_usize, 0..3_i32), 0..4);
    let acls = prop::collection::vec(acl(), 0..4);
    prop_oneof![
        2 => (0..5_usize, acls, prop::bool::weighted(0.8)).prop_map(|(role, acls, wildcards)| Step::PutRole(role, acls, wildcards)),
        1 => (0..5_usize).prop_map(Step::RemoveRole),
        3 => (0..3_usize, roles()).prop_map(|(group, roles)| Step::PutGroup(group, roles)),
        1 => (0..3_usize).prop_map(Step::RemoveGroup),
        2 => (0..CLIENTS.len(), roles(), groups).prop_map(|(client, roles, groups)| Step::PutClient(client, roles, groups)),
        1 => Just(Step::Mark),
        1 => Just(Step::Undo),
        1 => Just(Step::Sweep),
        6 => (0..CLIENTS.len()).prop_map(Step::AskAndTick),
    ]
}

/// Takes a step; links to what is not there are left out.
fn take(policy: &mut Policy, step: &Step, mark: &mut crate::policy::Mark) {
    let roles_there = |policy: &Policy, roles: &[usize]| {
        let names = roles.iter().map(|number| role_name(*number));
        links(names.filter(|name| policy.role(name.as_bytes()).is_some()).collect::<Vec<_>>())
    };
    match step {
        Step::PutRole(number, acls, allow_wildcard_subs) => {
            let name = format!("r{number}");
            policy.put_role(role(&name, acls.clone(), *allow_wildcard_subs, policy.compat()));
        }
        Step::RemoveRole(number) => policy.remove_role(&role_name(*number)),
        Step::PutGroup(number, roles) => {
            let roles = roles_there(policy, roles);
            policy.put_group(Group { roles, ..Group::new(group_name(*number)) }).unwrap();
        }
        Step::RemoveGroup(number) => policy.remove_group(&group_name(*number)),
        Step::PutClient(number, roles, groups) => {
            let is_there = |number: &usize| policy.group(group_name(*number).as_bytes()).is_some();
            let groups: Vec<_> = groups.iter().filter(|(number, _)| is_there(number)).copied().collect();
            let roles = roles_there(policy, roles);
            policy.put_client(Client { roles, ..in_groups(CLIENTS[*number], &groups) }).unwrap();
        }
        Step::Mark => *mark = policy.mark(),
        Step::Undo => policy.undo_to(*mark),
        Step::Sweep => {
            policy.keep();
            *mark = policy.mark();
            policy.sweep(3);
        }
        Step::AskAndTick(number) => ask_and_tick(policy, CLIENTS[*number]),
    }
}

fn decisions(policy: &Policy, topics: &[String]) -> Vec<String> {
    let requests = CLIENTS.iter().flat_map(|name| {
        topics
            .iter()
            .flat_map(move |topic| Action::ALL.map(|action| AclRequest { action, ..publish(name, topic) }))
    });
    requests.map(|request| format!("{request:?}: {:?}", policy.authorize(&request))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn through_all_changes_merged_roles_decide_as_they_do_one_by_one(
        steps in prop::collection::vec(step(), 1..25),
        topics in prop::collection::vec(topic(), 1..4),
        compat in prop::sample::select(vec![Compat::V2_0_21, Compat::V2_1]),
    ) {
        let mut policy = Policy::new(compat);
        for number in 0..5 {
            let all = Acl::new(b"#", Priority::new(number, compat), number % 2 == 0);
            let acls = vec![(AclType::PublishClientSend, all)];
            policy.put_role(role(&format!("r{number}"), acls, true, compat));
        }
        policy.put_group(Group { roles: links((0..3).map(role_name)), ..Group::new(group_name(0)) }).unwrap();
        for empty in 1..3 {
            policy.put_group(Group::new(group_name(empty))).unwrap();
        }
        let groups: [&[_]; 3] = [&[(0, 0)], &[(1, 1), (0, 0)], &[(1, 2), (2, 1), (0, 0)]];
        for (name, groups) in CLIENTS.iter().zip(groups) {
            policy.put_client(in_groups(name, groups)).unwrap();
            ask_and_tick(&mut policy, name);
        }
        let mut mark = policy.mark();
        for step in &steps {
            take(&mut policy, step, &mut mark);
            let merged = decisions(&policy, &topics);
            let kept = std::mem::take(&mut policy.merged);
            let one_by_one = decisions(&policy, &topics);
            policy.merged = kept;
            prop_assert_eq!(merged, one_by_one);
        }
    }
}
