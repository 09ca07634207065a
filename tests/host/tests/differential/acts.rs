//! What real clients do beside what every plugin host can ask about: several filters in one packet, all qualities of
//! service, wills, sessions that outlive connections or do not.

use plugin_host::{Access, AclRequest, Text};

use crate::wire::Protocol;

/// A connected client does something. One that is not connected does nothing.
#[derive(Clone, Debug)]
pub enum Act {
    Publish {
        clientid: &'static str,
        topic: &'static str,
        qos: u8,
        retain: bool,
        is_empty: bool,
    },
    Subscribe {
        clientid: &'static str,
        filters: Vec<(&'static str, u8)>,
    },
    Unsubscribe {
        clientid: &'static str,
        filters: Vec<&'static str>,
    },
    /// It leaves, and comes again with other habits, which it keeps.
    Return {
        clientid: &'static str,
        parting: Parting,
        habit: Habit,
    },
}

/// How somebody leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// By a DISCONNECT: the will is forgotten.
    Orderly,
    /// By a DISCONNECT that asks for the will, which only MQTT 5.0 knows.
    WithWill,
    /// The connection breaks.
    Abrupt,
    /// The connection breaks, and it does not come again before every delay is over.
    LongGone,
    /// Its next connection ends this one.
    TakenOver,
}

/// How somebody connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    pub protocol: Protocol,
    pub session: Session,
    /// Whether it wants nothing of an earlier session, though this one may outlive its connection (MQTT 5.0).
    pub is_fresh: bool,
    pub will: Option<Will>,
    /// The quality of service with which it subscribes to `#`.
    pub qos: u8,
}

/// What is left of a session when its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    Nothing,
    Everything,
    /// Everything, for a second; for ever with MQTT 3.1.1.
    Brief,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will {
    pub topic: &'static str,
    pub qos: u8,
    pub retain: bool,
    /// By a second, with MQTT 5.0.
    pub is_delayed: bool,
}

/// What a will says begins so.
pub const WILL: &str = "the will of ";

impl Act {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publishes of all kinds",
            Self::Subscribe { .. } => "subscriptions to several filters",
            Self::Unsubscribe { .. } => "unsubscriptions from several filters",
            Self::Return { parting: Parting::TakenOver, .. } => "takeovers",
            Self::Return { .. } => "returns",
        }
    }

    /// Who does it.
    pub fn clientid(&self) -> &'static str {
        match self {
            Self::Publish { clientid, .. }
            | Self::Subscribe { clientid, .. }
            | Self::Unsubscribe { clientid, .. }
            | Self::Return { clientid, .. } => clientid,
        }
    }

    /// The filters that it names.
    fn filters(&self) -> Vec<&'static str> {
        match self {
            Self::Subscribe { filters, .. } => filters.iter().map(|(filter, _)| *filter).collect(),
            Self::Unsubscribe { filters, .. } => filters.clone(),
            Self::Publish { .. } | Self::Return { .. } => Vec::new(),
        }
    }

    /// What the `part`-th of its answers is about.
    pub fn request(&self, part: usize) -> Option<AclRequest> {
        let (clientid, access, topic) = match self {
            Self::Publish { clientid, topic, .. } => (clientid, Access::Write, *topic),
            Self::Subscribe { clientid, .. } => (clientid, Access::Subscribe, *self.filters().get(part)?),
            Self::Unsubscribe { clientid, .. } => (clientid, Access::Unsubscribe, *self.filters().get(part)?),
            Self::Return { .. } => return None,
        };
        Some(AclRequest { clientid: Text::from(*clientid), access, topic: Text::from(topic) })
    }

    /// The topic of what it lets others receive.
    pub fn topic(&self) -> &'static str {
        match self {
            Self::Publish { topic, .. } => topic,
            Self::Return { habit: Habit { will: Some(will), .. }, .. } => will.topic,
            Self::Subscribe { .. } | Self::Unsubscribe { .. } | Self::Return { .. } => "#",
        }
    }

    /// Acts that are a little smaller.
    pub fn smaller(&self) -> Vec<Self> {
        fn without_one<T: Copy>(items: &[T]) -> Vec<Vec<T>> {
            let without = |at| items.iter().enumerate().filter(move |(index, _)| *index != at);
            (0..items.len()).map(|at| without(at).map(|(_, item)| *item).collect()).collect()
        }
        match self {
            Self::Subscribe { clientid, filters } if filters.len() > 1 => {
                let fewer = without_one(filters).into_iter();
                fewer.map(|filters| Self::Subscribe { clientid, filters }).collect()
            }
            Self::Unsubscribe { clientid, filters } if filters.len() > 1 => {
                let fewer = without_one(filters).into_iter();
                fewer.map(|filters| Self::Unsubscribe { clientid, filters }).collect()
            }
            Self::Return { clientid, parting, habit } if habit.will.is_some() => {
                vec![Self::Return { clientid, parting: *parting, habit: Habit { will: None, ..*habit } }]
            }
            _ => Vec::new(),
        }
    }
}

impl Habit {
    /// The habit of a client of the fleet to begin with.
    pub fn usual(number: usize) -> Self {
        let protocol = if number.is_multiple_of(3) { Protocol::V311 } else { Protocol::V5 };
        let is_durable = matches!(number, 3 | 4 | 8);
        let will = Will { topic: "a/b", qos: 1, retain: false, is_delayed: false };
        Self {
            protocol,
            session: if is_durable { Session::Everything } else { Session::Nothing },
            is_fresh: false,
            will: number.is_multiple_of(2).then_some(will),
            qos: u8::from(is_durable),
        }
    }

    /// Whether something happens of itself a while after the client has left.
    pub fn is_timed(&self) -> bool {
        let is_delayed = self.will.is_some_and(|will| will.is_delayed);
        self.protocol == Protocol::V5 && (self.session == Session::Brief || is_delayed)
    }
}
