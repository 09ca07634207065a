//! What waits to be run, saved and answered, in its order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::hashing::Hashing;
use super::reading::{Read, Reading};
use super::room::{Room, Waiting};
use super::saving::Saving;
use crate::control::{Actor, ControlTopic, Outcome, Responses};
use crate::policy::Mark;
use crate::rehash::NewHash;

/// Something to be done.
#[derive(Debug)]
pub(super) enum Task {
    /// Commands to be run, saved and answered.
    Commands { actor: Actor, payload: Vec<u8>, hashing: Option<Arc<Hashing>> },
    /// Hashes that logins have brought, to be put and saved.
    Rehash(Vec<NewHash>),
    /// An answer that waits for its turn; when it was run, what came of it has that.
    Refused(Actor, Responses),
    /// The file is to be read, once what was run before is on the disk; what was read, once it is.
    Reload(Option<Arc<Reading>>),
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Done {
    /// What the policy was before.
    pub(super) mark: Mark,
    pub(super) outcome: Outcome,
    /// The count of logins then: who comes later comes under the new policy.
    pub(super) logins: u64,
    /// Its answer is certain, since it was in a save that has ended, well or not, or waits for none: it is not run again.
    pub(super) settled: bool,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) task: Task,
    /// `None` until it was run.
    pub(super) done: Option<Done>,
    /// The broker went on while it was in force and not saved: somebody may have been let in by it.
    pub(super) exposed: bool,
}

impl Entry {
    pub(super) fn new(task: Task) -> Self {
        Self { task, done: None, exposed: false }
    }

    pub(super) fn is_ready(&self) -> bool {
        match &self.task {
            Task::Commands { hashing: Some(hashing), .. } => hashing.is_done(),
            Task::Commands { hashing: None, .. } | Task::Rehash(_) | Task::Refused(..) => true,
            // That is not for the queue to do: what comes after it waits until it is gone.
            Task::Reload(_) => false,
        }
    }

    /// Whether it has changed the policy, and that is not saved.
    pub(super) fn is_unsaved(&self) -> bool {
        self.done.as_ref().is_some_and(|done| done.outcome.changed)
    }

    /// Whether it is a reload for which the file is not being read yet.
    fn is_reload_to_begin(&self) -> bool {
        matches!(self.task, Task::Reload(None))
    }

    /// Who gets the answer; nobody, where nobody asked.
    pub(super) fn actor(&self) -> Option<&Actor> {
        match &self.task {
            Task::Commands { actor, .. } | Task::Refused(actor, _) => Some(actor),
            Task::Rehash(_) | Task::Reload(_) => None,
        }
    }

    fn answer(&self) -> usize {
        self.done.as_ref().map_or(0, |done| done.outcome.responses.length())
    }

    /// Whose answer it has, and what it takes of the room for those.
    fn waiting(&self) -> Option<(ControlTopic, Waiting)> {
        let waiting = match &self.task {
            Task::Commands { payload, .. } => {
                Waiting { payloads: 1, bytes: payload.len(), ..Waiting::default() }
            }
            Task::Refused(_, responses) => {
                let refused_bytes = responses.length().saturating_add(self.answer());
                Waiting { refusals: 1, refused_bytes, ..Waiting::default() }
            }
            Task::Rehash(_) | Task::Reload(_) => return None,
        };
        Some((self.actor()?.topic, waiting))
    }

    /// The bytes of its answer, once there is one.
    fn made(&self) -> Option<(ControlTopic, Waiting)> {
        let answer = Waiting { answer_bytes: self.answer(), ..Waiting::default() };
        Some((self.actor()?.topic, answer))
    }
}

