//! The roles of clients that have many, merged into one index, so that a check takes one look-up. Whose are merged, and
//! when, is in `mod.rs`.

use std::borrow::Borrow;
use std::mem;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::policy::authorize::{Question, decided_by};
use crate::policy::hash::Keys;
use crate::policy::matcher::Index;
use crate::policy::matcher::topic::{self, Match};
use crate::policy::rank::Rank;
use crate::policy::{Acl, AclType, Action, Decision, Effect, Group, Reason, Role};

/// Roles, merged as far as their ACLs are filed: it decides only once all are.
#[derive(Debug, Default)]
pub(in crate::policy) struct Merged {
    held: Held,
    /// How many ACLs are filed, of how many.
    filed: usize,
    acls: usize,
    send: Index<Ruled>,
    receive: Index<Ruled>,
    subscribe: Index<Ruled>,
    unsubscribe: Index<Ruled>,
    subscribe_literals: Literals,
    unsubscribe_literals: Literals,
    /// The first role that refuses filters with wildcards, and what no ACL of it comes before.
    refuses_wildcards: Option<(usize, Rank)>,
}

/// The topic is one that no broker lets through: roles have to be asked one by one.
pub(in crate::policy) struct Irregular;

/// Roles in the order in which they are asked, each with the group that it comes through.
pub(super) type Held = Vec<(Option<Arc<Group>>, Arc<Role>)>;

/// An ACL, and which of the roles it is from.
#[derive(Debug)]
struct Ruled {
    held: usize,
    acl: Arc<Acl>,
}

impl Borrow<Acl> for Ruled {
    fn borrow(&self) -> &Acl {
        &self.acl
    }
}

/// ACLs that match one topic, byte by byte: of several with the same the first.
#[derive(Debug, Default)]
struct Literals(HashTable<(u64, Rank, Ruled)>);

impl Literals {
    fn get(&self, topic: &[u8], hash: u64) -> Option<(Rank, &Ruled)> {
        if self.0.is_empty() {
            return None;
        }
        let found = self.0.find(hash, |(_, _, ruled)| *ruled.acl.topic == *topic);
        found.map(|(_, rank, ruled)| (*rank, ruled))
    }

    fn insert(&mut self, rank: Rank, ruled: Ruled, keys: &Keys) {
        let hash = keys.hash(&ruled.acl.topic);
        if self.0.find(hash, |(_, _, other)| other.acl.topic == ruled.acl.topic).is_none() {
            self.0.insert_unique(hash, (hash, rank, ruled), |(hash, _, _)| *hash);
        }
    }
}

fn count_acls(role: &Role) -> usize {
    AclType::ALL.iter().map(|acl_type| role.acls(*acl_type).len()).fold(0, usize::saturating_add)
}

/// That of an ACL before which so many others are asked.
fn rank(before: usize) -> Rank {
    Rank::of_number((before as u64).saturating_mul(2).saturating_add(1))
}

/// Behind all of these ACLs, and before the next.
fn first_rank(before: usize) -> Rank {
    Rank::of_number((before as u64).saturating_mul(2))
}

impl Merged {
    /// These roles, of which nothing is filed yet.
    pub(super) fn new(held: Held) -> Self {
        let (mut acls, mut refuses_wildcards) = (0_usize, None);
        for (number, (_, role)) in held.iter().enumerate() {
            if !role.allow_wildcard_subs && refuses_wildcards.is_none() {
                refuses_wildcards = Some((number, first_rank(acls)));
            }
            acls = acls.saturating_add(count_acls(role));
        }
        Self { held, acls, refuses_wildcards, ..Self::default() }
    }

    pub(super) fn acls(&self) -> usize {
        self.acls
    }

