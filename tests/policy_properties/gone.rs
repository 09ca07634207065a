//! What was deleted is gone at once, also where records still link to it: held against a plain model, through any
//! history of making, deleting, making again, undoing, forgetting and sweeping.

use std::collections::{BTreeMap, BTreeSet};

use mosquitto_dynsec::policy::{
    Acl, AclRequest, AclType, Action, Client, Compat, Difference, Effect, Extra, Group, GroupName, Link,
    Links, Mark, Policy, Priority, Role, RoleName, Subject, Text, Username,
};
use mosquitto_dynsec::store;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::snapshot::{assert_invariants, client_as_seen};

/// Which roles each group has, and which roles and groups each client, by number.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    roles: BTreeSet<usize>,
    groups: BTreeMap<usize, BTreeSet<usize>>,
    clients: BTreeMap<usize, (BTreeSet<usize>, BTreeSet<usize>)>,
    /// What was deleted last, as it was.
    deleted: (BTreeMap<usize, Role>, BTreeMap<usize, Group>),
}

#[derive(Clone, Debug)]
enum Step {
    MakeRole(usize),
    /// A role or group is put again that was deleted, by somebody who has kept the record.
    MakeRoleAgain(usize),
    MakeGroupAgain(usize),
    DeleteRole(usize),
    MakeGroup(usize, BTreeSet<usize>),
    DeleteGroup(usize),
    PutClient(usize, BTreeSet<usize>, BTreeSet<usize>),
    DeleteClient(usize),
    /// A record is put again as it stands there, with another text.
    TouchClient(usize),
    TouchGroup(usize),
    /// A role or group is added to what stands there.
    GiveRole(usize, usize),
    GiveGroup(usize, usize),
    Mark,
    /// Back to one of the marks.
    Undo(prop::sample::Index),
    /// The history before one of the marks is forgotten.
    Keep(prop::sample::Index),
    Sweep(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..3_usize;
    let some = || prop::collection::btree_set(0..3_usize, 0..3);
    prop_oneof![
        3 => number().prop_map(Step::MakeRole),
        1 => number().prop_map(Step::MakeRoleAgain),
        1 => number().prop_map(Step::MakeGroupAgain),
        3 => number().prop_map(Step::DeleteRole),
        2 => (number(), some()).prop_map(|(group, roles)| Step::MakeGroup(group, roles)),
        2 => number().prop_map(Step::DeleteGroup),
        3 => (number(), some(), some()).prop_map(|(client, roles, groups)| Step::PutClient(client, roles, groups)),
        1 => number().prop_map(Step::DeleteClient),
        1 => number().prop_map(Step::TouchClient),
        1 => number().prop_map(Step::TouchGroup),
        3 => (number(), number()).prop_map(|(client, role)| Step::GiveRole(client, role)),
        3 => (number(), number()).prop_map(|(client, group)| Step::GiveGroup(client, group)),
        3 => Just(Step::Mark),
        2 => any::<prop::sample::Index>().prop_map(Step::Undo),
        2 => any::<prop::sample::Index>().prop_map(Step::Keep),
        3 => (1..4_usize).prop_map(Step::Sweep),
    ]
}

fn role_name(number: usize) -> RoleName {
    RoleName::new(format!("r{number}").as_bytes()).unwrap()
}

fn group_name(number: usize) -> GroupName {
    GroupName::new(format!("g{number}").as_bytes()).unwrap()
}

fn username(number: usize) -> Username {
    Username::new(format!("c{number}").as_bytes()).unwrap()
}

fn link<N>(name: N) -> Link<N> {
    Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() }
}

fn role(number: usize) -> Role {
    let mut role = Role::new(role_name(number));
    role.add_acl(
        AclType::PublishClientSend,
        Acl::new(format!("t{number}").as_bytes(), Priority::DEFAULT_ACL, true),
    );
    role
}

fn group(number: usize, roles: &BTreeSet<usize>) -> Group {
    let roles = Links::from_given(roles.iter().map(|role| link(role_name(*role))));
    Group { roles, ..Group::new(group_name(number)) }
}

