//! Kinds of denials in a room of fixed size: each has a place, the number of its own lines, and a count of the rest.

use hashbrown::HashTable;

use super::line::Denial;
use super::taken::Taken;

/// How many kinds may be those of one who shares the room; what it is denied besides is counted together.
const MOST_OF_SHARER: u32 = 10;
/// How many lines wait for the next tick; what comes beyond is only counted.
pub(super) const MOST_WAITING: usize = 200;
/// How many refused logins of a kind get a line of their own, for programs that count lines and ban addresses.
pub(super) const LOGINS_AT_ONCE: u32 = 10;
/// What denials are counted for of which there is no kind; no key is this, but by chance.
const OTHERS: u64 = 0;

/// The denials that share a room.
#[derive(Debug)]
pub(super) struct Table {
    room: usize,
    /// What those are called for which there is none.
    of_others: &'static str,
    /// In the order in which they came.
    kinds: Vec<Kind>,
    /// Their places among `kinds`, by key.
    places: HashTable<(u64, usize)>,
    /// Those who share the room, by key.
    // INVARIANT: each sharer of `kinds` is here.
    sharers: HashTable<Sharer>,
    /// What is known of a sharer and a topic.
    // INVARIANT: each kind with a topic is here with its topic, which may be of another kind by now.
    topics: HashTable<Topic>,
    /// The places of the kinds that lines are to be made of.
    waiting: Vec<usize>,
    /// Denials of kinds for which there was no room.
    others: u64,
}

#[derive(Debug)]
struct Sharer {
    key: u64,
    /// How many kinds of this interval are its own.
    kinds: u32,
    /// The place of the kind that stands for all that it is denied besides.
    // INVARIANT: its key is the sharer's.
    more: Option<usize>,
}

/// A sharer's topic, by its key. It is always denied for the same reason, as long as the policy is of the same generation.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfTopic {
    pub(super) key: u64,
    /// None where the policy does not decide alone.
    pub(super) generation: Option<u64>,
}

#[derive(Debug)]
struct Topic {
    of: OfTopic,
    /// Of what kind it is counted in that generation.
    place: usize,
}

#[derive(Debug)]
struct Kind {
    key: u64,
    sharer: u64,
    /// The key of its topic, if it has one.
    topic: Option<u64>,
    taken: Taken,
    /// How many have got a line of their own.
    logged: u32,
    /// How many have not.
    counted: u64,
}