    pub(super) fn roles(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_filed(&self) -> bool {
        self.filed >= self.acls
    }

    /// Files up to so many more ACLs, and says how many.
    pub(super) fn file_some(&mut self, most: usize, keys: &Keys) -> usize {
        if most == 0 || self.is_filed() {
            return 0;
        }
        let held = mem::take(&mut self.held);
        let (before, mut passed) = (self.filed, 0_usize);
        let until = before.saturating_add(most);
        // Literal types come before their patterns.
        let lists = held.iter().enumerate().flat_map(|(number, (_, role))| {
            AclType::ALL.map(|acl_type| (number, acl_type, role.acls(acl_type)))
        });
        for (number, acl_type, acls) in lists {
            let done = self.filed.saturating_sub(passed);
            passed = passed.saturating_add(acls.len());
            for acl in acls.iter().skip(done).take(until.saturating_sub(self.filed)) {
                let ruled = Ruled { held: number, acl: Arc::clone(acl) };
                self.file(acl_type, rank(self.filed), ruled, keys);
                self.filed = self.filed.saturating_add(1);
            }
        }
        self.held = held;
        self.filed.saturating_sub(before)
    }

    /// Whether it is these very records that are merged.
    pub(super) fn is_of(&self, held: &Held) -> bool {
        let is_same = |((group, role), (other_group, other_role)): (&(_, Arc<Role>), &(_, Arc<Role>))| {
            let same_group = match (group, other_group) {
                (None, None) => true,
                (Some(group), Some(other)) => Arc::<Group>::ptr_eq(group, other),
                _ => false,
            };
            same_group && Arc::ptr_eq(role, other_role)
        };
        self.held.len() == held.len() && self.held.iter().zip(held).all(is_same)
    }

    fn file(&mut self, acl_type: AclType, rank: Rank, ruled: Ruled, keys: &Keys) {
        match acl_type {
            AclType::PublishClientSend => self.send.insert_if_first(rank, ruled, keys),
            AclType::PublishClientReceive => self.receive.insert_if_first(rank, ruled, keys),
            AclType::SubscribeLiteral => self.subscribe_literals.insert(rank, ruled, keys),
            AclType::SubscribePattern => self.subscribe.insert_if_first(rank, ruled, keys),
            AclType::UnsubscribeLiteral => self.unsubscribe_literals.insert(rank, ruled, keys),
            AclType::UnsubscribePattern => self.unsubscribe.insert_if_first(rank, ruled, keys),
        }
    }

    /// What these roles decide, if they do.
    #[inline]
    pub(in crate::policy) fn ask(
        &self,
        question: &mut Question<'_, '_>,
    ) -> Result<Option<Decision<'_>>, Irregular> {
        let (patterns, pattern, literals) = match question.hashed.request.action {
            Action::PublishClientSend => (&self.send, AclType::PublishClientSend, None),
            Action::PublishClientReceive => (&self.receive, AclType::PublishClientReceive, None),
            Action::Subscribe => (
                &self.subscribe,
                AclType::SubscribePattern,
                Some((&self.subscribe_literals, AclType::SubscribeLiteral)),
            ),
            Action::Unsubscribe => (
                &self.unsubscribe,
                AclType::UnsubscribePattern,
                Some((&self.unsubscribe_literals, AclType::UnsubscribeLiteral)),
            ),
        };
        let mut found = match patterns.literal(question.asked.topic, question.hashed.topic()) {
            Some(literal) if patterns.is_first(literal) => Some((literal, Match::Yes)),
            literal => {
                if !question.is_cut() {
                    return Err(Irregular);
                }
                let found = patterns.first(&question.asked, &question.cut, literal);
                found.map(|found| (found.ranked, found.how))
            }
        }
        .map(|(ranked, how)| (ranked.rank, &ranked.item, pattern, how));
        if let Some((literals, literal)) = literals
            && let Some((rank, ruled)) = literals.get(question.asked.topic, question.hashed.topic())
            && found.is_none_or(|(other, ..)| rank < other)
        {
            found = Some((rank, ruled, literal, Match::Yes));
        }
        if let Some((refusing, rank)) = self.refuses_wildcards
            && question.hashed.request.action == Action::Subscribe
            && found.is_none_or(|(other, ..)| rank < other)
            && topic::has_wildcard(question.asked.topic)
        {
            let (group, role) = self.held.get(refusing).ok_or(Irregular)?;
            let reason = Reason::WildcardSubscription { group: group.as_deref(), role };
            return Ok(Some(Decision { effect: Effect::Deny, reason }));
        }
        let Some((_, ruled, acl_type, how)) = found else { return Ok(None) };
        let (group, role) = self.held.get(ruled.held).ok_or(Irregular)?;
        Ok(Some(decided_by(how, group.as_deref(), role, acl_type, &ruled.acl)))
    }
}
