//! Whose roles are merged, and when.
//!
//! As long as a client's roles are not merged, a check *walks*: it asks them one by one. To merge them is to file all their ACLs
//! (`merged.rs`), which takes as long as many walks, so a set of roles has to earn it: each walk earns it what merging would have
//! saved of that, all roles that were asked but one. A set that has earned its price, which is what filing it takes, is merged, and
//! what it has earned is spent. So **filing takes no longer than the walks took that it followed**, however many sets there are,
//! in whatever order they ask, and whatever is changed meanwhile: all checks together take at most about twice as long as if
//! nothing were ever merged. Only what is merged first is merged on credit, at its first walk: most policies have few sets.
//!
//! Where there is no room, a set takes the place of others, in turn, and has to earn twice their price, too: they walk until they
//! have earned it again, and are filed again. So who asks often loses little to many who ask seldom: what that takes, those have walked
//! for themselves before. How often a merged set is asked is not counted: each check would have to do that.
//!
//! All this is done beside the checks, at ticks, and each of those files a few ACLs only ([`Policy::merge`]). To find out what set a
//! client has, and whether that is still true, its links are looked at, which may be many more than were asked: that has to be
//! earned by walks of that client, too.

mod merged;
mod walks;

use std::mem;
use std::sync::Arc;

use hashbrown::HashTable;

use merged::Held;
pub(super) use merged::{Irregular, Merged};
pub use walks::Walks;

use super::dropped_later::LARGE;
use super::hash::Keys;
use super::link::lead_alike;
use super::name::Linked;
use super::{Client, Group, Links, Policy, RoleName};

/// From how many roles on they are merged.
pub(super) const ENOUGH_ROLES: u32 = 3;
/// How many ACLs one client's roles may have, to be merged.
const MOST_ACLS: usize = 10_000;
/// How many ACLs all that is merged may have.
const MOST_ACLS_IN_ALL: usize = 100_000;
/// How many different sets of roles are merged.
const MOST_SETS: usize = 1 << Ticket::SLOT_BITS;
/// Of how many sets is known what they have earned, or that they are merged.
const MOST_KNOWN: usize = 1_024;
/// How many clients may be linked to what is merged.
const MOST_CLIENTS: usize = 65_536;

/// Filing an ACL takes as long as asking so many roles in a walk, or less: about 2,500 instructions against 250.
const PRICE_OF_ACL: u64 = 12;
/// What may be merged without being earned, as the price of so many ACLs: about eight milliseconds, once.
const CREDIT: u64 = 20_000 * PRICE_OF_ACL;
/// What a set takes beyond its ACLs and roles, as so many ACLs.
const ACLS_OF_A_SET: u64 = 20;

/// The client whose roles had to be asked one by one, and how many were, if they were many.
pub type Walked<'a> = Option<(&'a Arc<Client>, u32)>;

/// All that is merged, and what is to be.
#[derive(Debug)]
pub(super) struct MergedRoles {
    // INVARIANT: no more than `MOST_SETS`. None is taken out, but replaced.
    sets: Vec<Set>,
    /// By the address of the client's record, which is held, so that no other can come to lie there.
    clients: HashTable<(Arc<Client>, Ticket)>,
    /// By [`Policy::key_of_set`].
    known: HashTable<(u64, Known)>,
    /// Large ones that were forgotten: another thread is to drop them ([`Policy::take_droppable`]).
    pub(super) to_drop: Vec<Merged>,
    /// The numbers of those that are empty.
    free: Vec<usize>,
    /// How many ACLs the sets have.
    acls: usize,
    /// What is left of [`CREDIT`].
    credit: u64,
    /// How many sets there have been.
    tickets: u64,
    /// The number of the set that is driven out next.
    oldest: usize,
    /// Whether a set is known to be true.
    is_any_true: bool,
}

/// Merged roles, and clients that have them.
#[derive(Debug)]
struct Set {
    // INVARIANT: all clients that have its ticket are linked alike, so that what is true for one is for all, also later.
    /// One of them.
    client: Arc<Client>,
    key: u64,
    price: u64,
    ticket: Ticket,
    /// Whether the roles are known to be those that its clients have.
    is_true: bool,
    /// The ticket, as long as that is so and all is filed.
    shown: Ticket,
    merged: Merged,
}

/// What a client's link leads to: the number of a set, and which of all that have that number by and by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket(u64);

impl Ticket {
    const SLOT_BITS: u32 = 8;
    /// None of those that are made.
    const NONE: Self = Self(u64::MAX);

    fn new(set: usize, number: u64) -> Self {
        Self(number << Self::SLOT_BITS | set as u64)
    }

    #[inline]
    fn set(self) -> usize {
        usize::from(self.0.to_le_bytes()[0])
    }
}

/// What is known of a set of roles.
#[derive(Debug)]
enum Known {
    Earned {
        sum: u64,
        price: u64,
    },
    /// It has that number.
    Merged(usize),
}

