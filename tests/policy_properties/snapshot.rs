//! All that a policy holds, copied, so that it can be compared with what it holds later.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mosquitto_dynsec::policy::{
    Acl, AclType, Client, Compat, DefaultAccess, Extra, Group, GroupName, Holders, Links, Policy, Role,
    RoleName,
};

/// A copy of all that can be seen of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) clients: Vec<Client>,
    pub(crate) groups: Vec<Group>,
    pub(crate) roles: Vec<Role>,
    anonymous_group: Option<Vec<u8>>,
    default_access: DefaultAccess,
    change_index: i64,
    pub(crate) extra: Extra,
    members: BTreeMap<Vec<u8>, Vec<(Vec<u8>, i32)>>,
    holders: BTreeMap<Vec<u8>, Holders>,
}

impl Snapshot {
    pub(crate) fn of(policy: &Policy) -> Self {
        let groups: Vec<Group> = policy.groups().map(|group| group_as_seen(policy, group)).collect();
        let roles: Vec<Role> = policy.roles().map(|role| Role::clone(role)).collect();
        let members = |group: &Group| {
            let members = policy.members(group.name.as_bytes());
            members.map(|(client, link)| (client.username.as_bytes().to_vec(), link.priority.get())).collect()
        };
        Self {
            clients: policy.clients().map(|client| client_as_seen(policy, client)).collect(),
            members: groups.iter().map(|group| (group.name.as_bytes().to_vec(), members(group))).collect(),
            holders: roles
                .iter()
                .map(|role| (role.name.as_bytes().to_vec(), policy.holders_of_role(role.name.as_bytes())))
                .collect(),
            groups,
            roles,
            anonymous_group: policy.anonymous_group().map(|group| group.name.as_bytes().to_vec()),
            default_access: policy.default_access(),
            change_index: policy.change_index(),
            extra: policy.extra().clone(),
        }
    }

    /// A policy with the same records that knows of no change.
    pub(crate) fn rebuilt(&self, compat: Compat) -> Policy {
        let mut policy = Policy::new(compat);
        for role in &self.roles {
            let mut again = Role::new(role.name.clone());
            again.allow_wildcard_subs = role.allow_wildcard_subs;
            let acls = AclType::ALL
                .into_iter()
                .flat_map(|acl_type| role.acls(acl_type).iter().map(move |acl| (acl_type, Acl::clone(acl))));
            again.set_acls(acls, compat);
            policy.put_role(again);
        }
        for group in &self.groups {
            policy.put_group(group.clone()).unwrap();
        }
        for client in &self.clients {
            policy.put_client(client.clone()).unwrap();
        }
        if let Some(name) = &self.anonymous_group {
            policy.set_anonymous_group(&GroupName::new(name).unwrap()).unwrap();
        }
        policy.set_default_access(self.default_access);
        policy
    }

    /// What a client may do and how it must log in, apart from the default access and from whether it
    /// is enabled.
    pub(crate) fn rights_of(&self, username: &[u8]) -> Option<String> {
        let client = self.clients.iter().find(|client| client.username.as_bytes() == username)?;
        let mut rights = format!("{:?} {:?}\n", client.clientid(), client.password);
        self.write_roles(&client.roles, &mut rights);
        for link in &client.groups {
            rights.push_str("group\n");
            let group = self.groups.iter().find(|group| group.name == link.name).unwrap();
            self.write_roles(&group.roles, &mut rights);
        }
        Some(rights)
    }

    /// What anonymous clients may do, apart from the default access.
    pub(crate) fn rights_of_anonymous(&self) -> String {
        let mut rights = String::new();
        let name = self.anonymous_group.as_deref();
        if let Some(group) = self.groups.iter().find(|group| Some(group.name.as_bytes()) == name) {
            self.write_roles(&group.roles, &mut rights);
        }
        rights
    }

    fn write_roles(&self, links: &Links<RoleName>, rights: &mut String) {
        for link in links {
            let role = self.roles.iter().find(|role| role.name == link.name).unwrap();
            writeln!(rights, "role {}", role.allow_wildcard_subs).unwrap();
            for acl in AclType::ALL.into_iter().flat_map(|acl_type| role.acls(acl_type).iter()) {
                writeln!(rights, "acl {:?} {} {}", acl.topic, acl.priority.get(), acl.allow).unwrap();
            }
        }
    }

    /// Whether anything has or links to that name.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        format!("{self:?}").contains(&format!("{name:?}"))
    }
}

/// A client without the links to what was deleted, which are in no answer.
pub(crate) fn client_as_seen(policy: &Policy, client: &Client) -> Client {
    policy.client_there(client).into_owned()
}

