//! Several records with one name, or several ACLs of a type with one topic, given for one role: one of them counts.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::{Acl, AclType, Compat, TextKeys};

/// Which of them counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfSeveral {
    /// The first.
    First,
    /// The first of those with the highest priority.
    FirstOfHighest,
    /// The last.
    Last,
}

impl OfSeveral {
    /// Of clients, groups or roles with one name. Up to 2.0.15 the C plugin loads them all, lists all, and finds the one that
    /// was loaded last: that is the one that its commands change and, but for the members of a group, that it decides by.
    /// (Where there are more than a hundred its tables find the first of some names.) From 2.0.16 on it loads the first.
    #[must_use]
    pub fn of_records(compat: Compat) -> Self {
        match compat {
            Compat::V2_0 | Compat::V2_0_15 => Self::Last,
            Compat::V2_0_21 | Compat::V2_1 => Self::First,
        }
    }

    /// Of ACLs. Up to 2.0.15 the C plugin keeps all. It asks by priority, but for literal ACLs, of which it finds the one that
    /// was added last. From 2.0.16 on it keeps the first.
    #[must_use]
    pub fn of_acls(acl_type: AclType, compat: Compat) -> Self {
        match compat {
            Compat::V2_0 | Compat::V2_0_15 if acl_type.is_literal() => Self::Last,
            Compat::V2_0 | Compat::V2_0_15 => Self::FirstOfHighest,
            Compat::V2_0_21 | Compat::V2_1 => Self::First,
        }
    }
}

/// Which of these ACLs count, as given for one role: one of each type and topic ([`OfSeveral`]).
#[must_use]
pub fn which_count(acls: &[(AclType, Acl)], compat: Compat) -> Vec<bool> {
    let keys = TextKeys::of_process();
    let hash = |(acl_type, acl): &(AclType, Acl)| keys.hash_after(*acl_type as u64, &acl.topic);
    let hash_at = |&index: &usize| acls.get(index).map_or(0, hash);
    let mut counting = HashTable::with_capacity(acls.len());
    for (index, of_type @ (acl_type, acl)) in acls.iter().enumerate() {
        let is_same = |&other: &usize| {
            acls.get(other).is_some_and(|(of, other)| of == acl_type && other.topic == acl.topic)
        };
        match counting.entry(hash(of_type), is_same, hash_at) {
            Entry::Vacant(place) => _ = place.insert(index),
            Entry::Occupied(mut best) => {
                let is_better = match OfSeveral::of_acls(*acl_type, compat) {
                    OfSeveral::First => false,
                    OfSeveral::FirstOfHighest => {
                        acls.get(*best.get()).is_some_and(|(_, best)| best.priority < acl.priority)
                    }
                    OfSeveral::Last => true,
                };
                if is_better {
                    *best.get_mut() = index;
                }
            }
        }
    }
    let mut counts = vec![false; acls.len()];
    for index in counting {
        if let Some(counts) = counts.get_mut(index) {
            *counts = true;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Priority;

    #[test]
    fn one_of_several_counts() {
        let given = |acl_type| {
            let acls = [("a", 1), ("b", 0), ("a", 5), ("a", 5), ("a", 3)];
            acls.map(|(topic, priority)| {
                (acl_type, Acl::new(topic.as_bytes(), Priority::new(priority, Compat::V2_0), true))
            })
        };
        for (acl_type, compat, expected) in [
            (AclType::PublishClientSend, Compat::V2_0, [1, 2]),
            (AclType::SubscribePattern, Compat::V2_0, [1, 2]),
            (AclType::SubscribeLiteral, Compat::V2_0, [1, 4]),
            (AclType::UnsubscribeLiteral, Compat::V2_0, [1, 4]),
            (AclType::PublishClientSend, Compat::V2_0_15, [1, 2]),
            (AclType::SubscribeLiteral, Compat::V2_0_15, [1, 4]),
            (AclType::SubscribeLiteral, Compat::V2_0_21, [0, 1]),
            (AclType::PublishClientSend, Compat::V2_1, [0, 1]),
        ] {
            let counts = which_count(&given(acl_type), compat);
            let counting: Vec<usize> = (0..counts.len()).filter(|index| counts[*index]).collect();
            assert_eq!(counting, expected, "{acl_type:?} {compat:?}");
        }
        let [first, .., last] = given(AclType::PublishClientReceive);
        let literal = (AclType::SubscribeLiteral, last.1);
        assert_eq!(which_count(&[first, literal], Compat::V2_0), [true, true], "of two types both count");
    }
}