fn client(number: usize, roles: &BTreeSet<usize>, groups: &BTreeSet<usize>) -> Client {
    Client {
        roles: Links::from_given(roles.iter().map(|role| link(role_name(*role)))),
        groups: Links::from_given(groups.iter().map(|group| link(group_name(*group)))),
        ..Client::new(username(number))
    }
}

impl Model {
    /// A policy that was never anything else.
    fn policy(&self) -> Policy {
        let mut policy = Policy::new(Compat::V2_1);
        for number in &self.roles {
            policy.put_role(role(*number));
        }
        for (number, roles) in &self.groups {
            policy.put_group(group(*number, roles)).unwrap();
        }
        for (number, (roles, groups)) in &self.clients {
            policy.put_client(client(*number, roles, groups)).unwrap();
        }
        policy
    }

    /// Takes one step in both.
    fn step(&mut self, step: &Step, policy: &mut Policy) {
        match step {
            Step::MakeRole(number) => {
                self.roles.insert(*number);
                policy.put_role(role(*number));
            }
            Step::MakeRoleAgain(number) => {
                let Some(role) = self.deleted.0.get(number) else { return };
                self.roles.insert(*number);
                policy.put_role(role.clone());
            }
            Step::MakeGroupAgain(number) => {
                let Some(group) = self.deleted.1.get(number) else { return };
                self.groups.insert(*number, BTreeSet::new());
                policy.put_group(Group { roles: Links::default(), ..group.clone() }).unwrap();
            }
            Step::DeleteRole(number) => {
                let present = policy.role(role_name(*number).as_bytes());
                self.deleted.0.extend(present.map(|role| (*number, Role::clone(role))));
                self.roles.remove(number);
                self.groups.values_mut().for_each(|roles| _ = roles.remove(number));
                self.clients.values_mut().for_each(|(roles, _)| _ = roles.remove(number));
                policy.remove_role(&role_name(*number));
            }
            Step::MakeGroup(number, roles) => {
                let roles = roles & &self.roles;
                policy.put_group(group(*number, &roles)).unwrap();
                self.groups.insert(*number, roles);
            }
            Step::DeleteGroup(number) => {
                let present = policy.group(group_name(*number).as_bytes());
                self.deleted.1.extend(present.map(|group| (*number, Group::clone(group))));
                self.groups.remove(number);
                self.clients.values_mut().for_each(|(_, groups)| _ = groups.remove(number));
                policy.remove_group(&group_name(*number));
            }
            Step::PutClient(number, roles, groups) => {
                let (roles, groups) = (roles & &self.roles, groups & &self.groups.keys().copied().collect());
                policy.put_client(client(*number, &roles, &groups)).unwrap();
                self.clients.insert(*number, (roles, groups));
            }
            Step::DeleteClient(number) => {
                self.clients.remove(number);
                policy.remove_client(&username(*number));
            }
            Step::TouchClient(number) => {
                if let Some(present) = policy.client(username(*number).as_bytes()) {
                    let touched = Client::clone(present).with_text_name(Some(Text::new(b"touched")));
                    policy.put_client(touched).unwrap();
                    // The model knows no texts.
                    let again = Client::clone(policy.client(username(*number).as_bytes()).unwrap());
                    policy.put_client(again.with_text_name(None)).unwrap();
                }
            }
            Step::TouchGroup(number) => {
                if let Some(present) = policy.group(group_name(*number).as_bytes()) {
                    policy.put_group(Group::clone(present)).unwrap();
                }
            }
            Step::GiveRole(number, role) => {
                let Some((roles, _)) = self.clients.get_mut(number) else { return };
                if self.roles.contains(role) && roles.insert(*role) {
                    let present =
                        client_as_seen(policy, policy.client(username(*number).as_bytes()).unwrap());
                    let roles = present.roles.with(link(role_name(*role))).unwrap();
                    policy.put_client(Client { roles, ..present }).unwrap();
                }
            }
            Step::GiveGroup(number, group) => {
                let Some((_, groups)) = self.clients.get_mut(number) else { return };
                if self.groups.contains_key(group) && groups.insert(*group) {
                    let present =
                        client_as_seen(policy, policy.client(username(*number).as_bytes()).unwrap());
                    let groups = present.groups.with(link(group_name(*group))).unwrap();
                    policy.put_client(Client { groups, ..present }).unwrap();
                }
            }
            Step::Mark | Step::Undo(_) | Step::Keep(_) | Step::Sweep(_) => {}
        }
    }

