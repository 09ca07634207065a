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
    /// How many kinds of this interval are a sharer's.
    // INVARIANT: each sharer of `kinds` is here.
    of_sharers: HashTable<(u64, u32)>,
    /// The places of the kinds that lines are to be made of.
    waiting: Vec<usize>,
    /// Denials of kinds for which there was no room.
    others: u64,
}

#[derive(Debug)]
struct Kind {
    key: u64,
    sharer: u64,
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
            of_sharers: HashTable::with_capacity(room),
            waiting: Vec::with_capacity(room.min(MOST_WAITING)),
            others: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.kinds.len() >= self.room
    }

    /// Notes a denial of that kind. Whoever shares the room has so many kinds, and all its others count as one.
    pub(super) fn note(&mut self, key: u64, denial: &Denial<'_>, sharer: impl FnOnce() -> u64) {
        if let Some(place) = self.place(key) {
            let has_lines_left = self.kinds.get(place).is_some_and(|kind| kind.logged < LOGINS_AT_ONCE);
            if denial.is_login() && has_lines_left {
                self.log(place);
            } else {
                self.count(key, 1);
            }
            return;
        }
        let sharer = sharer();
        let found = self.of_sharers.find(sharer, |(other, _)| *other == sharer);
        if found.is_some_and(|(_, count)| *count >= MOST_OF_SHARER) {
            if self.place(sharer).is_some() || !self.is_full() {
                self.add(sharer, sharer, denial, true);
                self.count(sharer, 1);
            } else {
                self.count_other();
            }
        } else if self.is_full() {
            self.count_other();
        } else {
            self.count_of_sharer(sharer, 1);
            if let Some(place) = self.add(key, sharer, denial, false) {
                self.log(place);
            }
        }
    }

    /// Whether there is such a kind.
    pub(super) fn has(&self, key: u64) -> bool {
        self.place(key).is_some()
    }

    /// Counts so many more of a kind, if it is there.
    pub(super) fn count(&mut self, key: u64, times: u64) {
        if let Some(kind) = self.place(key).and_then(|place| self.kinds.get_mut(place)) {
            kind.counted = kind.counted.saturating_add(times);
        }
    }

    /// Counts one for which there is no room.
    pub(super) fn count_other(&mut self) {
        self.others = self.others.saturating_add(1);
    }

    /// Whether anything of a sharer's is noted.
    pub(super) fn knows(&self, sharer: u64) -> bool {
        self.of_sharers.find(sharer, |(other, _)| *other == sharer).is_some()
    }

    fn place(&self, key: u64) -> Option<usize> {
        self.places.find(key, |(other, _)| *other == key).map(|(_, place)| *place)
    }

    /// Adds a kind, if it is not there, and says where.
    fn add(&mut self, key: u64, sharer: u64, denial: &Denial<'_>, is_more: bool) -> Option<usize> {
        if let Some(place) = self.place(key) {
            return Some(place);
        }
        let place = self.kinds.len();
        self.kinds.push(Kind { key, sharer, taken: Taken::new(), logged: 0, counted: 0 });
        self.kinds.last_mut()?.taken.take_down(denial, is_more);
        self.places.insert_unique(key, (key, place), |(key, _)| *key);
        Some(place)
    }

    /// So many more kinds are that sharer's.
    fn count_of_sharer(&mut self, sharer: u64, kinds: u32) {
        if let Some((_, count)) = self.of_sharers.find_mut(sharer, |(other, _)| *other == sharer) {
            *count = count.saturating_add(kinds);
        } else if self.of_sharers.len() < self.room {
            self.of_sharers.insert_unique(sharer, (sharer, kinds), |(sharer, _)| *sharer);
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
        for (place, kind) in self.kinds.iter().enumerate() {
            self.places.insert_unique(kind.key, (kind.key, place), |(key, _)| *key);
        }
        self.of_sharers.clear();
        // Those that go on are its kinds in the next interval too, or it would have all the room after some of them.
        let kinds: Vec<(u64, u64)> = self.kinds.iter().map(|kind| (kind.key, kind.sharer)).collect();
        for (key, sharer) in kinds {
            self.count_of_sharer(sharer, u32::from(key != sharer));
        }
        lines
    }
}

pub(super) fn summary(members: &[u8], times: u64) -> Vec<u8> {
    [&b"dynsec: denied again"[..], members, format!(" | times={times}").as_bytes()].concat()
}