fn group_as_seen(policy: &Policy, group: &Group) -> Group {
    policy.group_there(group).into_owned()
}

/// Checks what must hold of every policy.
pub(crate) fn assert_invariants(policy: &Policy) {
    assert_links(policy);
    assert_order(policy);
    assert_relations(policy);
}

/// Every link resolves, none is there twice, and they are in the order in which they are asked.
fn assert_links(policy: &Policy) {
    for client in policy.clients().map(|client| client_as_seen(policy, client)) {
        let roles: Vec<_> =
            client.roles.iter().map(|link| (link.priority.get(), link.name.as_bytes())).collect();
        let groups: Vec<_> =
            client.groups.iter().map(|link| (link.priority.get(), link.name.as_bytes())).collect();
        assert!(roles.iter().all(|(_, name)| policy.role(name).is_some()), "{client:?}");
        assert!(groups.iter().all(|(_, name)| policy.group(name).is_some()), "{client:?}");
        assert_asked_in_order(&roles);
        assert_asked_in_order(&groups);
    }
    for group in policy.groups().map(|group| group_as_seen(policy, group)) {
        let roles: Vec<_> =
            group.roles.iter().map(|link| (link.priority.get(), link.name.as_bytes())).collect();
        assert!(roles.iter().all(|(_, name)| policy.role(name).is_some()), "{group:?}");
        assert_asked_in_order(&roles);
    }
}

fn assert_asked_in_order(links: &[(i32, &[u8])]) {
    for pair in links.windows(2) {
        let [(first, name), (second, next)] = pair else { unreachable!("windows of two") };
        assert!(first > second || (first == second && name < next), "{links:?}");
    }
    let mut names: Vec<_> = links.iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), links.len(), "a name is linked twice");
}

/// Records by name, ACLs by priority and once for each topic; all are found by name.
fn assert_order(policy: &Policy) {
    let clients: Vec<_> = policy.clients().map(|client| client.username.as_bytes()).collect();
    let groups: Vec<_> = policy.groups().map(|group| group.name.as_bytes()).collect();
    let roles: Vec<_> = policy.roles().map(|role| role.name.as_bytes()).collect();
    for names in [&clients, &groups, &roles] {
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }
    assert_eq!(policy.clients().len(), clients.len());
    assert!(clients.iter().all(|name| policy.client(name).unwrap().username.as_bytes() == *name));
    assert!(groups.iter().all(|name| policy.group(name).unwrap().name.as_bytes() == *name));
    assert!(roles.iter().all(|name| policy.role(name).unwrap().name.as_bytes() == *name));
    for role in policy.roles() {
        for acl_type in AclType::ALL {
            let acls: Vec<_> = role.acls(acl_type).iter().collect();
            assert!(acls.windows(2).all(|pair| pair[0].priority >= pair[1].priority), "{acls:?}");
            assert_eq!(role.acls(acl_type).len(), acls.len());
            for acl in &acls {
                assert_eq!(acls.iter().filter(|other| other.topic == acl.topic).count(), 1);
                assert_eq!(policy.acl(role.name.as_bytes(), acl_type, &acl.topic), Some(*acl));
            }
        }
    }
}

/// Who is in a group and who has a role is what the records say.
fn assert_relations(policy: &Policy) {
    let anonymous = policy.anonymous_group().map(|group| group.name.clone());
    let clients: Vec<Client> = policy.clients().map(|client| client_as_seen(policy, client)).collect();
    for group in policy.groups() {
        let name = group.name.as_bytes();
        let said: Vec<_> = policy.members(name).map(|(client, link)| (&client.username, link)).collect();
        let found: Vec<_> =
            clients.iter().filter_map(|client| Some((&client.username, client.groups.get(name)?))).collect();
        assert_eq!(said, found);
        let holders = policy.holders_of_group(name);
        assert!(holders.clients.iter().eq(found.iter().map(|(username, _)| *username)));
        assert_eq!(holders.anonymous, anonymous.as_ref() == Some(&group.name));
    }
    for role in policy.roles() {
        let name = role.name.as_bytes();
        let in_group = |group: &Group| policy.roles_there(&group.roles).get(name).is_some();
        let holds = |client: &Client| {
            let mut through = client.groups.iter().filter_map(|link| policy.group(link.name.as_bytes()));
            client.roles.get(name).is_some() || through.any(|group| in_group(group))
        };
        let holders = policy.holders_of_role(name);
        let found = clients.iter().filter(|client| holds(client)).map(|client| &client.username);
        assert!(holders.clients.iter().eq(found), "{role:?}: {holders:?}");
        assert_eq!(holders.anonymous, policy.anonymous_group().is_some_and(|group| in_group(group)));
    }
}