    /// Whether the policy is this, for whoever asks it, writes it down or compares it.
    fn assert_is(&self, policy: &mut Policy) {
        let mut plain = self.policy();
        let written = |policy: &Policy| String::from_utf8(store::write(&policy.snapshot())).unwrap();
        assert_eq!(written(policy), written(&plain));
        assert!(
            policy
                .clients()
                .map(|client| client_as_seen(policy, client))
                .eq(plain.clients().map(|it| Client::clone(it)))
        );
        for number in 0..3 {
            let (role, group) = (role_name(number), group_name(number));
            assert_eq!(policy.holders_of_role(role.as_bytes()), plain.holders_of_role(role.as_bytes()));
            assert_eq!(policy.holders_of_group(group.as_bytes()), plain.holders_of_group(group.as_bytes()));
            for client in 0..3 {
                let (username, topic) = (username(client), format!("t{number}"));
                let subject = Subject::known(Some(username.as_bytes()), None);
                let action = Action::PublishClientSend;
                let request = AclRequest { subject, action, topic: topic.as_bytes() };
                let effect = |policy: &Policy| policy.authorize(&request).effect == Effect::Allow;
                assert_eq!(effect(policy), effect(&plain));
                let held = |policy: &Policy| {
                    let held = policy.held_roles(Some(username.as_bytes()));
                    held.map(|held| held.iter().map(|held| held.role.name.clone()).collect::<Vec<_>>())
                };
                assert_eq!(held(policy), held(&plain));
            }
        }
        assert_eq!(plain.become_like(&self.policy()), Difference::default());
        assert_invariants(policy);
    }
}

/// Nothing links to anything that is not there, also not where nobody looks.
fn assert_swept(policy: &Policy) {
    for client in policy.clients() {
        assert_eq!(client_as_seen(policy, client), **client);
    }
    for group in policy.groups() {
        assert_eq!(policy.group_there(group).into_owned(), **group);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_deleted_is_gone_whatever_happens(steps in vec(step(), 1..80)) {
        let (mut policy, mut model) = (Policy::new(Compat::V2_1), Model::default());
        let mut history: Vec<(Mark, Model)> = Vec::new();
        for step in &steps {
            model.step(step, &mut policy);
            match step {
                Step::Mark => history.push((policy.mark(), model.clone())),
                Step::Undo(index) if !history.is_empty() => {
                    history.truncate(index.index(history.len()) + 1);
                    let (mark, then) = history.last().unwrap();
                    policy.undo_to(*mark);
                    model = then.clone();
                }
                Step::Keep(index) if !history.is_empty() => {
                    history.drain(..index.index(history.len()));
                    policy.keep_to(history[0].0);
                }
                Step::Sweep(most) => {
                    let generation = policy.generation();
                    policy.sweep(*most);
                    prop_assert_eq!(policy.generation(), generation, "what was decided stays decided");
                }
                _ => {}
            }
            model.assert_is(&mut policy);
        }
        // Reading the file again finds nothing to do.
        let mut again = model.policy();
        again.set_change_index(policy.change_index());
        prop_assert_eq!(policy.become_like(&again), Difference::default());
        model.assert_is(&mut policy);
        policy.keep();
        while policy.sweep(2) {}
        prop_assert!(!policy.is_to_be_swept());
        assert_swept(&policy);
        model.assert_is(&mut policy);
    }
}