impl Table {
    /// What is counted and waits never takes more than this.
    pub(super) fn with_room_for(room: usize, of_others: &'static str) -> Self {
        Self {
            room,
            of_others,
            kinds: Vec::with_capacity(room),
            places: HashTable::with_capacity(room),
            sharers: HashTable::with_capacity(room),
            topics: HashTable::with_capacity(room),
            waiting: Vec::with_capacity(room.min(MOST_WAITING)),
            others: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    fn is_full(&self) -> bool {
        self.kinds.len() >= self.room
    }

    /// Notes a denial, and says of what kind it was counted. Whoever shares the room has so many kinds, and all its others count as
    /// one. `lines` is how many of a kind get a line of their own, if that is more than the first. What `kind` it is and what there
    /// is to be said of it is asked for only if it matters.
    pub(super) fn note<'d>(
        &mut self,
        sharer: u64,
        topic: Option<OfTopic>,
        lines: u32,
        kind: impl FnOnce() -> (u64, Denial<'d>),
    ) -> u64 {
        let known = self.sharer(sharer);
        if known.is_none() && self.is_full() {
            return self.count_other();
        }
        let (kinds, more) = known.map_or((0, None), |known| (known.kinds, known.more));
        let more = more.filter(|_| kinds >= MOST_OF_SHARER);
        if let Some(topic) = topic {
            match (self.topic(topic.key), more) {
                (Some(known), _) if topic.generation.is_some() && known.of.generation == topic.generation => {
                    return self.count_at(known.place, 1);
                }
                (None, Some(more)) => return self.count_at(more, 1),
                (None, None) if self.is_full() => return self.count_other(),
                _ => {}
            }
        }
        let (key, denial) = kind();
        let place = match (self.place(key), more) {
            (Some(place), _) => {
                if self.kinds.get(place).is_some_and(|kind| kind.logged < lines) {
                    self.log(place);
                } else {
                    self.count_at(place, 1);
                }
                place
            }
            (None, Some(more)) => {
                self.count_at(more, 1);
                more
            }
            (None, None) if self.is_full() => return self.count_other(),
            (None, None) if kinds >= MOST_OF_SHARER => {
                let more = self.add(sharer, sharer, None, &denial);
                self.count_at(more, 1);
                more
            }
            (None, None) => {
                let place = self.add(key, sharer, topic.map(|topic| topic.key), &denial);
                self.log(place);
                place
            }
        };
        if let Some(of) = topic
            && let Some(known) = self.topics.find_mut(of.key, |known| known.of.key == of.key)
        {
            *known = Topic { of, place };
        }
        self.kinds.get(place).map_or(OTHERS, |kind| kind.key)
    }

    /// Counts so many more of a kind, if it is there.
    pub(super) fn count(&mut self, key: u64, times: u64) {
        if key == OTHERS {
            self.others = self.others.saturating_add(times);
        } else if let Some(place) = self.place(key) {
            self.count_at(place, times);
        }
    }

    /// Counts one for which there is no room.
    fn count_other(&mut self) -> u64 {
        self.others = self.others.saturating_add(1);
        OTHERS
    }

    /// Counts so many more of the kind at that place, and says which that is.
    fn count_at(&mut self, place: usize, times: u64) -> u64 {
        let Some(kind) = self.kinds.get_mut(place) else { return OTHERS };
        kind.counted = kind.counted.saturating_add(times);
        kind.key
    }

    fn place(&self, key: u64) -> Option<usize> {
        self.places.find(key, |(other, _)| *other == key).map(|(_, place)| *place)
    }

    fn sharer(&self, key: u64) -> Option<&Sharer> {
        self.sharers.find(key, |sharer| sharer.key == key)
    }

    fn topic(&self, key: u64) -> Option<&Topic> {
        self.topics.find(key, |topic| topic.of.key == key)
    }

    /// Adds a kind that is not there, and says where. One that has its sharer's key stands for all that this is denied besides.
    fn add(&mut self, key: u64, sharer: u64, topic: Option<u64>, denial: &Denial<'_>) -> usize {
        let place = self.kinds.len();
        self.kinds.push(Kind { key, sharer, topic, taken: Taken::new(), logged: 0, counted: 0 });
        if let Some(kind) = self.kinds.last_mut() {
            kind.taken.take_down(denial, key == sharer);
        }
        self.let_find(place, key, sharer, topic);
        place
    }

    /// Lets the kind at that place be found.
    fn let_find(&mut self, place: usize, key: u64, sharer: u64, topic: Option<u64>) {
        self.places.insert_unique(key, (key, place), |(key, _)| *key);
        let known = self.sharers.entry(sharer, |known| known.key == sharer, |known| known.key);
        let mut known = known.or_insert(Sharer { key: sharer, kinds: 0, more: None });
        let known = known.get_mut();
        if key == sharer {
            known.more = Some(place);
        } else {
            known.kinds = known.kinds.saturating_add(1);
        }
        if let Some(key) = topic {
            let of = OfTopic { key, generation: None };
            let known = self.topics.entry(key, |known| known.of.key == key, |known| known.of.key);
            known.or_insert(Topic { of, place });
        }
    }

    /// Gives one of a kind a line, if there is room for it before the next tick.
    fn log(&mut self, place: usize) {
        let Some(kind) = self.kinds.get_mut(place) else { return };
        if self.waiting.len() < MOST_WAITING {
            kind.logged = kind.logged.saturating_add(1);
            self.waiting.push(place);
        } else {
            kind.counted = kind.counted.saturating_add(1);
        }
    }

    /// The lines that wait.
    pub(super) fn take_waiting(&mut self) -> impl Iterator<Item = Vec<u8>> {
        let kinds = &self.kinds;
        let line = |kind: &Kind| [&b"dynsec: denied"[..], &kind.taken.members()].concat();
        self.waiting.drain(..).filter_map(move |place| kinds.get(place).map(line))
    }

    /// One line for each kind that came again; the others are forgotten. Nothing waits. What a kind has had of lines of its
    /// own it does not get once more, and what it has not had for want of room it may still get.
    pub(super) fn sum_up(&mut self) -> Vec<Vec<u8>> {
        let was_full = self.is_full();
        self.kinds.retain(|kind| kind.counted > 0);
        let mut lines: Vec<Vec<u8>> = self
            .kinds
            .iter_mut()
            .map(|kind| summary(&kind.taken.members(), std::mem::take(&mut kind.counted)))
            .collect();
        if self.others > 0 {
            lines.push(summary(self.of_others.as_bytes(), std::mem::take(&mut self.others)));
        }
        if was_full {
            // So that who fills the list does not keep others out of it for ever.
            self.kinds.clear();
        }
        self.places.clear();
        self.sharers.clear();
        self.topics.clear();
        // Those that go on are a sharer's kinds in the next interval too, or it would have all the room after some of them.
        for place in 0..self.kinds.len() {
            if let Some(&Kind { key, sharer, topic, .. }) = self.kinds.get(place) {
                self.let_find(place, key, sharer, topic);
            }
        }
        lines
    }
}

pub(super) fn summary(members: &[u8], times: u64) -> Vec<u8> {
    [&b"dynsec: denied again"[..], members, format!(" | times={times}").as_bytes()].concat()
}
