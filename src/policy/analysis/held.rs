//! The roles that somebody has, in the order in which they are asked.

use crate::policy::matcher::RoleIndex;
use crate::policy::{Acl, AclType, Group, Links, Policy, Priority, Role, RoleName};

/// A role that a client has, at its place in the order of evaluation.
#[derive(Clone, Copy, Debug)]
pub struct HeldRole<'a> {
    /// The group through which the client has it, if it is not its own.
    pub group: Option<HeldGroup<'a>>,
    /// The role.
    pub role: &'a Role,
    /// Its priority among the client's, or the group's, roles.
    pub priority: Priority,
    pub(super) index: &'a RoleIndex,
}

/// A group that a client is in.
#[derive(Clone, Copy, Debug)]
pub struct HeldGroup<'a> {
    /// The group.
    pub group: &'a Group,
    /// Its priority among the client's groups; none for the anonymous group, which is the only one.
    pub priority: Option<Priority>,
}

/// An ACL of a role that a client has.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// The role.
    pub held: HeldRole<'a>,
    /// The ACL's type.
    pub acl_type: AclType,
    /// The ACL.
    pub acl: &'a Acl,
}

impl HeldRole<'_> {
    /// Whether both are the same role, had in the same way.
    pub(super) fn is(&self, other: &HeldRole<'_>) -> bool {
        let name = |held: &Self| held.group.map(|group| std::ptr::from_ref(group.group).addr());
        let others = other.group.map(|group| std::ptr::from_ref(group.group).addr());
        std::ptr::eq(self.role, other.role) && name(self) == others
    }

    /// How long its names are.
    pub(super) fn bytes(&self) -> usize {
        let group = self.group.map_or(0, |held| held.group.name.as_bytes().len());
        self.role.name.as_bytes().len().saturating_add(group)
    }
}

impl Rule<'_> {
    /// Whether both are the same ACL, had in the same way.
    pub(super) fn is(&self, other: &Rule<'_>) -> bool {
        std::ptr::eq(self.acl, other.acl) && self.held.is(&other.held)
    }

    /// How long its topic and its role's names are.
    pub(super) fn bytes(&self) -> usize {
        self.acl.topic.len().saturating_add(self.held.bytes())
    }
}

impl Policy {
    /// The roles of the client of that name, or of anonymous clients, first asked first: a client's own,
    /// then those of its groups. `None` if there is no such client.
    #[must_use]
    pub fn held_roles(&self, username: Option<&[u8]>) -> Option<Vec<HeldRole<'_>>> {
        let mut held = Vec::new();
        match username {
            Some(username) => {
                let client = self.client(username)?;
                self.hold(&mut held, &client.roles, None);
                for link in &client.groups {
                    if let Some(group) = self.linked_group(&link.name) {
                        let through = HeldGroup { group, priority: Some(link.priority) };
                        self.hold(&mut held, &group.roles, Some(through));
                    }
                }
            }
            None => {
                if let Some(group) = self.anonymous_group() {
                    self.hold(&mut held, &group.roles, Some(HeldGroup { group, priority: None }));
                }
            }
        }
        Some(held)
    }

    fn hold<'a>(
        &'a self,
        held: &mut Vec<HeldRole<'a>>,
        roles: &'a Links<RoleName>,
        group: Option<HeldGroup<'a>>,
    ) {
        held.extend(roles.iter().filter_map(|link| {
            let (role, index) = self.linked_role(&link.name)?;
            Some(HeldRole { group, role, priority: link.priority, index })
        }));
    }
}