impl Default for MergedRoles {
    fn default() -> Self {
        Self {
            sets: Vec::new(),
            clients: HashTable::new(),
            known: HashTable::new(),
            to_drop: Vec::new(),
            free: Vec::new(),
            acls: 0,
            credit: CREDIT,
            tickets: 0,
            oldest: 0,
            is_any_true: false,
        }
    }
}

impl MergedRoles {
    /// What a client's roles are merged to.
    #[inline]
    pub(super) fn of(&self, client: &Arc<Client>, keys: &Keys) -> Option<&Merged> {
        let (_, ticket) = self.clients.find(place(client, keys), |(other, _)| Arc::ptr_eq(other, client))?;
        let set = self.sets.get(ticket.set()).filter(|set| set.shown == *ticket)?;
        Some(&set.merged)
    }

    /// A role or group is replaced: what is merged may be stale.
    pub(super) fn outdate(&mut self) {
        if mem::take(&mut self.is_any_true) {
            for set in &mut self.sets {
                (set.is_true, set.shown) = (false, Ticket::NONE);
            }
        }
    }

    /// A walk earns a set that much. Says what is known of it then; nothing if so much is known of others that it had to be taken
    /// from them instead, so that those stay known that earn the most.
    fn earn(&mut self, key: u64, saved: u64) -> Option<&mut Known> {
        let is_it = |(other, _): &(u64, Known)| *other == key;
        if self.known.len() >= MOST_KNOWN && self.known.find(key, is_it).is_none() {
            self.known.retain(|(_, known)| match known {
                Known::Merged(_) => true,
                Known::Earned { sum, .. } => {
                    *sum = sum.saturating_sub(saved);
                    *sum > 0
                }
            });
            return None;
        }
        let (_, known) = self
            .known
            .entry(key, is_it, |(key, _)| *key)
            .or_insert((key, Known::Earned { sum: 0, price: 0 }))
            .into_mut();
        if let Known::Earned { sum, .. } = known {
            *sum = sum.saturating_add(saved);
        }
        Some(known)
    }

    fn note(&mut self, key: u64, now: Known) {
        if let Some((_, known)) = self.known.find_mut(key, |(other, _)| *other == key) {
            *known = now;
        }
    }

    /// Takes what a set has not earned yet from the credit; false if that is too little.
    fn borrow(&mut self, lacking: u64) -> bool {
        let left = self.credit.checked_sub(lacking);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }

    /// How many sets have to go, in their turn, for one of so many ACLs, and what they were worth.
    fn in_the_way(&self, acls: usize) -> (usize, u64) {
        let mut all_acls = self.acls.saturating_add(acls);
        let mut has_number = self.sets.len() < MOST_SETS || !self.free.is_empty();
        let (mut sets, mut worth) = (0_usize, 0_u64);
        let in_turn = self.sets.iter().cycle().skip(self.oldest).take(self.sets.len());
        for set in in_turn {
            if has_number && all_acls <= MOST_ACLS_IN_ALL {
                break;
            }
            has_number = true;
            all_acls = all_acls.saturating_sub(set.merged.acls());
            worth = worth.saturating_add(set.price);
            sets = sets.saturating_add(1);
        }
        (sets, worth)
    }

    /// Gives roles a number, in the place of that many others.
    fn admit(&mut self, client: &Arc<Client>, key: u64, merged: Merged, driven_out: usize) -> usize {
        for _ in 0..driven_out {
            self.forget(self.oldest);
            self.oldest = self.oldest.saturating_add(1);
            if self.oldest >= self.sets.len() {
                self.oldest = 0;
            }
        }
        let number = self.free.pop().unwrap_or(self.sets.len());
        self.tickets = self.tickets.wrapping_add(1);
        self.acls = self.acls.saturating_add(merged.acls());
        self.note(key, Known::Merged(number));
        let set = Set {
            client: Arc::clone(client),
            key,
            price: price_of(&merged),
            ticket: Ticket::new(number, self.tickets),
            is_true: false,
            shown: Ticket::NONE,
            merged,
        };
        match self.sets.get_mut(number) {
            Some(place) => *place = set,
            None => self.sets.push(set),
        }
        number
    }

    /// Drops what is merged, if it is not done already.
    fn forget(&mut self, number: usize) {
        let Some(set) = self.sets.get_mut(number).filter(|set| set.ticket != Ticket::NONE) else { return };
        if let Ok(known) = self.known.find_entry(set.key, |(key, _)| *key == set.key) {
            known.remove();
        }
        self.acls = self.acls.saturating_sub(set.merged.acls());
        (set.ticket, set.shown, set.price) = (Ticket::NONE, Ticket::NONE, 0);
        let merged = mem::take(&mut set.merged);
        self.free.push(number);
        if merged.acls() >= LARGE {
            self.to_drop.push(merged);
        }
    }

