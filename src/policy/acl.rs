//! ACLs: their types, the actions they are about, and what applies where no ACL does.

use super::rank::Rank;
use super::{Extra, Priority};

/// One rule of a role.
#[derive(Clone, Debug)]
pub struct Acl {
    /// The topic filter, as it was given: files hold malformed ones too.
    pub topic: Box<[u8]>,
    /// Its rank among the role's ACLs of the same type.
    pub priority: Priority,
    /// What it decides.
    pub allow: bool,
    /// What else the file says of it.
    pub extra: Extra,
    /// How many ACLs of its type had come to the role before it.
    pub(super) order: u32,
}

impl Acl {
    /// An ACL that is in no role yet.
    #[must_use]
    pub fn new(topic: &[u8], priority: Priority, allow: bool) -> Self {
        Self { topic: topic.into(), priority, allow, extra: Extra::default(), order: 0 }
    }

    /// Its place among the role's ACLs of the same type.
    pub(super) fn rank(&self) -> Rank {
        Rank::new(self.priority, self.order)
    }
}

// When an ACL came is not part of what it says.
impl PartialEq for Acl {
    fn eq(&self, other: &Self) -> bool {
        self.topic == other.topic
            && self.priority == other.priority
            && self.allow == other.allow
            && self.extra == other.extra
    }
}

impl Eq for Acl {}

/// What an ACL is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AclType {
    /// A client publishes to a topic that the filter matches.
    PublishClientSend,
    /// A client is sent a message on a topic that the filter matches.
    PublishClientReceive,
    /// A client subscribes to this very filter.
    SubscribeLiteral,
    /// A client subscribes to a filter that this one covers.
    SubscribePattern,
    /// A client unsubscribes from this very filter.
    UnsubscribeLiteral,
    /// A client unsubscribes from a filter that this one covers.
    UnsubscribePattern,
}

impl AclType {
    /// All of them, in the order in which the C plugin lists and saves them.
    pub const ALL: [Self; 6] = [
        Self::PublishClientSend,
        Self::PublishClientReceive,
        Self::SubscribeLiteral,
        Self::SubscribePattern,
        Self::UnsubscribeLiteral,
        Self::UnsubscribePattern,
    ];

    /// The name in commands and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PublishClientSend => "publishClientSend",
            Self::PublishClientReceive => "publishClientReceive",
            Self::SubscribeLiteral => "subscribeLiteral",
            Self::SubscribePattern => "subscribePattern",
            Self::UnsubscribeLiteral => "unsubscribeLiteral",
            Self::UnsubscribePattern => "unsubscribePattern",
        }
    }

    /// The type of that name, in any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|acl_type| acl_type.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether its ACLs match one topic only, byte by byte.
    #[must_use]
    pub fn is_literal(self) -> bool {
        matches!(self, Self::SubscribeLiteral | Self::UnsubscribeLiteral)
    }
}

/// What a client wants to do, or is about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Publish to a topic.
    PublishClientSend,
    /// Be sent a message.
    PublishClientReceive,
    /// Subscribe to a topic filter.
    Subscribe,
    /// Unsubscribe from a topic filter.
    Unsubscribe,
}

impl Action {
    /// All of them, in the order in which the C plugin lists and saves their defaults.
    pub const ALL: [Self; 4] =
        [Self::PublishClientSend, Self::PublishClientReceive, Self::Subscribe, Self::Unsubscribe];

    /// The name of its default in commands and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PublishClientSend => "publishClientSend",
            Self::PublishClientReceive => "publishClientReceive",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// The action of that name, in any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The type of ACL that is asked last for this action; for most actions the only one.
    #[inline]
    pub(super) fn pattern_type(self) -> AclType {
        match self {
            Self::PublishClientSend => AclType::PublishClientSend,
            Self::PublishClientReceive => AclType::PublishClientReceive,
            Self::Subscribe => AclType::SubscribePattern,
            Self::Unsubscribe => AclType::UnsubscribePattern,
        }
    }

    /// The types of ACL that are asked for this action, in their order.
    #[must_use]
    pub fn acl_types(self) -> &'static [AclType] {
        match self {
            Self::PublishClientSend => &[AclType::PublishClientSend],
            Self::PublishClientReceive => &[AclType::PublishClientReceive],
            Self::Subscribe => &[AclType::SubscribeLiteral, AclType::SubscribePattern],
            Self::Unsubscribe => &[AclType::UnsubscribeLiteral, AclType::UnsubscribePattern],
        }
    }
}

/// What applies where no ACL matched (`defaultACLAccess`): `true` allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DefaultAccess {
    allow: [bool; 4],
}

impl DefaultAccess {
    /// Whether that action is allowed.
    #[must_use]
    pub fn allows(self, action: Action) -> bool {
        let [send, receive, subscribe, unsubscribe] = self.allow;
        match action {
            Action::PublishClientSend => send,
            Action::PublishClientReceive => receive,
            Action::Subscribe => subscribe,
            Action::Unsubscribe => unsubscribe,
        }
    }

    /// The same with that action allowed or not.
    #[must_use]
    pub fn with(self, action: Action, allow: bool) -> Self {
        let [mut send, mut receive, mut subscribe, mut unsubscribe] = self.allow;
        match action {
            Action::PublishClientSend => send = allow,
            Action::PublishClientReceive => receive = allow,
            Action::Subscribe => subscribe = allow,
            Action::Unsubscribe => unsubscribe = allow,
        }
        Self { allow: [send, receive, subscribe, unsubscribe] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        for acl_type in AclType::ALL {
            assert_eq!(AclType::from_name(acl_type.name().to_uppercase().as_bytes()), Some(acl_type));
        }
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name().to_lowercase().as_bytes()), Some(action));
        }
        assert_eq!(AclType::from_name(b"subscribe"), None);
        assert_eq!(Action::from_name(b"subscribeLiteral"), None);
    }

    #[test]
    fn each_default_is_set_alone() {
        for action in Action::ALL {
            let access = DefaultAccess::default().with(action, true);
            for other in Action::ALL {
                assert_eq!(access.allows(other), other == action);
            }
        }
    }
}
