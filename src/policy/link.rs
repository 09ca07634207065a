//! Links from one record to others, in the order in which they are asked.

use std::borrow::Borrow;

use super::name::Linked;
use super::{Extra, Priority};

/// A link to a role or a group. In a policy it leads to the one that has this very name, not to any that is called the same:
/// [`super::Policy::put_client`] and its like see to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<N> {
    /// What it links to.
    pub name: N,
    /// Its rank among its siblings.
    pub priority: Priority,
    /// What else the file says of it.
    pub extra: Extra,
}

/// The links of a record: highest priority first, then by the name's bytes, each name once.
#[derive(Clone, Debug)]
pub struct Links<N>(Held<N>);

/// Most records have one link or none: those take no allocation.
#[derive(Clone, Debug)]
enum Held<N> {
    One(Link<N>),
    // INVARIANT: not one.
    More(Box<[Link<N>]>),
}

impl<N> Default for Links<N> {
    fn default() -> Self {
        Self(Held::More(Box::default()))
    }
}

impl<N> From<Vec<Link<N>>> for Links<N> {
    fn from(mut links: Vec<Link<N>>) -> Self {
        match (links.pop(), links.is_empty()) {
            (None, _) => Self::default(),
            (Some(only), true) => Self(Held::One(only)),
            (Some(last), false) => {
                links.push(last);
                Self(Held::More(links.into()))
            }
        }
    }
}

impl<N> From<Link<N>> for Links<N> {
    fn from(link: Link<N>) -> Self {
        Self(Held::One(link))
    }
}

impl<N: Ord + Clone + Borrow<[u8]>> Links<N> {
    /// The links in their order; of several to the same name the first given stays.
    pub fn from_given(links: impl IntoIterator<Item = Link<N>>) -> Self {
        let mut links = links.into_iter();
        let (Some(first), second) = (links.next(), links.next()) else { return Self::default() };
        let Some(second) = second else { return first.into() };
        let mut sorted: Vec<Link<N>> = [first, second].into_iter().chain(links).collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        sorted.dedup_by(|later, earlier| later.name == earlier.name);
        sorted.sort_by_key(|link| std::cmp::Reverse(link.priority));
        sorted.into()
    }

    /// The link to `name`.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Link<N>> {
        self.iter().find(|link| link.name.borrow() == name)
    }

    /// The same with one more; `None` if that name is already linked.
    #[must_use]
    pub fn with(&self, link: Link<N>) -> Option<Self> {
        if self.get(link.name.borrow()).is_some() {
            return None;
        }
        let at = self.as_slice().partition_point(|other| {
            other.priority > link.priority || (other.priority == link.priority && other.name < link.name)
        });
        let mut links = self.as_slice().to_vec();
        links.insert(at, link);
        Some(links.into())
    }

    /// The same without the link to `name`; `None` if there is none.
    #[must_use]
    pub fn without(&self, name: &[u8]) -> Option<Self> {
        self.get(name)?;
        let others: Vec<_> = self.iter().filter(|link| link.name.borrow() != name).cloned().collect();
        Some(others.into())
    }
}

impl<N> Links<N> {
    /// The links, first asked first.
    pub fn iter(&self) -> std::slice::Iter<'_, Link<N>> {
        self.as_slice().iter()
    }

    /// The only one, if there is one.
    #[inline]
    #[must_use]
    pub fn only(&self) -> Option<&Link<N>> {
        match &self.0 {
            Held::One(link) => Some(link),
            Held::More(_) => None,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    fn as_slice(&self) -> &[Link<N>] {
        match &self.0 {
            Held::One(link) => std::slice::from_ref(link),
            Held::More(links) => links,
        }
    }
}

/// Whether one of these links leads to what has this very name.
pub(super) fn lead_to<N: Linked>(links: &Links<N>, name: &N) -> bool {
    links.iter().any(|link| link.name.is(name))
}

/// Whether both lead to what has the very same names, in the same order.
pub(super) fn lead_alike<N: Linked>(one: &Links<N>, other: &Links<N>) -> bool {
    let (one, other) = (one.as_slice(), other.as_slice());
    one.len() == other.len() && one.iter().zip(other).all(|(link, other)| link.name.is(&other.name))
}

/// The same without the link to what has this very name; `None` if there is none.
pub(super) fn without_very<N: Linked>(links: &Links<N>, name: &N) -> Option<Links<N>> {
    if !lead_to(links, name) {
        return None;
    }
    let others = links.iter().filter(|link| !link.name.is(name));
    Some(others.cloned().collect::<Vec<_>>().into())
}

impl<N: PartialEq> PartialEq for Links<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<N: Eq> Eq for Links<N> {}

impl<'a, N> IntoIterator for &'a Links<N> {
    type Item = &'a Link<N>;
    type IntoIter = std::slice::Iter<'a, Link<N>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Compat, RoleName};

    fn link(name: &str, priority: i32) -> Link<RoleName> {
        Link {
            name: RoleName::new(name.as_bytes()).unwrap(),
            priority: Priority::new(priority, Compat::V2_0),
            extra: Extra::default(),
        }
    }

    fn names(links: &Links<RoleName>) -> Vec<String> {
        links.iter().map(|link| format!("{}:{}", link.name, link.priority.get())).collect()
    }

    #[test]
    fn higher_priority_first_then_bytes_of_the_name() {
        let links = Links::from_given([link("b", 1), link("a", 1), link("z", 5), link("c", -1)]);
        assert_eq!(names(&links), ["z:5", "a:1", "b:1", "c:-1"]);
        let links = links.with(link("aa", 1)).unwrap();
        assert_eq!(names(&links), ["z:5", "a:1", "aa:1", "b:1", "c:-1"]);
    }

    #[test]
    fn the_first_of_duplicates_stays() {
        assert_eq!(names(&Links::from_given([link("a", 1), link("a", 9)])), ["a:1"]);
        assert!(Links::from_given([link("a", 1)]).with(link("a", 9)).is_none());
    }

    #[test]
    fn extreme_priorities_do_not_overflow() {
        let links = Links::from_given([link("low", i32::MIN), link("high", i32::MAX)]);
        assert_eq!(names(&links), ["high:2147483647", "low:-2147483648"]);
    }
}