/// The entries, and how far they have come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    // INVARIANT: the first `run` entries were run, of the others only those that are settled. What was saved and
    // answered is not here.
    entries: VecDeque<Entry>,
    run: usize,
    room: Room,
    /// The save that is under way, and how many of the first entries it holds.
    pub(super) saving: Option<(Saving, usize)>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if let Some((topic, waiting)) = entry.waiting() {
            self.room.add(topic, waiting);
        }
        self.entries.push_back(entry);
    }

    /// How much more may wait.
    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// The first entry that was not run, if it can be. While long answers of its kind wait, no more are made.
    pub(super) fn next_to_run(&mut self) -> Option<&mut Entry> {
        if self.run > 0 && self.has_no_room_for_next() && !self.is_next_refused() {
            return None;
        }
        self.entries.get_mut(self.run).filter(|entry| entry.is_ready())
    }

    /// Whether the next is a question that is not to be looked at: so many long answers wait for what is being saved that no
    /// more are made, and commands behind it must not wait for that.
    pub(super) fn is_next_refused(&self) -> bool {
        let is_question = |actor: &Actor| actor.topic != ControlTopic::Admin;
        self.has_no_room_for_next()
            && !self.is_answerable()
            && self.entries.get(self.run).and_then(Entry::actor).is_some_and(is_question)
    }

    /// Whether long answers wait of the topic that the first entry which was not run has.
    fn has_no_room_for_next(&self) -> bool {
        let actor = self.entries.get(self.run).and_then(Entry::actor);
        actor.is_some_and(|actor| self.room.has_long_answers(actor.topic))
    }

    /// The entry that [`Self::next_to_run`] gave is one that was run now.
    pub(super) fn mark_run(&mut self) {
        if let Some((topic, answer)) = self.entries.get(self.run).and_then(Entry::made) {
            self.room.add(topic, answer);
        }
        self.run = self.run.saturating_add(1);
    }

    /// Those that were run.
    pub(super) fn all_run(&mut self) -> impl DoubleEndedIterator<Item = &mut Entry> {
        self.entries.iter_mut().take(self.run)
    }

    /// Whether everything is in force that could be.
    pub(super) fn all_are_run(&self) -> bool {
        self.run == self.entries.len()
    }

    pub(super) fn count_run(&self) -> usize {
        self.run
    }

    /// Whether the first entry can be answered: it was run, and neither it nor what came before it is unsaved.
    pub(super) fn is_answerable(&self) -> bool {
        self.run > 0 && self.entries.front().is_some_and(|first| !first.is_unsaved())
    }

    /// The first entry, if it can be answered.
    pub(super) fn take_answerable(&mut self) -> Option<Entry> {
        if !self.is_answerable() {
            return None;
        }
        if let Some((topic, answer)) = self.entries.front().and_then(Entry::made) {
            self.room.remove(topic, answer);
        }
        self.run = self.run.saturating_sub(1);
        if let Some((_, held)) = &mut self.saving {
            *held = held.saturating_sub(1);
        }
        self.take_first()
    }

    /// The first entry, whatever has become of it.
    pub(super) fn take_first(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        if let Some((topic, waiting)) = entry.waiting() {
            self.room.remove(topic, waiting);
        }
        Some(entry)
    }

    /// Asks for a reload. What was run comes before it, since it is in force; nothing else does, or a save of that would
    /// write over what is to be read.
    pub(super) fn push_reload(&mut self) {
        self.entries.retain(|entry| !entry.is_reload_to_begin());
        let waits = |entry: &Entry| entry.done.is_none() && !matches!(entry.task, Task::Reload(_));
        let place = self.entries.iter().position(waits).unwrap_or(self.entries.len());
        self.entries.insert(place, Entry::new(Task::Reload(None)));
    }

    pub(super) fn has_reload(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.task, Task::Reload(_)))
    }

    /// The reload whose turn it is, if the file is not being read yet.
    pub(super) fn next_reload(&mut self) -> Option<&mut Option<Arc<Reading>>> {
        if self.saving.is_some() {
            return None;
        }
        match &mut self.entries.front_mut()?.task {
            Task::Reload(reading) if reading.is_none() => Some(reading),
            _ => None,
        }
    }

    /// What a reload has read. It is done then.
    pub(super) fn take_read(&mut self) -> Option<Read> {
        let Task::Reload(Some(reading)) = &self.entries.front()?.task else { return None };
        let read = reading.take()?;
        self.take_first();
        Some(read)
    }

    pub(super) fn drop_reloads(&mut self) {
        self.entries.retain(|entry| !matches!(entry.task, Task::Reload(_)));
    }

    /// All that wait.
    pub(super) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// So many of those that were run, the first, are on the disk now.
    pub(super) fn mark_saved(&mut self, held: usize) {
        for done in self.all_run().take(held).filter_map(|entry| entry.done.as_mut()) {
            done.outcome.changed = false;
            done.settled = true;
        }
    }

    /// Everything is to be run again, but what is settled: what is on the disk has its effects there, and only its answer
    /// waits.
    pub(super) fn run_again(&mut self) {
        for entry in &mut self.entries {
            entry.done.take_if(|done| !done.settled);
        }
        self.run = 0;
        self.room.forget_answers();
        if self.entries.iter().any(Entry::is_reload_to_begin) {
            self.push_reload();
        }
    }

    /// The broker goes on, and what was run is in force.
    pub(super) fn expose(&mut self) {
        // What came before an entry was run, and exposed, before it.
        for entry in self.all_run().rev().take_while(|entry| !entry.exposed) {
            entry.exposed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::room::MOST_BYTES;
    use super::*;

    /// Payloads of that many bytes each.
    fn fill(queue: &mut Queue, topic: ControlTopic, bytes: impl IntoIterator<Item = usize>) {
        for bytes in bytes {
            let payload = vec![b' '; bytes];
            let actor = Actor { topic, ..Actor::default() };
            queue.push(Entry::new(Task::Commands { actor, payload, hashing: None }));
        }
    }

    #[test]
    fn payloads_of_too_many_bytes_together_are_refused_but_not_one_alone() {
        let is_full_for = |queue: &Queue, length| queue.room().is_full_for(ControlTopic::Admin, length);
        let mut queue = Queue::default();
        assert!(!is_full_for(&queue, usize::MAX));
        fill(&mut queue, ControlTopic::Admin, [MOST_BYTES - 1]);
        assert!(!is_full_for(&queue, 1) && is_full_for(&queue, 2));
        fill(&mut queue, ControlTopic::Admin, [1]);
        assert!(is_full_for(&queue, 1));
        drop(queue.take_first());
        assert!(!is_full_for(&queue, MOST_BYTES - 1) && is_full_for(&queue, MOST_BYTES));
    }

    #[test]
    fn payloads_of_one_topic_take_no_room_of_another() {
        use ControlTopic::{Admin, Query, SelfService};
        for (full, others) in
            [(Admin, [Query, SelfService]), (Query, [Admin, SelfService]), (SelfService, [Admin, Query])]
        {
            for bytes in [vec![0; 8192], vec![MOST_BYTES]] {
                let mut queue = Queue::default();
                fill(&mut queue, full, bytes);
                let refusals = (0..8192).map(|_| Responses::refusal("full"));
                for refusal in refusals {
                    let actor = Actor { topic: full, ..Actor::default() };
                    queue.push(Entry::new(Task::Refused(actor, refusal)));
                }
                let room = queue.room();
                assert!(room.is_full_for(full, 1) && room.overflows(full));
                for other in others {
                    assert!(!room.is_full_for(other, usize::MAX) && !room.overflows(other));
                    let long = || Responses::refusal(&"long ".repeat(100_000));
                    assert_eq!(room.refusal(other, "short", long), long());
                }
                while queue.take_first().is_some() {}
                assert!(!queue.room().is_full_for(full, usize::MAX) && !queue.room().overflows(full));
            }
        }
    }

    fn commands(name: &str) -> Entry {
        let payload = name.as_bytes().to_vec();
        Entry::new(Task::Commands { actor: Actor::default(), payload, hashing: None })
    }

    /// The next entry runs; whether it has changed anything.
    fn run(queue: &mut Queue, changed: bool) {
        let mark = crate::policy::Policy::new(crate::policy::Compat::V2_1).mark();
        let outcome = Outcome { changed, ..super::super::run::nothing(Responses::default()) };
        let entry = queue.next_to_run().unwrap();
        entry.done.get_or_insert(Done { mark, outcome, logins: 0, settled: false });
        queue.mark_run();
    }

    /// The payloads in their order, `reload` for a reload and `reading` for one that has begun.
    fn order(queue: &Queue) -> Vec<String> {
        let name = |entry: &Entry| match &entry.task {
            Task::Commands { payload, .. } => String::from_utf8(payload.clone()).unwrap(),
            Task::Rehash(_) | Task::Refused(..) => "?".to_owned(),
            Task::Reload(None) => "reload".to_owned(),
            Task::Reload(Some(_)) => "reading".to_owned(),
        };
        queue.all().map(name).collect()
    }

    #[test]
    fn what_is_run_behind_what_was_in_force_before_is_in_force_once_the_broker_goes_on() {
        let mut queue = Queue::default();
        for name in ["before", "now", "later"] {
            queue.push(commands(name));
        }
        let exposed = |queue: &Queue| queue.all().map(|entry| entry.exposed).collect::<Vec<_>>();
        run(&mut queue, true);
        queue.expose();
        run(&mut queue, true);
        assert_eq!(exposed(&queue), [true, false, false]);
        queue.expose();
        assert_eq!(exposed(&queue), [true, true, false]);
    }

    #[test]
    fn a_reload_comes_before_all_that_was_not_run_also_once_that_is_to_be_run_again() {
        let mut queue = Queue::default();
        for name in ["held", "run", "waits"] {
            queue.push(commands(name));
        }
        run(&mut queue, true);
        run(&mut queue, true);
        queue.push_reload();
        queue.push_reload();
        queue.push(commands("later"));
        assert_eq!(order(&queue), ["held", "run", "reload", "waits", "later"]);
        assert!(queue.next_to_run().is_none() && queue.next_reload().is_none());
        // A save of the first has failed.
        queue.all_run().next().unwrap().done.as_mut().unwrap().settled = true;
        queue.run_again();
        assert_eq!(order(&queue), ["held", "reload", "run", "waits", "later"]);
        run(&mut queue, false);
        queue.mark_saved(1);
        drop(queue.take_answerable().unwrap());
        assert!(queue.next_to_run().is_none() && queue.take_answerable().is_none());
        let reading = Arc::new(Reading::default());
        *queue.next_reload().unwrap() = Some(reading);
        // Another one looks at the file again, after that one.
        queue.push_reload();
        assert_eq!(order(&queue), ["reading", "reload", "run", "waits", "later"]);
        assert!(queue.next_to_run().is_none() && queue.next_reload().is_none());
    }
}
