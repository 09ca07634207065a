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
    inert: Vec<InertElement>,
}

/// A member of an object: one that dynsec does not know, or a known one of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member's name, decoded.
    pub name: Box<[u8]>,
    /// The value, as JSON text.
    pub raw: Box<[u8]>,
}

/// An element of one of dynsec's arrays that takes no part in decisions, such as a link to a role
/// that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InertElement {
    /// The array that holds it.
    pub array: InertIn,
    /// The name that the element has or links to, where it has one: creating or deleting what is so
    /// named drops the element, so that it cannot come alive at the next start.
    pub name: Option<Box<[u8]>>,
    /// The element, as JSON text.
    pub raw: Box<[u8]>,
}

/// The array of the surrounding object that an [`InertElement`] stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InertIn {
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
    pub fn new(members: Vec<Member>, inert: Vec<InertElement>) -> Self {
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
    pub fn inert(&self, array: InertIn) -> impl Iterator<Item = &InertElement> {
        self.all_inert().iter().filter(move |element| element.array == array)
    }

    /// All elements set aside.
    #[must_use]
    pub fn all_inert(&self) -> &[InertElement] {
        self.0.as_ref().map_or(&[], |content| &content.inert)
    }

    /// The same without the elements of `array` that bear `name`; `None` if there are none.
    #[must_use]
    pub fn without_inert(&self, array: InertIn, name: &[u8]) -> Option<Self> {
        let drops = |element: &InertElement| element.array == array && element.name.as_deref() == Some(name);
        if !self.all_inert().iter().any(drops) {
            return None;
        }
        let inert = self.all_inert().iter().filter(|element| !drops(element)).cloned().collect();
        Some(Self::new(self.members().to_vec(), inert))
    }
}
