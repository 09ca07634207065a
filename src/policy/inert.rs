//! What was set aside at load must not come alive: making or removing what it names drops it.

use super::{Client, Group, InertIn, Policy};

impl Policy {
    /// Links of clients and groups to a role that did not exist and now will.
    pub(super) fn drop_inert_links(&mut self, role: &[u8]) {
        if !self.has_inert_links() {
            return;
        }
        let clients: Vec<Client> = self
            .clients()
            .filter_map(|client| {
                let extra = client.extra.without_inert(InertIn::Roles, role)?;
                Some(Client { extra, ..Client::clone(client) })
            })
            .collect();
        for client in clients {
            self.replace_client(client.username.clone(), Some(client));
        }
        self.drop_inert_in_groups(InertIn::Roles, role);
    }

    /// Memberships of a client that did not exist and now will.
    pub(super) fn drop_inert_members(&mut self, username: &[u8]) {
        if self.has_inert_links() {
            self.drop_inert_in_groups(InertIn::Clients, username);
        }
    }

    /// Elements of the file itself: duplicates of what goes, an anonymous group that now will exist.
    pub(super) fn drop_inert(&mut self, array: InertIn, name: &[u8]) {
        if let Some(extra) = self.extra().without_inert(array, name) {
            self.set_extra(extra);
        }
    }

    /// An anonymous group of the file that does not exist, once another is chosen.
    pub(super) fn drop_inert_anonymous_group(&mut self) {
        let name = self.extra().inert(InertIn::AnonymousGroup).find_map(|element| element.name.clone());
        if let Some(name) = name {
            self.drop_inert(InertIn::AnonymousGroup, &name);
        }
    }

    fn drop_inert_in_groups(&mut self, array: InertIn, name: &[u8]) {
        let groups: Vec<Group> = self
            .groups()
            .filter_map(|group| {
                let extra = group.extra.without_inert(array, name)?;
                Some(Group { extra, ..Group::clone(group) })
            })
            .collect();
        for group in groups {
            self.replace_group(&group.name.clone(), Some(group));
        }
    }
}
