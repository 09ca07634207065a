//! How much may wait in the queue, counted apart for each topic: however many questions wait, there is room for a command
//! that takes somebody's rights away.

use crate::control::{ControlTopic, Responses};

/// How many bytes the payloads with commands of administrators may have together.
pub(super) const MOST_BYTES: usize = 64 << 20;
/// What a payload is refused with if too much waits.
pub(super) const FULL: &str =
    "Too many commands are waiting to be saved; nothing was changed, send them again later";

/// How much of one topic may wait.
struct Most {
    payloads: usize,
    bytes: usize,
    /// How many refusals may wait behind them for their turn to be answered.
    refusals: usize,
    /// How many bytes these may have together, before those that follow say it once for all commands of their payload: one
    /// that says it for each can be a hundred times longer than the payload.
    refused_bytes: usize,
    /// How many bytes of answers may wait, before no more are made.
    answer_bytes: usize,
}

static MOST: OfTopics<Most> = OfTopics {
    admin: Most {
        payloads: 8192,
        bytes: MOST_BYTES,
        refusals: 8192,
        refused_bytes: 8 << 20,
        answer_bytes: 64 << 20,
    },
    query: Most {
        payloads: 512,
        bytes: 8 << 20,
        refusals: 4096,
        refused_bytes: 2 << 20,
        answer_bytes: 64 << 20,
    },
    self_service: Most {
        payloads: 128,
        bytes: 2 << 20,
        refusals: 1024,
        refused_bytes: 1 << 20,
        answer_bytes: 16 << 20,
    },
};

/// Something of each topic.
#[derive(Debug, Default)]
struct OfTopics<T> {
    admin: T,
    query: T,
    self_service: T,
}

impl<T> OfTopics<T> {
    fn get(&self, topic: ControlTopic) -> &T {
        match topic {
            ControlTopic::Admin => &self.admin,
            ControlTopic::Query => &self.query,
            ControlTopic::SelfService => &self.self_service,
        }
    }

    fn get_mut(&mut self, topic: ControlTopic) -> &mut T {
        match topic {
            ControlTopic::Admin => &mut self.admin,
            ControlTopic::Query => &mut self.query,
            ControlTopic::SelfService => &mut self.self_service,
        }
    }
}

/// What waits of one topic, or a part of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) payloads: usize,
    pub(super) bytes: usize,
    pub(super) refusals: usize,
    pub(super) refused_bytes: usize,
    pub(super) answer_bytes: usize,
}

impl Waiting {
    fn change(&mut self, by: Self, change: fn(usize, usize) -> usize) {
        *self = Self {
            payloads: change(self.payloads, by.payloads),
            bytes: change(self.bytes, by.bytes),
            refusals: change(self.refusals, by.refusals),
            refused_bytes: change(self.refused_bytes, by.refused_bytes),
            answer_bytes: change(self.answer_bytes, by.answer_bytes),
        };
    }
}

/// What waits, and for what more there is room.
#[derive(Debug, Default)]
pub(super) struct Room(OfTopics<Waiting>);

impl Room {
    pub(super) fn add(&mut self, topic: ControlTopic, more: Waiting) {
        self.0.get_mut(topic).change(more, usize::saturating_add);
    }

    pub(super) fn remove(&mut self, topic: ControlTopic, less: Waiting) {
        self.0.get_mut(topic).change(less, usize::saturating_sub);
    }

    /// No answers wait any more: they are to be made again.
    pub(super) fn forget_answers(&mut self) {
        for waiting in [&mut self.0.admin, &mut self.0.query, &mut self.0.self_service] {
            waiting.answer_bytes = 0;
        }
    }

    /// Whether a payload of that length is to be refused.
    pub(super) fn is_full_for(&self, topic: ControlTopic, length: usize) -> bool {
        let (waiting, most) = (self.0.get(topic), MOST.get(topic));
        // A payload that waits for none of its kind is taken, however long it is.
        let too_long = waiting.bytes > 0 && waiting.bytes.saturating_add(length) > most.bytes;
        waiting.payloads >= most.payloads || too_long
    }

    /// What answers a payload that is refused with that text; `for_each` says it for each of its commands.
    pub(super) fn refusal(
        &self,
        topic: ControlTopic,
        text: &str,
        for_each: impl FnOnce() -> Responses,
    ) -> Responses {
        let (refused_bytes, most) = (self.0.get(topic).refused_bytes, MOST.get(topic).refused_bytes);
        let has_room = |bytes| refused_bytes.saturating_add(bytes) <= most;
        let responses = has_room(0).then(for_each).filter(|responses| has_room(responses.length()));
        responses.unwrap_or_else(|| Responses::refusal(text))
    }

    /// Whether not even a refusal can wait for its turn.
    pub(super) fn overflows(&self, topic: ControlTopic) -> bool {
        self.0.get(topic).refusals >= MOST.get(topic).refusals
    }

    /// Whether so many bytes of answers wait that no more are to be made.
    pub(super) fn has_long_answers(&self, topic: ControlTopic) -> bool {
        self.0.get(topic).answer_bytes > MOST.get(topic).answer_bytes
    }
}
