//! [`Edit`]: in what a policy differs from what it is to be, found out from snapshots of both, by whatever thread.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::hash::Hash;
use std::iter;
use std::sync::Arc;

use super::crowd::{Crowd, FEW, is_in};
use super::deleted_but_named::DeletedButNamed;
use super::name::Linked;
use super::table::Named;
use super::{
    AclType, Client, DefaultAccess, Extra, Group, GroupName, Holders, Links, Role, RoleName, Snapshot,
    Username,
};

/// What is told of the difference between two policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// How many clients, groups and roles are new, gone or not what they were.
    pub records: usize,
    /// Whose rights or login it changes, as far as they are few. Nobody is concerned by texts, or by the default access,
    /// which is nobody's own.
    pub concerned: Holders,
    /// Those whom other roles or groups concern, where they are many.
    pub crowd: Option<Crowd>,
    /// How many clients it concerns in all.
    pub clients: usize,
}

/// What makes a policy another one, record by record. Records that are the same in both are not in it.
#[derive(Debug)]
pub struct Edit {
    /// What the policy was when the snapshot was taken.
    pub(super) generation: u64,
    pub(super) roles: Vec<Role>,
    pub(super) groups: Vec<Group>,
    pub(super) clients: Vec<Client>,
    pub(super) gone_roles: Vec<RoleName>,
    pub(super) gone_groups: Vec<GroupName>,
    pub(super) gone_clients: Vec<Username>,
    pub(super) default_access: DefaultAccess,
    pub(super) anonymous_group: Option<GroupName>,
    pub(super) change_index: i64,
    pub(super) extra: Extra,
    pub(super) deleted_but_named: DeletedButNamed,
    pub(super) difference: Difference,
}

impl Edit {
    /// What makes a policy that was `now` the policy that was `new`.
    #[must_use]
    pub fn between(now: &Snapshot, new: &Snapshot) -> Self {
        let mut edit = Self {
            generation: now.generation,
            roles: Vec::new(),
            groups: Vec::new(),
            clients: Vec::new(),
            gone_roles: Vec::new(),
            gone_groups: Vec::new(),
            gone_clients: Vec::new(),
            default_access: new.default_access,
            anonymous_group: new.anonymous_group.clone(),
            change_index: new.change_index,
            extra: new.extra.clone(),
            deleted_but_named: new.deleted_but_named.clone(),
            difference: Difference::default(),
        };
        let roles = edit.compare_roles(now, new);
        let groups = edit.compare_groups(now, new, &roles);
        edit.compare_clients(now, new, &roles, &groups);
        let concerned = &mut edit.difference.concerned;
        concerned.anonymous = now.anonymous_group != new.anonymous_group
            || now.anonymous_group().is_some_and(|group| groups.contains(&group.name));
        let records = [
            (edit.roles.len(), edit.gone_roles.len()),
            (edit.groups.len(), edit.gone_groups.len()),
            (edit.clients.len(), edit.gone_clients.len()),
        ];
        edit.difference.records = records
            .into_iter()
            .fold(0, |sum: usize, (new, gone)| sum.saturating_add(new).saturating_add(gone));
        edit
    }

    /// Says which roles decide otherwise from now on, or not at all.
    fn compare_roles(&mut self, now: &Snapshot, new: &Snapshot) -> HashSet<RoleName> {
        let mut touched = HashSet::new();
        for pair in side_by_side(now.roles(), new.roles()) {
            match pair {
                (Some(old), Some(new)) if old == new => {}
                (Some(old), Some(new)) => {
                    self.roles.push(Role::clone(new));
                    if decides_otherwise(old, new) {
                        touched.insert(old.name.clone());
                    }
                }
                (Some(old), None) => {
                    self.gone_roles.push(old.name.clone());
                    touched.insert(old.name.clone());
                }
                (None, new) => self.roles.extend(new.map(|new| Role::clone(new))),
            }
        }
        touched
    }

