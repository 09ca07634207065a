//! Decoys: hashes whose work a login under a name without a password takes, so that the time it takes does not tell the
//! names that exist.
//!
//! They are the hashes in use, by the work that they take. A keyed hash of the name chooses one, each cost as often as it
//! occurs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Client, Password, Policy};
use crate::password::{Cost, PasswordHash};

/// How many different costs are looked at.
const MOST: usize = 64;

/// The hashes in use.
#[derive(Debug, Default)]
pub(super) struct Decoys {
    by_cost: BTreeMap<Cost, InUse>,
}

#[derive(Debug)]
struct InUse {
    clients: u32,
    /// One of them: its client may be gone by now.
    example: PasswordHash,
}

impl Decoys {
    /// Follows the change of a client.
    pub(super) fn follow(&mut self, old: Option<&Client>, new: Option<&Client>) {
        let (old, new) = (hash_of(old), hash_of(new));
        if old == new {
            return;
        }
        if let Some(hash) = new {
            self.add(hash, 1);
        }
        if let Some(cost) = old.map(PasswordHash::cost)
            && let Some(in_use) = self.by_cost.get_mut(&cost)
        {
            in_use.clients = in_use.clients.saturating_sub(1);
            if in_use.clients == 0 {
                self.by_cost.remove(&cost);
            }
        }
    }

    /// Follows clients that come all at once. Most have hashes like the one before.
    pub(super) fn fill(&mut self, clients: &[Arc<Client>]) {
        let cost = |client: &Arc<Client>| hash_of(Some(client)).map(PasswordHash::cost);
        for alike in clients.chunk_by(|one, other| cost(one) == cost(other)) {
            if let Some(hash) = alike.first().and_then(|client| hash_of(Some(client))) {
                self.add(hash, alike.len());
            }
        }
    }

    fn add(&mut self, hash: &PasswordHash, clients: usize) {
        let example = || InUse { clients: 0, example: hash.clone() };
        let in_use = self.by_cost.entry(hash.cost()).or_insert_with(example);
        in_use.clients = in_use.clients.saturating_add(u32::try_from(clients).unwrap_or(u32::MAX));
    }

    /// The hash whose work a name without a password takes. `key` is a keyed hash of the name. Which one it is
    /// changes only with the costs that occur and how often they do (weighted rendezvous hashing).
    fn choose(&self, key: u64) -> Option<&PasswordHash> {
        let score = |(place, in_use): &(u64, &InUse)| -uniform(key, *place).ln() / f64::from(in_use.clients);
        let places = (1..).zip(self.by_cost.values().take(MOST));
        places.min_by(|a, b| score(a).total_cmp(&score(b))).map(|(_, in_use)| &in_use.example)
    }
}

fn hash_of(client: Option<&Client>) -> Option<&PasswordHash> {
    match &client?.password {
        Password::Hash(hash) => Some(hash),
        Password::None | Password::Unusable => None,
    }
}

/// A number between 0 and 1, neither of them, from a key and a place (`SplitMix64`).
fn uniform(key: u64, place: u64) -> f64 {
    let mut x = key.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    // 32 bits are exact in a float.
    (f64::from(u32::try_from(x >> 32).unwrap_or(0)) + 0.5) / 4_294_967_296.0
}

impl Policy {
    /// A hash for a login under that name to take the work of, where there is none to compare with; `None` if
    /// no client has a password.
    #[must_use]
    pub fn decoy(&self, username: &[u8]) -> Option<&PasswordHash> {
        self.decoys.choose(self.keys().hash(username))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::Iterations;
    use crate::policy::{Compat, Newcomers, Username};

    fn hash_with(iterations: u32) -> PasswordHash {
        PasswordHash::create(b"pw", Iterations::try_from(iterations).unwrap()).unwrap()
    }

    fn put(policy: &mut Policy, name: &str, iterations: u32) {
        let client = Client::new(Username::new(name.as_bytes()).unwrap());
        policy.put_client(Client { password: Password::Hash(hash_with(iterations)), ..client }).unwrap();
    }

    fn chosen(policy: &Policy, iterations: u32) -> usize {
        let names = (0..1000).map(|number| format!("unknown{number}"));
        names.filter(|name| policy.decoy(name.as_bytes()).unwrap().iterations() == Some(iterations)).count()
    }

    #[test]
    fn each_cost_is_chosen_as_often_as_it_occurs_and_the_same_for_a_name() {
        let mut policy = Policy::new(Compat::V2_1);
        assert!(policy.decoy(b"x").is_none());
        put(&mut policy, "admin", 200);
        assert_eq!(chosen(&policy, 200), 1000);
        for number in 0..9 {
            put(&mut policy, &format!("client{number}"), 101);
        }
        let rare = chosen(&policy, 200);
        assert!((50..200).contains(&rare), "{rare} of about 100");
        let before: Vec<_> =
            (0..100).map(|n| policy.decoy(format!("n{n}").as_bytes()).unwrap().cost()).collect();
        put(&mut policy, "client9", 101);
        let after: Vec<_> =
            (0..100).map(|n| policy.decoy(format!("n{n}").as_bytes()).unwrap().cost()).collect();
        let others = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(others < 10, "{others} have changed");
    }

    #[test]
    fn the_costs_of_clients_that_come_all_at_once_are_chosen_and_counted() {
        let mut policy = Policy::new(Compat::V2_1);
        let mut newcomers = Newcomers::new(&policy, 5);
        for (name, iterations) in
            [("a", Some(101)), ("b", Some(101)), ("c", None), ("d", Some(101)), ("e", Some(200))]
        {
            let hash = iterations.map(hash_with);
            let client = Client::new(Username::new(name.as_bytes()).unwrap());
            newcomers.add(Client { password: hash.map_or(Password::None, Password::Hash), ..client });
        }
        policy.fill(newcomers).unwrap();
        let rare = chosen(&policy, 200);
        assert!((125..375).contains(&rare), "{rare} of about 250");
        policy.remove_client(&Username::new(b"e").unwrap());
        policy.remove_client(&Username::new(b"a").unwrap());
        policy.remove_client(&Username::new(b"b").unwrap());
        assert_eq!(chosen(&policy, 101), 1000);
        policy.remove_client(&Username::new(b"d").unwrap());
        assert!(policy.decoy(b"x").is_none());
    }

    #[test]
    fn costs_that_do_not_occur_any_more_are_not_chosen() {
        let mut policy = Policy::new(Compat::V2_1);
        policy.keep();
        put(&mut policy, "ann", 200);
        put(&mut policy, "bob", 101);
        let mark = policy.mark();
        put(&mut policy, "ann", 101);
        assert_eq!(chosen(&policy, 101), 1000);
        policy.undo_to(mark);
        assert_ne!(chosen(&policy, 200), 0);
        policy.remove_client(&Username::new(b"ann").unwrap());
        policy.remove_client(&Username::new(b"bob").unwrap());
        assert!(policy.decoy(b"x").is_none());
    }
}
