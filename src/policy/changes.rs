//! How records of a [`Policy`] are put, replaced and taken away. What is replaced goes into its history, so that it can be
//! undone (`history.rs`), but for [`Policy::fill`], which keeps none.
//!
//! All records at once are changed in `become_like.rs`.

use std::sync::Arc;

use super::journal::Replaced;
use super::matcher::RoleIndex;
use super::{
    Client, DefaultAccess, Extra, Group, GroupName, Link, Links, LoginStamp, MissingReference, Newcomers,
    Password, Policy, Role, RoleName, Username,
};
use crate::password::PasswordHash;

impl Policy {
    /// Adds a client or replaces the one of its name, without its links to what was deleted meanwhile.
    ///
    /// # Errors
    /// [`MissingReference`], and no change, if it names a role or group that does not exist.
    pub fn put_client(&mut self, client: Client) -> Result<(), MissingReference> {
        let mut client = self.client_to_put(client);
        self.require_links(&client)?;
        let old = self.client(client.username.as_bytes()).cloned();
        if old.is_some() {
            client.extra = client.extra.alone();
        }
        self.leave_groups_alone(old.as_deref(), Some(&client));
        self.exchange_client(client.username.clone(), Some(client));
        Ok(())
    }

    /// Replaces the hash of a client's password by another one of the same password, if it is still that: whoever is let in by
    /// the one is by the other, so its login stamp stays, and it concerns nobody that this is undone. Says whether it was.
    pub fn put_rehashed(&mut self, username: &Username, old: &PasswordHash, new: PasswordHash) -> bool {
        let Some(client) = self.client(username.as_bytes()) else { return false };
        if !matches!(&client.password, Password::Hash(present) if present == old) {
            return false;
        }
        let before = Arc::clone(client);
        let client = Client { password: Password::Hash(new), ..Client::clone(&before) };
        self.swap_hash(&Arc::new(client));
        self.journal.push(Replaced::Hash(before));
        true
    }

    /// Adds many clients to a policy without clients, much faster than one by one. There is no way back to before.
    ///
    /// # Errors
    /// [`MissingReference`], and no change, if one names a role or group that does not exist.
    pub fn fill(&mut self, clients: Newcomers) -> Result<(), MissingReference> {
        if self.clients().len() > 0 {
            let clients = clients.into_records();
            return clients.iter().try_for_each(|client| self.put_client(Client::clone(client)));
        }
        let (mut clients, by_name) = clients.into_sorted();
        for client in &mut clients {
            if !self.is_linked(client) {
                *client = Arc::new(self.client_to_put(Client::clone(client)));
            }
        }
        self.relations.fill(&clients, &self.groups, &self.roles, &self.keys)?;
        self.decoys.fill(&clients);
        self.clients.fill(clients, by_name, LoginStamp::follow);
        self.journal.clear();
        Ok(())
    }

    /// Adds a group or replaces the one of its name, without its links to what was deleted meanwhile; its members
    /// stay.
    ///
    /// # Errors
    /// [`MissingReference`], and no change, if it names a role that does not exist.
    pub fn put_group(&mut self, group: Group) -> Result<(), MissingReference> {
        let mut group = self.group_to_put(group);
        self.require_roles(&group.roles)?;
        if self.group(group.name.as_bytes()).is_some() {
            group.extra = group.extra.alone();
        }
        self.exchange_group(&group.name.clone(), Some(group));
        Ok(())
    }

    /// Adds a role or replaces the one of its name; its holders stay.
    pub fn put_role(&mut self, mut role: Role) {
        if self.role(role.name.as_bytes()).is_some() {
            role.extra = role.extra.alone();
        }
        self.replace_role(&role.name.clone(), Some(role));
    }

    /// Takes a client away.
    pub fn remove_client(&mut self, username: &Username) {
        let old = self.client(username.as_bytes()).cloned();
        self.leave_groups_alone(old.as_deref(), None);
        self.replace_client(username.clone(), None);
        self.remember_deleted_client(username);
    }

