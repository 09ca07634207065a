//! Clients, groups and roles for themselves, and the defaults.

use super::{Finding, Holder};
use crate::password::{PasswordHash, Scheme};
use crate::policy::{AclType, Action, Client, Extra, InertIn, Link, Password, Policy, Role, RoleName};

impl Policy {
    /// Receiving and unsubscribing are allowed by default in every new policy; sending and subscribing
    /// are not.
    pub(super) fn lint_defaults<'a>(&'a self, findings: &mut Vec<Finding<'a>>) {
        for action in [Action::PublishClientSend, Action::Subscribe] {
            if self.default_access().allows(action) {
                findings.push(Finding::DefaultAllowsAll(action));
            }
        }
    }

    pub(super) fn lint_records<'a>(&'a self, iterations: u32, findings: &mut Vec<Finding<'a>>) {
        self.lint_links(None, self.extra(), findings);
        for role in self.roles() {
            if !self.is_role_held(role.name.as_bytes()) {
                findings.push(Finding::UnusedRole(role));
            }
        }
        let anonymous = self.anonymous_group().map(|group| &group.name);
        for group in self.groups() {
            if anonymous != Some(&group.name) && self.members(group.name.as_bytes()).next().is_none() {
                findings.push(Finding::UnusedGroup(group));
            }
            self.lint_links(Some(Holder::Group(group)), &group.extra, findings);
        }
        for client in self.clients() {
            match &client.password {
                Password::Hash(hash) if is_weak(hash, iterations) => {
                    findings.push(Finding::WeakHash(client));
                }
                Password::Hash(_) => {}
                Password::None | Password::Unusable => findings.push(Finding::ClientWithoutPassword(client)),
            }
            if !self.has_acls(client) {
                findings.push(Finding::ClientWithoutRights(client));
            }
            self.lint_links(Some(Holder::Client(client)), &client.extra, findings);
        }
    }

    /// Links of the file that lead nowhere; they are kept beside the records.
    fn lint_links<'a>(
        &'a self,
        holder: Option<Holder<'a>>,
        extra: &'a Extra,
        findings: &mut Vec<Finding<'a>>,
    ) {
        for element in extra.all_inert() {
            let Some(name) = element.missing.as_deref() else { continue };
            let dangles = match (holder, element.array) {
                // It is saved only as long as there is no other.
                (None, InertIn::AnonymousGroup) => {
                    self.anonymous_group().is_none() && self.group(name).is_none()
                }
                (None, _) => false,
                (_, InertIn::Roles) => self.role(name).is_none(),
                (_, InertIn::Groups) => self.group(name).is_none(),
                (_, InertIn::Clients) => self.client(name).is_none(),
                _ => false,
            };
            if dangles {
                findings.push(Finding::DanglingReference(holder, element.array, name));
            }
        }
    }

    fn has_acls(&self, client: &Client) -> bool {
        let has_acls =
            |link: &Link<RoleName>| self.linked_role(&link.name).is_some_and(|(role, _)| has_any(role));
        client.roles.iter().any(has_acls)
            || client
                .groups
                .iter()
                .filter_map(|link| self.linked_group(&link.name))
                .any(|group| group.roles.iter().any(has_acls))
    }
}

fn has_any(role: &Role) -> bool {
    AclType::ALL.into_iter().any(|acl_type| !role.acls(acl_type).is_empty())
}

fn is_weak(hash: &PasswordHash, iterations: u32) -> bool {
    match hash.scheme() {
        Scheme::Argon2id => false,
        Scheme::Sha512 => true,
        Scheme::Pbkdf2Sha512 => hash.iterations().is_some_and(|has| has < iterations),
    }
}
