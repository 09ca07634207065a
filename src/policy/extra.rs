//! What a policy file holds beyond the policy: kept as it was, decided on never.

use std::sync::Arc;

/// Members and elements that no rule uses, kept so that saving loses nothing.
///
/// An empty one takes a pointer's space and allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra(Option<Arc<Content>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Content {
    members: Vec<Member>,
    // INVARIANT: by their arrays.
    inert: Vec<InertElement>,
}

/// A member of an object: one that dynsec does not know, or a known one of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member's name, decoded.
    pub name: Box<[u8]>,
    /// The value, as JSON text.
    pub raw: Box<[u8]>,
    /// Whether it stands behind another one of its name, which is the one that is read.
    pub again: bool,
}

/// An element of one of dynsec's arrays that takes no part in decisions, such as a link to a role
/// that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InertElement {
    /// The array that holds it.
    pub array: InertIn,
    /// The name that the element links to, where that is all that is wrong with it: while there is something of that
    /// name, the element is in no file, so that it cannot come alive at the next start.
    pub missing: Option<Box<[u8]>>,
    /// The element, as JSON text.
    pub raw: Box<[u8]>,
}

/// The array of the surrounding object that an [`InertElement`] stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InertIn {
    /// That in which the object itself stands: the element says to be the same record, link or ACL, and does not count. What
    /// changes the object drops it.
    Beside,
    /// `clients`: of the file, or a group's members.
    Clients,
    /// `groups` of the file.
    Groups,
    /// `roles`: of the file, a client or a group.
    Roles,
    /// `acls` of a role.
    Acls,
    /// Not an array: the file's `anonymousGroup`, naming a group that does not exist.
    AnonymousGroup,
}

impl Extra {
    /// Keeps these.
    #[must_use]
    pub fn new(members: Vec<Member>, mut inert: Vec<InertElement>) -> Self {
        inert.sort_by_key(|element| element.array);
        if members.is_empty() && inert.is_empty() {
            Self(None)
        } else {
            Self(Some(Arc::new(Content { members, inert })))
        }
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The members, in the file's order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        self.0.as_ref().map_or(&[], |content| &content.members)
    }

    /// The elements set aside from that array, in the file's order.
    #[must_use]
    pub fn inert(&self, array: InertIn) -> &[InertElement] {
        let all = self.all_inert();
        let start = all.partition_point(|element| element.array < array);
        let end = all.partition_point(|element| element.array <= array);
        all.get(start..end).unwrap_or_default()
    }

    /// All elements set aside.
    #[must_use]
    pub fn all_inert(&self) -> &[InertElement] {
        self.0.as_ref().map_or(&[], |content| &content.inert)
    }

    /// The same, with these set aside too.
    #[must_use]
    pub fn with_inert(&self, more: Vec<InertElement>) -> Self {
        let inert = self.all_inert().iter().cloned().chain(more).collect();
        Self::new(self.members().to_vec(), inert)
    }

    /// Whether nothing is set aside [beside](InertIn::Beside) the object.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.inert(InertIn::Beside).is_empty()
    }

    /// The same without the elements [beside](InertIn::Beside) the object.
    #[must_use]
    pub fn alone(self) -> Self {
        let beside = self.inert(InertIn::Beside).len();
        match self.all_inert().get(beside..) {
            Some(others) if beside > 0 => Self::new(self.members().to_vec(), others.to_vec()),
            _ => self,
        }
    }
}