    /// Says which groups have other roles from now on, or none since they are gone, and which have one of those roles.
    fn compare_groups(
        &mut self,
        now: &Snapshot,
        new: &Snapshot,
        roles: &HashSet<RoleName>,
    ) -> HashSet<GroupName> {
        let mut touched = HashSet::new();
        for (old, other) in side_by_side(now.groups(), new.groups()) {
            let other = other.map(|other| new.group_there(other));
            let Some(old) = old else {
                self.groups.extend(other.map(Cow::into_owned));
                continue;
            };
            let there = now.group_there(old);
            if has_one_of(roles, &there.roles)
                || other.as_ref().is_none_or(|other| !are_the_same(&there.roles, &other.roles))
            {
                touched.insert(old.name.clone());
            }
            match other {
                Some(other) if there == other => {}
                Some(other) => self.groups.push(other.into_owned()),
                None => self.gone_groups.push(old.name.clone()),
            }
        }
        touched
    }

    /// Whoever has one of these roles or groups is concerned, too.
    fn compare_clients(
        &mut self,
        now: &Snapshot,
        new: &Snapshot,
        roles: &HashSet<RoleName>,
        groups: &HashSet<GroupName>,
    ) {
        let mut holders = Vec::new();
        let mut count = 0_usize;
        let Difference { concerned, clients, .. } = &mut self.difference;
        for (old, other) in side_by_side(now.clients(), new.clients()) {
            let other = other.map(|other| new.client_there(other));
            let Some(old) = old else {
                self.clients.extend(other.map(Cow::into_owned));
                continue;
            };
            let is_holder = has_one_of(roles, &old.roles) || has_one_of(groups, &old.groups);
            if is_holder {
                count = count.saturating_add(1);
                if count <= FEW {
                    holders.push(old.username.clone());
                }
            }
            let there = now.client_there(old);
            let mut is_by_itself = false;
            match other {
                Some(other) if there == other => {}
                Some(other) => {
                    is_by_itself = is_concerned(&there, &other);
                    self.clients.push(other.into_owned());
                }
                None => {
                    is_by_itself = true;
                    self.gone_clients.push(old.username.clone());
                }
            }
            if is_by_itself {
                concerned.clients.insert(old.username.clone());
            }
            *clients = clients.saturating_add(usize::from(is_holder || is_by_itself));
        }
        if count <= FEW {
            concerned.clients.extend(holders);
        } else {
            self.difference.crowd = Some(now.crowd(roles.clone(), groups.clone()));
        }
    }
}

fn has_one_of<N: Linked + Hash>(names: &HashSet<N>, links: &Links<N>) -> bool {
    !names.is_empty() && links.iter().any(|link| is_in(names, &link.name))
}

fn decides_otherwise(old: &Role, new: &Role) -> bool {
    old.allow_wildcard_subs != new.allow_wildcard_subs
        || AclType::ALL.iter().any(|acl_type| old.acls(*acl_type) != new.acls(*acl_type))
}

fn is_concerned(old: &Client, new: &Client) -> bool {
    (&old.password, old.clientid(), old.disabled) != (&new.password, new.clientid(), new.disabled)
        || !are_the_same(&old.roles, &new.roles)
        || !are_the_same(&old.groups, &new.groups)
}

/// Whether they decide the same: what else the file says of a link does not count.
fn are_the_same<N: Ord>(one: &Links<N>, other: &Links<N>) -> bool {
    fn plain<N: Ord>(links: &Links<N>) -> BTreeSet<(&N, i32)> {
        links.iter().map(|link| (&link.name, link.priority.get())).collect()
    }
    plain(one) == plain(other)
}

/// A record as it is, and as it is to be.
type Pair<'r, R> = (Option<&'r Arc<R>>, Option<&'r Arc<R>>);

/// Records of both sides by their names, those of one name together; each side is in the order of its names.
fn side_by_side<'r, R: Named + 'r>(
    old: impl Iterator<Item = &'r Arc<R>>,
    new: impl Iterator<Item = &'r Arc<R>>,
) -> impl Iterator<Item = Pair<'r, R>> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    iter::from_fn(move || {
        let order = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => old.name().cmp(new.name()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        Some((old.next_if(|_| order.is_le()), new.next_if(|_| order.is_ge())))
    })
}