    /// Files ACLs of a set that is known to be true.
    fn file_some(&mut self, number: usize, most: usize, keys: &Keys) -> usize {
        let Some(set) = self.sets.get_mut(number) else { return 0 };
        (set.is_true, self.is_any_true) = (true, true);
        let filed = set.merged.file_some(most, keys);
        if set.merged.is_filed() {
            set.shown = set.ticket;
        }
        filed
    }

    /// Lets a client's checks find a set, once that is shown.
    fn link(&mut self, number: usize, client: &Arc<Client>, keys: &Keys) {
        let shown = self.sets.get(number).map(|set| set.shown).filter(|ticket| *ticket != Ticket::NONE);
        let Some(ticket) = shown else { return };
        let place_of = |client: &Arc<Client>| place(client, keys);
        let is_it = |(other, _): &(Arc<Client>, Ticket)| Arc::ptr_eq(other, client);
        if let Some((_, old)) = self.clients.find_mut(place_of(client), is_it) {
            *old = ticket;
            return;
        }
        if self.clients.len() >= MOST_CLIENTS {
            // Every other one has to be linked anew.
            let mut stays = false;
            self.clients.retain(|_| {
                stays = !stays;
                stays
            });
        }
        let entry = (Arc::clone(client), ticket);
        self.clients.insert_unique(place_of(client), entry, |(client, _)| place_of(client));
    }
}

#[inline]
fn place(client: &Arc<Client>, keys: &Keys) -> u64 {
    keys.hash_pair(Arc::as_ptr(client).addr() as u64, 0)
}

/// What a set has to earn.
fn price_of(merged: &Merged) -> u64 {
    let acls = (merged.acls() as u64).saturating_add(merged.roles() as u64).saturating_add(ACLS_OF_A_SET);
    acls.saturating_mul(PRICE_OF_ACL)
}

impl Policy {
    /// So many of a client's roles were asked since that was last said: that is earned by its set, which is merged once it is worth
    /// it.
    pub(super) fn merge_walked(&mut self, client: &Arc<Client>, asked: u32, left: &mut usize) {
        let key = self.key_of_set(client);
        match self.merged.earn(key, u64::from(asked.saturating_sub(1))) {
            None => {}
            Some(&mut Known::Merged(number)) => self.link(number, client, left),
            Some(&mut Known::Earned { sum, price }) if sum < price => {}
            Some(&mut Known::Earned { sum, .. }) => self.buy(key, sum, client, left),
        }
    }

    /// Merges a set that has earned its price, as far as that was known.
    fn buy(&mut self, key: u64, sum: u64, client: &Arc<Client>, left: &mut usize) {
        let merged = Merged::new(self.roles_to_merge(client));
        let (driven_out, worth) = self.merged.in_the_way(merged.acls());
        let price = price_of(&merged).saturating_add(worth.saturating_mul(2));
        let is_fit = merged.acls() <= MOST_ACLS;
        if sum < price && !(is_fit && driven_out == 0 && self.merged.borrow(price.saturating_sub(sum))) {
            self.merged.note(key, Known::Earned { sum, price });
        } else if !is_fit {
            // That is looked at again when it would be worth it again.
            self.merged.note(key, Known::Earned { sum: 0, price });
        } else {
            let number = self.merged.admit(client, key, merged, driven_out);
            self.link(number, client, left);
        }
    }

    /// Files what is left of a set, and links a client to it when nothing is. What is not true any more is forgotten.
    fn link(&mut self, number: usize, client: &Arc<Client>, left: &mut usize) {
        let keys = *self.keys();
        let is_current = |current| Arc::ptr_eq(current, client);
        let Some(set) = self.merged.sets.get(number) else { return };
        if !are_linked_alike(&set.client, client)
            || !self.client(client.username.as_bytes()).is_some_and(is_current)
        {
            return;
        }
        if set.is_true || set.merged.is_of(&self.roles_to_merge(client)) {
            *left = left.saturating_sub(self.merged.file_some(number, *left, &keys));
            self.merged.link(number, client, &keys);
        } else {
            self.merged.forget(number);
        }
    }

    /// A hash of where a client's links lead.
    fn key_of_set(&self, client: &Client) -> u64 {
        let roles = client.roles.iter().map(|link| link.name.place());
        let groups = client.groups.iter().map(|link| link.name.place());
        let many = client.roles.iter().len() as u64;
        roles.chain(groups).fold(many, |hash, place| self.keys().hash_pair(hash, place as u64))
    }

    /// A client's roles, first asked first.
    fn roles_to_merge(&self, client: &Client) -> Held {
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

/// Whether the links of both lead to the same, in the same order, whatever that comes to: of a group without roles, and of
/// what was deleted, nothing is seen in the roles that they have now.
fn are_linked_alike(one: &Client, other: &Client) -> bool {
    lead_alike(&one.roles, &other.roles) && lead_alike(&one.groups, &other.groups)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod sharing_tests;

#[cfg(test)]
mod earning_tests;
