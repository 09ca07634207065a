//! A role's ACLs, found without looking at each.

use std::sync::Arc;

use hashbrown::HashTable;

use super::index::{Asked, Cut, Found, Index};
use super::levels::Keys;
use super::rank::Rank;
use super::{Acl, AclList, AclType, Action, Role};

/// The ACLs of one role by what they match. Follows the role through [`Self::update`].
#[derive(Debug, Default)]
pub(super) struct RoleIndex {
    send: Index<Arc<Acl>>,
    receive: Index<Arc<Acl>>,
    subscribe_literal: Literals,
    subscribe_pattern: Index<Arc<Acl>>,
    unsubscribe_literal: Literals,
    unsubscribe_pattern: Index<Arc<Acl>>,
}

/// ACLs that match one topic, byte by byte.
#[derive(Debug, Default)]
pub(super) struct Literals(HashTable<(u64, Arc<Acl>)>);

/// What a role has for one action: ACLs that match byte by byte, with their type, and the others, with theirs.
type OfAction<'i> = (Option<(&'i Literals, AclType)>, &'i Index<Arc<Acl>>, AclType);

impl Literals {
    /// The ACL for that topic, whose hash is that.
    #[inline]
    pub(super) fn get(&self, topic: &[u8], hash: u64) -> Option<&Arc<Acl>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.find(hash, |(_, acl)| *acl.topic == *topic).map(|(_, acl)| acl)
    }

    fn reserve(&mut self, count: usize) {
        self.0.reserve(count, |(hash, _)| *hash);
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
    pub(super) fn update(&mut self, old: Option<&Role>, new: Option<&Role>, keys: &Keys) {
        let none = AclList::default();
        for acl_type in AclType::ALL {
            let old = old.map_or(&none, |role| role.acls(acl_type));
            let new = new.map_or(&none, |role| role.acls(acl_type));
            for acl in old.not_in(new) {
                self.remove(acl_type, acl, keys);
            }
            if old.is_empty() {
                self.reserve(acl_type, new.len());
            }
            for acl in new.not_in(old) {
                self.insert(acl_type, acl, keys);
            }
        }
    }

    /// The ACL of that type with exactly that topic.
    pub(super) fn get(&self, acl_type: AclType, topic: &[u8], keys: &Keys) -> Option<&Arc<Acl>> {
        match acl_type {
            AclType::SubscribeLiteral => self.subscribe_literal.get(topic, keys.hash(topic)),
            AclType::UnsubscribeLiteral => self.unsubscribe_literal.get(topic, keys.hash(topic)),
            pattern => self.patterns(pattern)?.get(topic, keys),
        }
    }

    /// What is asked for an action: first the ACLs that match byte by byte, then the others.
    #[inline]
    pub(super) fn of_action(&self, action: Action) -> OfAction<'_> {
        match action {
            Action::PublishClientSend => (None, &self.send, AclType::PublishClientSend),
            Action::PublishClientReceive => (None, &self.receive, AclType::PublishClientReceive),
            Action::Subscribe => (
                Some((&self.subscribe_literal, AclType::SubscribeLiteral)),
                &self.subscribe_pattern,
                AclType::SubscribePattern,
            ),
            Action::Unsubscribe => (
                Some((&self.unsubscribe_literal, AclType::UnsubscribeLiteral)),
                &self.unsubscribe_pattern,
                AclType::UnsubscribePattern,
            ),
        }
    }

    /// The first ACL of a type that is no literal one that matches.
    pub(super) fn first(
        &self,
        acl_type: AclType,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
    ) -> Option<Found<'_, Arc<Acl>>> {
        let patterns = self.patterns(acl_type)?;
        let literal = patterns.literal(asked.topic, cut.keys.hash(asked.topic));
        patterns.first(asked, cut, literal.map(|(found, _)| found))
    }

    /// The ACLs, in their order, of a type that is no literal one that may match: see [`Index::candidates`].
    pub(super) fn candidates(
        &self,
        acl_type: AclType,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
    ) -> Vec<&Arc<Acl>> {
        self.patterns(acl_type).map_or_else(Vec::new, |patterns| patterns.candidates(asked, cut))
    }

    /// About how many steps a look-up takes among the ACLs of that type.
    pub(super) fn steps(&self, acl_type: AclType) -> usize {
        self.patterns(acl_type).map_or(1, Index::steps)
    }

    fn patterns(&self, acl_type: AclType) -> Option<&Index<Arc<Acl>>> {
        match acl_type {
            AclType::PublishClientSend => Some(&self.send),
            AclType::PublishClientReceive => Some(&self.receive),
            AclType::SubscribePattern => Some(&self.subscribe_pattern),
            AclType::UnsubscribePattern => Some(&self.unsubscribe_pattern),
            AclType::SubscribeLiteral | AclType::UnsubscribeLiteral => None,
        }
    }

    /// Makes room for so many ACLs of a type that has none.
    fn reserve(&mut self, acl_type: AclType, count: usize) {
        match acl_type {
            AclType::PublishClientSend => self.send.reserve(count),
            AclType::PublishClientReceive => self.receive.reserve(count),
            AclType::SubscribeLiteral => self.subscribe_literal.reserve(count),
            AclType::SubscribePattern => self.subscribe_pattern.reserve(count),
            AclType::UnsubscribeLiteral => self.unsubscribe_literal.reserve(count),
            AclType::UnsubscribePattern => self.unsubscribe_pattern.reserve(count),
        }
    }

    fn insert(&mut self, acl_type: AclType, acl: &Arc<Acl>, keys: &Keys) {
        let rank: Rank = acl.rank();
        let acl = Arc::clone(acl);
        match acl_type {
            AclType::PublishClientSend => self.send.insert(rank, acl, keys),
            AclType::PublishClientReceive => self.receive.insert(rank, acl, keys),
            AclType::SubscribeLiteral => self.subscribe_literal.insert(acl, keys),
            AclType::SubscribePattern => self.subscribe_pattern.insert(rank, acl, keys),
            AclType::UnsubscribeLiteral => self.unsubscribe_literal.insert(acl, keys),
            AclType::UnsubscribePattern => self.unsubscribe_pattern.insert(rank, acl, keys),
        }
    }

    fn remove(&mut self, acl_type: AclType, acl: &Acl, keys: &Keys) {
        match acl_type {
            AclType::PublishClientSend => self.send.remove(acl.rank(), &acl.topic, keys),
            AclType::PublishClientReceive => self.receive.remove(acl.rank(), &acl.topic, keys),
            AclType::SubscribeLiteral => self.subscribe_literal.remove(acl, keys),
            AclType::SubscribePattern => self.subscribe_pattern.remove(acl.rank(), &acl.topic, keys),
            AclType::UnsubscribeLiteral => self.unsubscribe_literal.remove(acl, keys),
            AclType::UnsubscribePattern => self.unsubscribe_pattern.remove(acl.rank(), &acl.topic, keys),
        }
    }
}
