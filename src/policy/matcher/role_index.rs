//! A role's ACLs, found without looking at each.

use std::sync::Arc;

use hashbrown::HashTable;

use super::asked::{Asked, Cut};
use super::index::{Found, Index};
use crate::policy::hash::Keys;
use crate::policy::{Acl, AclList, AclType, Action, Role};

/// The ACLs of one role by what they match. Follows the role through [`Self::update`].
#[derive(Debug, Default)]
pub(in crate::policy) struct RoleIndex {
    /// Those that match byte by byte, of subscribe and of unsubscribe.
    literals: [Literals; 2],
    /// The others, by action.
    patterns: Patterns,
}

/// ACLs that are no literal ones, by action.
#[derive(Debug, Default)]
struct Patterns([Index<Arc<Acl>>; 4]);

impl Patterns {
    #[inline]
    fn of(&self, action: Action) -> &Index<Arc<Acl>> {
        let [send, receive, subscribe, unsubscribe] = &self.0;
        match action {
            Action::PublishClientSend => send,
            Action::PublishClientReceive => receive,
            Action::Subscribe => subscribe,
            Action::Unsubscribe => unsubscribe,
        }
    }

    fn of_mut(&mut self, action: Action) -> &mut Index<Arc<Acl>> {
        let [send, receive, subscribe, unsubscribe] = &mut self.0;
        match action {
            Action::PublishClientSend => send,
            Action::PublishClientReceive => receive,
            Action::Subscribe => subscribe,
            Action::Unsubscribe => unsubscribe,
        }
    }
}

/// ACLs that match one topic, byte by byte.
#[derive(Debug, Default)]
pub(in crate::policy) struct Literals(HashTable<(u64, Arc<Acl>)>);

/// What a role has for one action: ACLs that match byte by byte, with their type, and the others.
type OfAction<'i> = (Option<(&'i Literals, AclType)>, &'i Index<Arc<Acl>>);

impl Literals {
    /// The ACL for that topic, whose hash is that.
    #[inline]
    pub(in crate::policy) fn get(&self, topic: &[u8], hash: u64) -> Option<&Arc<Acl>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.find(hash, |(_, acl)| *acl.topic == *topic).map(|(_, acl)| acl)
    }

    fn insert(&mut self, acl: Arc<Acl>, keys: &Keys) {
        let hash = keys.hash(&acl.topic);
        self.0.insert_unique(hash, (hash, acl), |(hash, _)| *hash);
    }

    fn remove(&mut self, acl: &Acl, keys: &Keys) {
        if let Ok(entry) = self.0.find_entry(keys.hash(&acl.topic), |(_, other)| other.topic == acl.topic) {
            entry.remove();
        }
    }
}

impl RoleIndex {
    /// Makes the index that of another state of the role, at a cost in proportion to what differs.
    pub(in crate::policy) fn update(&mut self, old: Option<&Role>, new: Option<&Role>, keys: &Keys) {
        let none = AclList::default();
        for acl_type in AclType::ALL {
            let old = old.map_or(&none, |role| role.acls(acl_type));
            let new = new.map_or(&none, |role| role.acls(acl_type));
            for acl in old.not_in(new) {
                self.remove(acl_type, acl, keys);
            }
            for acl in new.not_in(old) {
                self.insert(acl_type, acl, keys);
            }
        }
    }

    /// The ACL of that type with exactly that topic.
    pub(in crate::policy) fn get(&self, acl_type: AclType, topic: &[u8], keys: &Keys) -> Option<&Arc<Acl>> {
        match acl_type {
            AclType::SubscribeLiteral => self.literals[0].get(topic, keys.hash(topic)),
            AclType::UnsubscribeLiteral => self.literals[1].get(topic, keys.hash(topic)),
            pattern => self.patterns(pattern)?.get(topic, keys),
        }
    }

    /// What is asked for an action: first the ACLs that match byte by byte, then the others.
    #[inline]
    pub(in crate::policy) fn of_action(&self, action: Action) -> OfAction<'_> {
        let [subscribe, unsubscribe] = &self.literals;
        let literals = match action {
            Action::PublishClientSend | Action::PublishClientReceive => None,
            Action::Subscribe => Some((subscribe, AclType::SubscribeLiteral)),
            Action::Unsubscribe => Some((unsubscribe, AclType::UnsubscribeLiteral)),
        };
        (literals, self.patterns.of(action))
    }

    /// The first ACL of a type that is no literal one that matches.
    pub(in crate::policy) fn first(
        &self,
        acl_type: AclType,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
    ) -> Option<Found<'_, Arc<Acl>>> {
        let patterns = self.patterns(acl_type)?;
        let literal = patterns.literal(asked.topic, cut.keys.hash(asked.topic));
        patterns.first(asked, cut, literal)
    }

    /// The ACLs, in their order, of a type that is no literal one that may match: see [`Index::candidates`].
    pub(in crate::policy) fn candidates(
        &self,
        acl_type: AclType,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
    ) -> Vec<&Arc<Acl>> {
        self.patterns(acl_type).map_or_else(Vec::new, |patterns| patterns.candidates(asked, cut))
    }

    /// About how many steps a look-up takes among the ACLs of that type.
    pub(in crate::policy) fn steps(&self, acl_type: AclType) -> usize {
        self.patterns(acl_type).map_or(1, Index::steps)
    }

    fn patterns(&self, acl_type: AclType) -> Option<&Index<Arc<Acl>>> {
        Some(self.patterns.of(action_of_patterns(acl_type)?))
    }

    fn insert(&mut self, acl_type: AclType, acl: &Arc<Acl>, keys: &Keys) {
        let acl = Arc::clone(acl);
        match acl_type {
            AclType::SubscribeLiteral => self.literals[0].insert(acl, keys),
            AclType::UnsubscribeLiteral => self.literals[1].insert(acl, keys),
            pattern => {
                if let Some(action) = action_of_patterns(pattern) {
                    self.patterns.of_mut(action).insert(acl.rank(), acl, keys);
                }
            }
        }
    }

    fn remove(&mut self, acl_type: AclType, acl: &Acl, keys: &Keys) {
        match acl_type {
            AclType::SubscribeLiteral => self.literals[0].remove(acl, keys),
            AclType::UnsubscribeLiteral => self.literals[1].remove(acl, keys),
            pattern => {
                if let Some(action) = action_of_patterns(pattern) {
                    self.patterns.of_mut(action).remove(acl.rank(), &acl.topic, keys);
                }
            }
        }
    }
}

/// The action that ACLs of a type are asked for, unless they match byte by byte.
fn action_of_patterns(acl_type: AclType) -> Option<Action> {
    match acl_type {
        AclType::PublishClientSend => Some(Action::PublishClientSend),
        AclType::PublishClientReceive => Some(Action::PublishClientReceive),
        AclType::SubscribePattern => Some(Action::Subscribe),
        AclType::UnsubscribePattern => Some(Action::Unsubscribe),
        AclType::SubscribeLiteral | AclType::UnsubscribeLiteral => None,
    }
}
