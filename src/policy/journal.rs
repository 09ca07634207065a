//! What was replaced, so that it can be put back.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::deleted_but_named::{DeletedButNamed, Name};
use super::{Client, DefaultAccess, Extra, Group, GroupName, Role, RoleName, Username};

/// A point in the history of a [`super::Policy`] to which it can be taken back, as long as it is not
/// forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

/// What was replaced, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Replaced>,
    /// How many older ones were forgotten.
    forgotten: usize,
    /// The records that have an entry since the last mark: going back, only the oldest counts.
    since_mark: HashSet<Record>,
    /// How many changes there were, and steps back.
    steps: u64,
}

/// A record, by its name.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Record {
    Client(Username),
    Group(GroupName),
    Role(RoleName),
}

impl Journal {
    /// The present end.
    pub(super) fn mark(&mut self) -> Mark {
        self.since_mark.clear();
        Mark(self.end())
    }

    /// Whether anything came after.
    pub(super) fn goes_beyond(&self, mark: Mark) -> bool {
        self.end() > mark.0
    }

    /// The present end, for what does not go back to it.
    pub(super) fn end_mark(&self) -> Mark {
        Mark(self.end())
    }

    /// Whether nothing that came before can be undone any more.
    pub(super) fn is_forgotten(&self, mark: Mark) -> bool {
        mark.0 <= self.forgotten
    }

    fn end(&self) -> usize {
        self.forgotten.saturating_add(self.entries.len())
    }

    /// What came after the mark, oldest first.
    pub(super) fn beyond(&self, mark: Mark) -> impl Iterator<Item = &Replaced> {
        self.entries.iter().skip(mark.0.saturating_sub(self.forgotten))
    }

    /// A number that differs after each change.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// A change begins. It counts also if it does not come to its end.
    pub(super) fn touch(&mut self) {
        self.steps = self.steps.wrapping_add(1);
    }

    pub(super) fn push(&mut self, replaced: Replaced) {
        self.steps = self.steps.wrapping_add(1);
        let record = match &replaced {
            Replaced::Client { name, .. } => Record::Client(name.clone()),
            Replaced::Group(name, _) => Record::Group(name.clone()),
            Replaced::Role(name, _) => Record::Role(name.clone()),
            Replaced::Hash(client) => {
                // What is done to the client after that is undone before it.
                self.since_mark.remove(&Record::Client(client.username.clone()));
                self.entries.push_back(replaced);
                return;
            }
            _ => {
                self.entries.push_back(replaced);
                return;
            }
        };
        if self.since_mark.insert(record) {
            self.entries.push_back(replaced);
        }
    }

    /// The youngest entry, if it came after the mark.
    pub(super) fn pop_beyond(&mut self, mark: Mark) -> Option<Replaced> {
        self.steps = self.steps.wrapping_add(1);
        self.since_mark.clear();
        if self.goes_beyond(mark) { self.entries.pop_back() } else { None }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.forget_before(Mark(self.end()));
        self.steps = self.steps.wrapping_add(1);
        self.since_mark = HashSet::new();
    }

    /// Forgets what came before the mark.
    pub(super) fn forget_before(&mut self, mark: Mark) {
        let older = mark.0.saturating_sub(self.forgotten).min(self.entries.len());
        self.entries.drain(..older);
        self.entries.shrink_to(KEPT);
        self.forgotten = self.forgotten.saturating_add(older);
    }
}

/// Room for how many entries is kept from one payload to the next.
const KEPT: usize = 64;

/// One replacement: what stood there before.
#[derive(Debug)]
pub(super) enum Replaced {
    Client {
        name: Username,
        old: Option<Arc<Client>>,
        was_deleted: bool,
    },
    /// A client that has the same password since, but another hash of it.
    Hash(Arc<Client>),
    Group(GroupName, Option<Arc<Group>>),
    Role(RoleName, Option<Arc<Role>>),
    DefaultAccess(DefaultAccess),
    AnonymousGroup(Option<GroupName>),
    ChangeIndex(i64),
    Extra(Extra),
    /// That was not remembered as deleted.
    DeletedButNamed(Name),
    AllDeletedButNamed(DeletedButNamed),
}
