//! Taking groups and roles away, also from those who have them.

use super::{Client, Group, GroupName, InertIn, Policy, RoleName, Username};

impl Policy {
    /// Takes a group away, and its members out of it. The anonymous group stays ([`Self::anonymous_group`]
    /// must be changed first).
    pub fn remove_group(&mut self, name: &GroupName) {
        if self.anonymous_group().is_some_and(|group| group.name == *name) {
            return;
        }
        let members: Vec<Username> = self.in_group(name.as_bytes()).collect();
        for username in members {
            self.edit_client(&username, |client| {
                client.groups.without(name.as_bytes()).map(|groups| Client { groups, ..client.clone() })
            });
        }
        self.drop_inert(InertIn::Groups, name.as_bytes());
        self.replace_group(name.clone(), None);
    }

    /// Takes a role away, also from every client and group that has it.
    pub fn remove_role(&mut self, name: &RoleName) {
        let clients: Vec<Username> = self.with_role(name.as_bytes()).collect();
        for username in clients {
            self.edit_client(&username, |client| {
                client.roles.without(name.as_bytes()).map(|roles| Client { roles, ..client.clone() })
            });
        }
        let groups: Vec<GroupName> = self.groups_with_role(name.as_bytes()).collect();
        for group in groups {
            self.edit_group(&group, |group| {
                group.roles.without(name.as_bytes()).map(|roles| Group { roles, ..group.clone() })
            });
        }
        self.drop_inert(InertIn::Roles, name.as_bytes());
        self.replace_role(name.clone(), None);
    }

    fn edit_client(&mut self, username: &Username, edit: impl FnOnce(&Client) -> Option<Client>) {
        if let Some(edited) = self.client(username.as_bytes()).and_then(|client| edit(client)) {
            self.replace_client(username.clone(), Some(edited));
        }
    }

    fn edit_group(&mut self, name: &GroupName, edit: impl FnOnce(&Group) -> Option<Group>) {
        if let Some(edited) = self.group(name.as_bytes()).and_then(|group| edit(group)) {
            self.replace_group(name.clone(), Some(edited));
        }
    }
}