    /// Takes a group away. Links to it stay, lead nowhere, and are taken out later (`dead_links.rs`). The anonymous group is
    /// not taken away: [`Self::set_anonymous_group`] comes first.
    pub fn remove_group(&mut self, name: &GroupName) {
        if self.anonymous_group().is_some_and(|group| group.name == *name) {
            return;
        }
        self.replace_group(name, None);
    }

    /// Takes a role away. Links to it stay, lead nowhere, and are taken out later (`dead_links.rs`).
    pub fn remove_role(&mut self, name: &RoleName) {
        self.replace_role(name, None);
        self.remember_deleted_role(name);
    }

    /// Sets what applies where no ACL matches.
    pub fn set_default_access(&mut self, access: DefaultAccess) {
        self.journal.push(Replaced::DefaultAccess(self.default_access));
        self.default_access = access;
    }

    /// Sets the group that anonymous clients are in.
    ///
    /// # Errors
    /// [`MissingReference`], and no change, if there is no such group.
    pub fn set_anonymous_group(&mut self, name: &GroupName) -> Result<(), MissingReference> {
        if self.group(name.as_bytes()).is_none() {
            return Err(MissingReference::Group(name.clone()));
        }
        self.journal.push(Replaced::AnonymousGroup(self.anonymous_group.take()));
        self.anonymous_group = Some(name.clone());
        Ok(())
    }

    /// Sets the count of changes.
    pub fn set_change_index(&mut self, change_index: i64) {
        self.journal.push(Replaced::ChangeIndex(self.change_index));
        self.change_index = change_index;
    }

    /// Sets what the file holds beside all this.
    pub fn set_extra(&mut self, extra: Extra) {
        self.journal.push(Replaced::Extra(std::mem::replace(&mut self.extra, extra)));
    }

    /// Drops what was set aside beside the groups that a client comes into or leaves: it says who is in them, too.
    fn leave_groups_alone(&mut self, old: Option<&Client>, new: Option<&Client>) {
        let [old, new] = [old, new].map(|client| client.map(|client| &client.groups));
        if old == new {
            return;
        }
        let both = || old.into_iter().chain(new);
        let stays = |link: &Link<GroupName>| {
            both().filter(|links| links.iter().any(|other| other == link)).count() > 1
        };
        let with_others = both().flatten().filter_map(|link| {
            let group = self.linked_group(&link.name)?;
            (!group.extra.is_alone() && !stays(link)).then(|| Group::clone(group))
        });
        let groups: Vec<Group> =
            with_others.map(|group| Group { extra: group.extra.clone().alone(), ..group }).collect();
        for group in groups {
            self.replace_group(&group.name.clone(), Some(group));
        }
    }

    /// Whether all its links lead somewhere.
    fn is_linked(&self, client: &Client) -> bool {
        client.roles.iter().all(|link| self.linked_role(&link.name).is_some())
            && client.groups.iter().all(|link| self.linked_group(&link.name).is_some())
    }

    fn require_links(&self, client: &Client) -> Result<(), MissingReference> {
        self.require_roles(&client.roles)?;
        match client.groups.iter().find(|link| self.linked_group(&link.name).is_none()) {
            Some(link) => Err(MissingReference::Group(link.name.clone())),
            None => Ok(()),
        }
    }

