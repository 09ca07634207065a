//! The roles of clients that have many, merged into one index, so that a check takes one look-up.
//!
//! What is merged holds the records that it follows from; whether it is stale is seen from whether they are still
//! the policy's. It is made beside the checks ([`Policy::merge`]), for those who were seen to need it ([`Walked`]),
//! and in bounded memory. All others' roles are asked one by one.

use std::borrow::Borrow;
use std::sync::Arc;

use hashbrown::HashTable;

use super::authorize::{Question, decided_by};
use super::index::Index;
use super::levels::Keys;
use super::rank::Rank;
use super::topic::{self, Match};
use super::{Acl, AclType, Action, Client, Decision, Effect, Group, Links, Policy, Reason, Role, RoleName};

/// From how many roles on they are merged.
pub(super) const ENOUGH_ROLES: usize = 3;
/// How many ACLs one client's roles may have, to be merged.
const MOST_ACLS: usize = 10_000;
/// How many ACLs all that is merged may have.
const MOST_ACLS_IN_ALL: usize = 100_000;
/// How many different sets of roles are merged.
const MOST_SETS: usize = 256;
/// How many clients may be linked to what is merged.
const MOST_CLIENTS: usize = 65_536;

/// The client whose roles had to be asked one by one, if they were many.
pub type Walked<'a> = Option<&'a Arc<Client>>;

/// All that is merged.
#[derive(Debug, Default)]
pub(super) struct MergedRoles {
    // INVARIANT: the numbers of a client's set are those of a set in `sets`; only `tend` takes sets away.
    sets: Vec<Merged>,
    /// By the address of the client's record, which is held, so that no other can come to lie there.
    clients: HashTable<(Arc<Client>, usize)>,
    /// Rises whenever a role or group is replaced: what is of an earlier time may be stale.
    time: u64,
}

/// The roles that some clients have, their own and those of their groups.
#[derive(Debug)]
pub(super) struct Merged {
    /// One of those clients.
    client: Arc<Client>,
    held: Held,
    /// When it was known to be true.
    time: u64,
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
pub(super) struct Irregular;

/// Roles in the order in which they are asked, each with the group that it comes through.
type Held = Vec<(Option<Arc<Group>>, Arc<Role>)>;

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

impl MergedRoles {
    /// What a client's roles are merged to.
    #[inline]
    pub(super) fn of(&self, client: &Arc<Client>, keys: &Keys) -> Option<&Merged> {
        let (_, set) = self.clients.find(place(client, keys), |(other, _)| Arc::ptr_eq(other, client))?;
        self.sets.get(*set).filter(|merged| merged.time == self.time)
    }

    /// A role or group is replaced.
    pub(super) fn outdate(&mut self) {
        self.time = self.time.wrapping_add(1);
    }

    fn link(&mut self, client: &Arc<Client>, set: usize, keys: &Keys) {
        if self.clients.len() >= MOST_CLIENTS {
            self.clients.clear();
        }
        let place_of = |client: &Arc<Client>| place(client, keys);
        if let Some((_, old)) =
            self.clients.find_mut(place_of(client), |(other, _)| Arc::ptr_eq(other, client))
        {
            *old = set;
            return;
        }
        let entry = (Arc::clone(client), set);
        self.clients.insert_unique(place_of(client), entry, |(client, _)| place_of(client));
    }
}

#[inline]
fn place(client: &Arc<Client>, keys: &Keys) -> u64 {
    keys.hash_pair(Arc::as_ptr(client).addr() as u64, 0)
}

impl Policy {
    /// Merges a client's roles, if they are many and it is not done already, and says how many ACLs were filed.
    pub fn merge(&mut self, client: &Arc<Client>) -> usize {
        let is_current =
            self.client(client.username.as_bytes()).is_some_and(|current| Arc::ptr_eq(current, client));
        if !is_current || self.merged.of(client, self.keys()).is_some() {
            return 0;
        }
        let held = self.roles_held(client);
        let acls = held
            .iter()
            .flat_map(|(_, role)| AclType::ALL.map(|acl_type| role.acls(acl_type).len()))
            .fold(0_usize, usize::saturating_add);
        if held.len() < ENOUGH_ROLES || acls > MOST_ACLS {
            return 0;
        }
        let is_same = |merged: &Merged| are_same(&merged.held, &held);
        if let Some(set) = self.merged.sets.iter().position(is_same) {
            let keys = *self.keys();
            self.merged.link(client, set, &keys);
            return 0;
        }
        let in_all = self.merged.sets.iter().map(|merged| merged.acls).fold(acls, usize::saturating_add);
        if in_all > MOST_ACLS_IN_ALL || self.merged.sets.len() >= MOST_SETS {
            // All begins anew, with those who are asked about now.
            let time = self.merged.time;
            self.merged = MergedRoles { time, ..MergedRoles::default() };
        }
        let keys = *self.keys();
        let merged = Merged::new(Arc::clone(client), held, acls, self.merged.time, &keys);
        let set = self.merged.sets.len();
        self.merged.sets.push(merged);
        self.merged.link(client, set, &keys);
        acls
    }

