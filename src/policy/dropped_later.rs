//! What is left of roles that were deleted, and of what was merged of roles: of a large one it takes as long to be dropped as
//! it took to be made, and whoever deletes it is not to wait for that.

use std::mem;
use std::sync::Arc;

use super::matcher::RoleIndex;
use super::merging::Merged;
use super::{AclType, Mark, Policy, Role};

/// From how many ACLs on something is dropped elsewhere.
pub(super) const LARGE: usize = 256;

/// Deleted roles that somebody may still want back, or that nobody has dropped yet.
#[derive(Debug, Default)]
pub(super) struct DroppedLater(Vec<Deleted>);

#[derive(Debug)]
struct Deleted {
    /// Once the history does not go back to this, nobody wants it back.
    since: Mark,
    role: Arc<Role>,
    index: RoleIndex,
}

/// What nobody wants back. To drop it may take long, and any thread may do that.
#[derive(Debug)]
#[expect(dead_code, reason = "what there is of it is dropped")]
pub struct ToDrop {
    roles: Vec<Deleted>,
    merged: Vec<Merged>,
}

impl DroppedLater {
    /// A role was deleted.
    pub(super) fn add(&mut self, role: &Arc<Role>, index: RoleIndex, since: Mark) {
        let acls = AclType::ALL.map(|acl_type| role.acls(acl_type).len());
        if acls.into_iter().fold(0, usize::saturating_add) >= LARGE {
            self.0.push(Deleted { since, role: Arc::clone(role), index });
        }
    }

    /// The role that was deleted last can be wanted back until the history has forgotten this.
    pub(super) fn keep_last_until(&mut self, since: Mark) {
        if let Some(last) = self.0.last_mut() {
            last.since = last.since.max(since);
        }
    }

    /// The history ends there now: nothing can be wanted back for longer.
    pub(super) fn keep_none_beyond(&mut self, end: Mark) {
        for deleted in &mut self.0 {
            deleted.since = deleted.since.min(end);
        }
    }

    /// The index of a role that comes back.
    pub(super) fn take_back(&mut self, role: &Arc<Role>) -> Option<RoleIndex> {
        let at = self.0.iter().position(|deleted| Arc::ptr_eq(&deleted.role, role))?;
        Some(self.0.swap_remove(at).index)
    }
}

impl Policy {
    /// Whether there is something for [`Self::take_droppable`].
    #[must_use]
    pub fn has_droppable(&self) -> bool {
        let is_for_good = |deleted: &Deleted| self.journal.is_forgotten(deleted.since);
        !self.merged.to_drop.is_empty() || self.dropped_later.0.iter().any(is_for_good)
    }

    /// What is left of large roles that were deleted for good, and of large ones that were merged.
    #[must_use]
    pub fn take_droppable(&mut self) -> ToDrop {
        let journal = &self.journal;
        let roles =
            self.dropped_later.0.extract_if(.., |deleted| journal.is_forgotten(deleted.since)).collect();
        ToDrop { roles, merged: mem::take(&mut self.merged.to_drop) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;
    use crate::policy::{Acl, Compat, Priority, RoleName};

    fn goes_anywhere<T: Send + 'static>(_: &T) {}

    /// A policy with the role `r`.
    fn policy(acls: usize) -> (Policy, RoleName, Weak<Role>) {
        let mut policy = Policy::new(Compat::V2_1);
        let name = RoleName::new(b"r").unwrap();
        let mut role = Role::new(name.clone());
        let acl = |number: usize| Acl::new(format!("a/{number}").as_bytes(), Priority::DEFAULT_ACL, true);
        role.set_acls((0..acls).map(|number| (AclType::PublishClientSend, acl(number))), Compat::V2_1);
        policy.put_role(role);
        policy.keep();
        let role = Arc::downgrade(policy.role(b"r").unwrap());
        (policy, name, role)
    }

    #[test]
    fn a_large_role_is_left_for_somebody_else_to_drop_once_it_cannot_come_back() {
        let (mut policy, name, role) = policy(LARGE);
        policy.remove_role(&name);
        let deleted = policy.mark();
        assert!(!policy.has_droppable() && policy.take_droppable().roles.is_empty(), "it can come back");
        policy.put_role(Role::new(name.clone()));
        policy.keep_to(deleted);
        assert!(policy.has_droppable() && role.upgrade().is_some());
        let remains = policy.take_droppable();
        assert!(!policy.has_droppable());
        assert_eq!((role.strong_count(), remains.roles.len()), (1, 1), "nothing else has it");
        goes_anywhere(&remains);
        drop(remains);
        assert!(role.upgrade().is_none());
    }

    #[test]
    fn a_small_one_is_gone_at_once() {
        let (mut policy, name, role) = policy(LARGE - 1);
        policy.remove_role(&name);
        policy.keep();
        assert!(!policy.has_droppable() && role.upgrade().is_none());
    }

    #[test]
    fn one_that_comes_back_decides_as_before() {
        let (mut policy, name, role) = policy(LARGE);
        let acl = |policy: &Policy| policy.acl(b"r", AclType::PublishClientSend, b"a/7").cloned();
        let before = acl(&policy).unwrap();
        let mark = policy.mark();
        policy.remove_role(&name);
        // Another one of that name, also large, comes and goes in between.
        policy.put_role(Role::clone(&role.upgrade().unwrap()));
        policy.remove_role(&name);
        assert!(acl(&policy).is_none());
        policy.undo_to(mark);
        assert!(Arc::ptr_eq(&before, &acl(&policy).unwrap()));
        assert!(Arc::ptr_eq(&role.upgrade().unwrap(), policy.role(b"r").unwrap()));
        policy.keep();
        let others = policy.take_droppable();
        assert_eq!(others.roles.len(), 1, "that one is left");
        drop(others);
        assert!(acl(&policy).is_some());
    }
}
