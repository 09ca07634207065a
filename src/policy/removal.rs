//! Taking groups and roles away. Those who have them keep links that lead nowhere (`gone.rs`).

use super::{GroupName, Policy, RoleName};

impl Policy {
    /// Takes a group away, and its members out of it. The anonymous group stays ([`Self::anonymous_group`]
    /// must be changed first).
    pub fn remove_group(&mut self, name: &GroupName) {
        if self.anonymous_group().is_some_and(|group| group.name == *name) {
            return;
        }
        self.replace_group(name, None);
    }

    /// Takes a role away, also from every client and group that has it.
    pub fn remove_role(&mut self, name: &RoleName) {
        self.replace_role(name, None);
        self.revoke_role(name);
    }
}