    /// Keeps of what is merged what is still true, once something was replaced.
    pub fn tend_merged(&mut self) {
        let time = self.merged.time;
        if self.merged.sets.iter().all(|merged| merged.time == time) {
            return;
        }
        let is_true = |merged: &Merged| are_same(&merged.held, &self.roles_held(&merged.client));
        let are_true: Vec<bool> = self.merged.sets.iter().map(is_true).collect();
        // The numbers of those that stay, once the others are gone.
        let numbers: Vec<Option<usize>> = are_true
            .iter()
            .scan(0_usize, |next, is_true| {
                let number = is_true.then_some(*next);
                *next = next.saturating_add(usize::from(*is_true));
                Some(number)
            })
            .collect();
        let merged = &mut self.merged;
        let mut are_true = are_true.into_iter();
        merged.sets.retain(|_| are_true.next().unwrap_or_default());
        for set in &mut merged.sets {
            set.time = time;
        }
        merged.clients.retain(|(_, set)| match numbers.get(*set) {
            Some(Some(number)) => {
                *set = *number;
                true
            }
            _ => false,
        });
    }

    /// A client's roles, first asked first.
    fn roles_held(&self, client: &Client) -> Held {
        let mut held = Vec::new();
        let mut add = |roles: &Links<RoleName>, group: Option<&Arc<Group>>| {
            let roles = roles.iter().filter_map(|link| self.linked_role(&link.name));
            held.extend(roles.map(|(role, _)| (group.cloned(), Arc::clone(role))));
        };
        add(&client.roles, None);
        for group in client.groups.iter().filter_map(|link| self.linked_group(&link.name)) {
            add(&group.roles, Some(group));
        }
        held
    }
}

/// Whether both are the same records.
fn are_same(one: &Held, other: &Held) -> bool {
    let is_same = |((group, role), (other_group, other_role)): (&(_, Arc<Role>), &(_, Arc<Role>))| {
        let same_group = match (group, other_group) {
            (None, None) => true,
            (Some(group), Some(other)) => Arc::<Group>::ptr_eq(group, other),
            _ => false,
        };
        same_group && Arc::ptr_eq(role, other_role)
    };
    one.len() == other.len() && one.iter().zip(other).all(is_same)
}

impl Merged {
    fn new(client: Arc<Client>, held: Held, acls: usize, time: u64, keys: &Keys) -> Self {
        let mut merged = Self {
            client,
            held: Vec::new(),
            time,
            acls,
            send: Index::default(),
            receive: Index::default(),
            subscribe: Index::default(),
            unsubscribe: Index::default(),
            subscribe_literals: Literals::default(),
            unsubscribe_literals: Literals::default(),
            refuses_wildcards: None,
        };
        let mut ranks = 0_u64..;
        for (number, (_, role)) in held.iter().enumerate() {
            let Some(first) = ranks.next().map(Rank::of_number) else { break };
            if !role.allow_wildcard_subs && merged.refuses_wildcards.is_none() {
                merged.refuses_wildcards = Some((number, first));
            }
            // Literal types come before their patterns.
            for acl_type in AclType::ALL {
                for (acl, rank) in role.acls(acl_type).iter().zip(&mut ranks) {
                    merged.file(
                        acl_type,
                        Rank::of_number(rank),
                        Ruled { held: number, acl: Arc::clone(acl) },
                        keys,
                    );
                }
            }
        }
        Self { held, ..merged }
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
    pub(super) fn ask(&self, question: &mut Question<'_, '_>) -> Result<Option<Decision<'_>>, Irregular> {
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

#[cfg(test)]
#[path = "merged_tests.rs"]
mod tests;
