//! A role: a named list of ACLs.

use super::{Acl, AclList, AclType, Compat, Extra, RoleName, Text, which_count};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// A short text for people.
    pub text_name: Option<Text>,
    /// A longer text for people.
    pub text_description: Option<Text>,
    /// Whether a filter with wildcards may be subscribed to once this role is asked (2.1; `true`
    /// where nothing is said).
    pub allow_wildcard_subs: bool,
    /// What else the file says of it.
    pub extra: Extra,
    acls: [AclList; 6],
}

impl Role {
    /// A role without ACLs.
    #[must_use]
    pub fn new(name: RoleName) -> Self {
        Self {
            name,
            text_name: None,
            text_description: None,
            allow_wildcard_subs: true,
            extra: Extra::default(),
            acls: Default::default(),
        }
    }

    /// Its ACLs of that type: highest priority first, then in the order in which they came.
    #[must_use]
    pub fn acls(&self, acl_type: AclType) -> &AclList {
        let [send, receive, sub_literal, sub_pattern, unsub_literal, unsub_pattern] = &self.acls;
        match acl_type {
            AclType::PublishClientSend => send,
            AclType::PublishClientReceive => receive,
            AclType::SubscribeLiteral => sub_literal,
            AclType::SubscribePattern => sub_pattern,
            AclType::UnsubscribeLiteral => unsub_literal,
            AclType::UnsubscribePattern => unsub_pattern,
        }
    }

    fn acls_mut(&mut self, acl_type: AclType) -> &mut AclList {
        let [send, receive, sub_literal, sub_pattern, unsub_literal, unsub_pattern] = &mut self.acls;
        match acl_type {
            AclType::PublishClientSend => send,
            AclType::PublishClientReceive => receive,
            AclType::SubscribeLiteral => sub_literal,
            AclType::SubscribePattern => sub_pattern,
            AclType::UnsubscribeLiteral => unsub_literal,
            AclType::UnsubscribePattern => unsub_pattern,
        }
    }

    /// Adds an ACL behind those of the same type with the same or a higher priority. That there is
    /// none with its topic, the caller has seen ([`super::Policy::acl`]).
    pub fn add_acl(&mut self, acl_type: AclType, acl: Acl) {
        self.acls_mut(acl_type).insert(acl);
    }

    /// Takes an ACL away that [`super::Policy::acl`] has found.
    pub fn remove_acl(&mut self, acl_type: AclType, acl: &Acl) {
        self.acls_mut(acl_type).remove(acl.rank());
    }

    /// Replaces all ACLs, without those that do not count ([`which_count`]).
    pub fn set_acls(&mut self, acls: impl IntoIterator<Item = (AclType, Acl)>, compat: Compat) {
        let acls: Vec<(AclType, Acl)> = acls.into_iter().collect();
        let counts = which_count(&acls, compat);
        let acls = acls.into_iter().zip(counts).filter(|(_, counts)| *counts);
        self.set_acls_that_count(acls.map(|(acl, _)| acl));
    }

    /// Replaces all ACLs, of which the caller has seen that they all count ([`which_count`]).
    pub fn set_acls_that_count(&mut self, acls: impl IntoIterator<Item = (AclType, Acl)>) {
        let mut by_type: Vec<(AclType, Vec<Acl>)> =
            AclType::ALL.map(|acl_type| (acl_type, Vec::new())).into();
        for (acl_type, acl) in acls {
            let list = by_type.iter_mut().find(|(of, _)| *of == acl_type);
            if let Some((_, list)) = list {
                list.push(acl);
            }
        }
        for (acl_type, acls) in by_type {
            *self.acls_mut(acl_type) = AclList::from_given(acls);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Priority;

    fn acl(topic: &str, priority: i32) -> Acl {
        Acl::new(topic.as_bytes(), Priority::new(priority, Compat::V2_0), true)
    }

    fn topics(role: &Role) -> Vec<String> {
        let acls = role.acls(AclType::PublishClientSend).iter();
        acls.map(|acl| String::from_utf8_lossy(&acl.topic).into_owned()).collect()
    }

    #[test]
    fn higher_priority_first_then_order_of_arrival() {
        let mut role = Role::new(RoleName::new(b"r").unwrap());
        let given = [acl("a", 0), acl("b", 5), acl("c", 0), acl("d", 5), acl("a", 9)];
        let given = given.map(|acl| (AclType::PublishClientSend, acl));
        role.set_acls(given.clone(), Compat::V2_0);
        assert_eq!(topics(&role), ["a", "b", "d", "c"], "the `a` of the highest priority counts");
        role.set_acls(given, Compat::V2_1);
        assert_eq!(topics(&role), ["b", "d", "a", "c"], "the first `a` counts");
        role.add_acl(AclType::PublishClientSend, acl("e", 5));
        assert_eq!(topics(&role), ["b", "d", "e", "a", "c"]);
        let b = role.acls(AclType::PublishClientSend).find(b"b").unwrap().clone();
        role.remove_acl(AclType::PublishClientSend, &b);
        assert_eq!(topics(&role), ["d", "e", "a", "c"]);
    }
}
