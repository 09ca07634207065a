//! The usernames that were deleted since the start: their certificates are still good.

use std::collections::{BTreeMap, HashMap};

use super::{Policy, Username};

/// How many are remembered; beyond that the oldest are forgotten.
const MOST: usize = 100_000;

/// Usernames that the policy knew and does not know any more.
#[derive(Debug, Default)]
pub(super) struct DeletedUsernames {
    by_name: HashMap<Username, u64>,
    by_age: BTreeMap<u64, Username>,
    last: u64,
}

impl DeletedUsernames {
    pub(super) fn contains(&self, username: &[u8]) -> bool {
        !self.by_name.is_empty() && self.by_name.contains_key(username)
    }

    pub(super) fn insert(&mut self, username: &Username) {
        self.remove(username);
        self.last = self.last.saturating_add(1);
        self.by_name.insert(username.clone(), self.last);
        self.by_age.insert(self.last, username.clone());
        if self.by_age.len() > MOST
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_name.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, username: &Username) {
        if let Some(age) = self.by_name.remove(username) {
            self.by_age.remove(&age);
        }
    }
}

impl Policy {
    /// What was deleted from the policy whose place this takes was deleted here too, unless it is there.
    pub fn take_deleted_of(&mut self, other: &mut Self) {
        let mut deleted = std::mem::take(&mut other.deleted_usernames);
        let present = deleted.by_name.keys().filter(|name| self.client(name.as_bytes()).is_some());
        for name in present.cloned().collect::<Vec<_>>() {
            deleted.remove(&name);
        }
        self.deleted_usernames = deleted;
    }

    /// Whether there was a client of that name since the start, and is none now.
    #[must_use]
    pub fn was_deleted(&self, username: &[u8]) -> bool {
        self.deleted_usernames.contains(username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Client, Compat};

    fn name(number: usize) -> Username {
        Username::new(number.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn who_takes_another_policy_s_place_has_what_was_deleted_from_it_and_is_not_there() {
        let [mut policy, mut next] = [(); 2].map(|()| Policy::new(Compat::V2_1));
        for number in 0..2 {
            policy.put_client(Client::new(name(number))).unwrap();
            policy.remove_client(&name(number));
        }
        next.put_client(Client::new(name(1))).unwrap();
        next.take_deleted_of(&mut policy);
        assert_eq!([&b"0"[..], b"1", b"2"].map(|name| next.was_deleted(name)), [true, false, false]);
        assert_eq!((next.deleted_usernames.by_name.len(), next.deleted_usernames.by_age.len()), (1, 1));
    }

    #[test]
    fn beyond_the_bound_the_oldest_are_forgotten() {
        let mut deleted = DeletedUsernames::default();
        for number in 0..MOST {
            deleted.insert(&name(number));
        }
        deleted.insert(&name(0));
        deleted.insert(&name(MOST));
        assert!(deleted.contains(b"0"), "it was deleted again");
        assert!(!deleted.contains(b"1"));
        assert!(deleted.contains(b"2"));
        assert_eq!(deleted.by_name.len(), MOST);
        assert_eq!(deleted.by_age.len(), MOST);
    }
}