    fn require_roles(&self, roles: &Links<RoleName>) -> Result<(), MissingReference> {
        match roles.iter().find(|link| self.linked_role(&link.name).is_none()) {
            Some(link) => Err(MissingReference::Role(link.name.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn replace_client(&mut self, name: Username, client: Option<Client>) {
        let client = client.map(|client| self.client_to_put(client));
        self.exchange_client(name, client);
    }

    /// [`Self::replace_client`] by one that is as it is to be put.
    fn exchange_client(&mut self, name: Username, client: Option<Client>) {
        let was_deleted = self.was_deleted(name.as_bytes());
        let old = self.swap_client(&name, client.map(Arc::new).as_ref());
        self.journal.push(Replaced::Client { name, old, was_deleted });
    }

    pub(super) fn replace_group(&mut self, name: &GroupName, group: Option<Group>) {
        let group = group.map(|group| self.group_to_put(group));
        self.exchange_group(name, group);
    }

    /// [`Self::replace_group`] by one that is as it is to be put.
    fn exchange_group(&mut self, name: &GroupName, group: Option<Group>) {
        let is_deleted = group.is_none();
        let old = self.swap_group(name, group.map(Arc::new).as_ref());
        let gone = old.as_ref().filter(|_| is_deleted).map(|old| old.name.clone());
        self.journal.push(Replaced::Group(name.clone(), old));
        if let Some(gone) = gone {
            self.note_group(&gone);
        }
    }

    pub(super) fn replace_role(&mut self, name: &RoleName, role: Option<Role>) {
        let is_deleted = role.is_none();
        let role = role.map(|role| Arc::new(self.role_to_put(role)));
        let old = self.swap_role(name, role);
        let gone = old.as_ref().filter(|_| is_deleted).map(|old| old.name.clone());
        self.journal.push(Replaced::Role(name.clone(), old));
        if let Some(gone) = gone {
            self.dropped_later.keep_last_until(self.journal.end_mark());
            self.note_role(&gone);
        }
    }

    pub(super) fn swap_client(&mut self, name: &Username, new: Option<&Arc<Client>>) -> Option<Arc<Client>> {
        self.journal.touch();
        let (id, old) = if let Some(new) = new {
            self.deleted_usernames.remove(name);
            self.clients.put(Arc::clone(new), &self.keys, LoginStamp::follow)
        } else {
            let (id, old, _) = self.clients.remove(name.as_bytes(), &self.keys)?;
            self.deleted_usernames.insert(name);
            (id, Some(old))
        };
        self.relations.replace_client(id, old.as_deref(), new.map(|new| &**new));
        self.decoys.follow(old.as_deref(), new.map(|new| &**new));
        old
    }

    /// Puts a client in the place of one that differs in nothing but the hash of the same password.
    pub(super) fn swap_hash(&mut self, new: &Arc<Client>) {
        self.journal.touch();
        let (id, old) = self.clients.put(Arc::clone(new), &self.keys, |_, _, _| ());
        self.relations.replace_client(id, old.as_deref(), Some(new));
        self.decoys.follow(old.as_deref(), Some(new));
    }

    pub(super) fn swap_group(&mut self, name: &GroupName, new: Option<&Arc<Group>>) -> Option<Arc<Group>> {
        self.journal.touch();
        self.merged.outdate();
        let (id, old) = match new {
            Some(new) => self.groups.put(Arc::clone(new), &self.keys, |(), _, _| ()),
            None => self.groups.remove(name.as_bytes(), &self.keys).map(|(id, old, ())| (id, Some(old)))?,
        };
        self.relations.replace_group(id, old.as_deref(), new.map(|new| &**new));
        old
    }

    pub(super) fn swap_role(&mut self, name: &RoleName, new: Option<Arc<Role>>) -> Option<Arc<Role>> {
        self.journal.touch();
        self.merged.outdate();
        let keys = self.keys;
        let Some(new) = new else {
            let (_, old, index) = self.roles.remove(name.as_bytes(), &keys)?;
            self.dropped_later.add(&old, index, self.journal.end_mark());
            return Some(old);
        };
        let present = self.dropped_later.take_back(&new);
        let follow = |index: &mut RoleIndex, old: Option<&Role>, new: &Role| match present {
            Some(present) if old.is_none() => *index = present,
            _ => index.update(old, Some(new), &keys),
        };
        self.roles.put(new, &keys, follow).1
    }
}
