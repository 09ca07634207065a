//! Clients that ask about themselves: how often they may, and that nobody but the client that asked gets the answer.
//!
//! The broker looks for the client of an answer by its id, when its loop comes round. So an answer is given only while the
//! connection that asked is there, and until the broker has sent it, nobody else is let in under that id.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Actor, Plugin, SessionId};
use crate::broker::PublishError;
use crate::control::{ControlTopic, Responses};
use crate::level::Level;
use crate::policy::{AclRequest, Action, Effect, Subject};

/// How many payloads a client may send at once, and after that so many a second.
const AT_ONCE: u32 = 5;
const A_SECOND: f64 = 1.0;
/// The same for all clients together.
const AT_ONCE_OF_ALL: u32 = 200;
const A_SECOND_OF_ALL: f64 = 100.0;
/// The longest payload.
const MOST_BYTES: usize = 16_384;
/// How many clients are remembered for having asked.
const MOST_CLIENTS: usize = 4096;
/// After so many ticks the broker has sent what was published before them.
const TICKS_TO_SEND: u32 = 2;
/// Where it does not tick, after this long.
const TIME_TO_SEND: Duration = Duration::from_secs(1);

/// Who has asked about itself.
#[derive(Debug)]
pub(super) struct SelfService {
    state: Mutex<State>,
    /// Whether an answer may be on its way: few logins need look.
    answering: AtomicBool,
    keys: RandomState,
}

#[derive(Debug)]
struct State {
    /// Questions that are not answered yet, by number, and the connections that asked.
    asked: HashMap<u64, SessionId>,
    count: u64,
    /// In the order of time.
    answers: VecDeque<Answered>,
    of_clients: HashMap<u64, Level>,
    of_all: Level,
}

#[derive(Debug)]
struct Answered {
    clientid: Vec<u8>,
    username: Option<Vec<u8>>,
    at: Instant,
    ticks: u32,
}

impl State {
    /// Forgets the answers that a broker which does not tick has sent by now.
    fn forget_sent(&mut self, now: Instant) {
        let is_sent = |answered: &Answered| now.saturating_duration_since(answered.at) >= TIME_TO_SEND;
        while self.answers.front().is_some_and(is_sent) {
            self.answers.pop_front();
        }
    }
}

/// A question is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    TooMany,
    TooLong,
}

impl Refused {
    fn text(self) -> &'static str {
        match self {
            Self::TooMany => "Too many requests",
            Self::TooLong => "Payload too long",
        }
    }
}

impl SelfService {
    pub(super) fn new() -> Self {
        let state = State {
            asked: HashMap::new(),
            count: 0,
            answers: VecDeque::new(),
            of_clients: HashMap::new(),
            of_all: Level::empty(Instant::now()),
        };
        Self { state: Mutex::new(state), answering: AtomicBool::new(false), keys: RandomState::new() }
    }

    /// Notes a question; the number that its answer needs.
    fn note(&self, session: SessionId) -> u64 {
        let mut state = self.state.lock();
        state.count = state.count.saturating_add(1);
        let number = state.count;
        state.asked.insert(number, session);
        number
    }

    /// Whether a question is looked at, unless there are too many.
    fn admit(&self, actor: &Actor, length: usize, now: Instant) -> Result<(), Refused> {
        let client = self.keys.hash_one((&actor.username, &actor.clientid));
        let mut state = self.state.lock();
        if length > MOST_BYTES {
            return Err(Refused::TooLong);
        }
        if state.of_clients.len() >= MOST_CLIENTS {
            state.of_clients.retain(|_, level| level.now(now, A_SECOND) > 0.0);
            if state.of_clients.len() >= MOST_CLIENTS {
                return Err(Refused::TooMany);
            }
        }
        let of_client = state.of_clients.entry(client).or_insert_with(|| Level::empty(now));
        let may = of_client.try_add_one(now, A_SECOND, AT_ONCE)
            && state.of_all.try_add_one(now, A_SECOND_OF_ALL, AT_ONCE_OF_ALL);
        if may { Ok(()) } else { Err(Refused::TooMany) }
    }

    /// A connection has ended: it gets no answer any more.
    pub(super) fn left(&self, session: SessionId) {
        let mut state = self.state.lock();
        if !state.asked.is_empty() {
            state.asked.retain(|_, asked| *asked != session);
        }
    }

    /// Takes a question that is answered now; false if its connection has ended.
    fn take_question(&self, number: u64) -> bool {
        self.state.lock().asked.remove(&number).is_some()
    }

    fn answered(&self, clientid: &[u8], username: Option<&[u8]>, now: Instant, has_ticked: bool) {
        let (clientid, username) = (clientid.to_vec(), username.map(<[u8]>::to_vec));
        let mut state = self.state.lock();
        if !has_ticked {
            state.forget_sent(now);
        }
        state.answers.push_back(Answered { clientid, username, at: now, ticks: 0 });
        self.answering.store(true, Ordering::Release);
    }

    pub(super) fn tick(&self) {
        if self.answering.load(Ordering::Acquire) {
            let mut state = self.state.lock();
            state.answers.retain_mut(|answered| {
                answered.ticks = answered.ticks.saturating_add(1);
                answered.ticks < TICKS_TO_SEND
            });
            self.answering.store(!state.answers.is_empty(), Ordering::Release);
        }
    }

    /// Whether a login would get an answer that is meant for another client.
    pub(super) fn would_overhear(
        &self,
        subject: &Subject<'_>,
        has_ticked: bool,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        if !self.answering.load(Ordering::Acquire) {
            return false;
        }
        let mut state = self.state.lock();
        if !has_ticked {
            state.forget_sent(now());
            self.answering.store(!state.answers.is_empty(), Ordering::Release);
        }
        let is_anothers = |answered: &Answered| {
            subject.clientid.get() == Some(&answered.clientid)
                && subject.username != answered.username.as_deref()
        };
        state.answers.iter().any(is_anothers)
    }
}

impl Plugin {
    /// Has that connection answered what it asks about itself, whatever comes of it. To be called before
    /// [`Self::on_self_service`].
    pub fn note_question(&self, session: SessionId, actor: &mut Actor) {
        actor.topic = ControlTopic::SelfService;
        actor.question = self.self_service.note(session);
    }

    /// A payload on the topic for questions about oneself.
    pub fn on_self_service(&self, actor: &Actor, payload: &[u8]) {
        match self.self_service.admit(actor, payload.len(), Instant::now()) {
            Ok(()) => self.on_control(actor, payload),
            Err(refused) => self.refuse(actor, payload, refused.text()),
        }
    }

    /// Gives an answer to the client that asked and to nobody else: it has to be there, and it has to have the right to
    /// read the topic, since the broker does not ask for that.
    pub(super) fn answer_asker(&self, to: &Actor, responses: &Responses) -> Result<(), PublishError> {
        let Some(clientid) = to.clientid.as_deref() else { return Ok(()) };
        if !self.self_service.take_question(to.question) {
            return Ok(());
        }
        let topic = ControlTopic::SelfService.response();
        let subject = Subject::known(to.username.as_deref(), Some(clientid));
        let request = AclRequest { subject, action: Action::PublishClientReceive, topic: topic.as_bytes() };
        if self.policy.read().authorize(&request).effect != Effect::Allow {
            return Ok(());
        }
        let has_ticked = self.has_ticked();
        self.self_service.answered(clientid, to.username.as_deref(), self.broker.now(), has_ticked);
        self.broker.publish_to(clientid, topic, &responses.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many questions of a client are looked at.
    fn asked(service: &SelfService, clientid: &str, count: usize, now: Instant) -> usize {
        let actor = Actor { clientid: Some(clientid.into()), ..Actor::default() };
        (0..count).filter(|_| service.admit(&actor, 10, now).is_ok()).count()
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start.checked_add(Duration::from_millis(milliseconds)).unwrap()
    }

    #[test]
    fn a_client_may_ask_five_times_at_once_and_then_once_a_second() {
        let (service, start) = (SelfService::new(), Instant::now());
        for (milliseconds, looked_at) in [(0, 5), (900, 0), (1000, 1), (1900, 0), (4000, 3), (60_000, 5)] {
            let now = after(start, milliseconds);
            assert_eq!(asked(&service, "d1", 10, now), looked_at, "after {milliseconds} ms");
        }
        assert_eq!(asked(&service, "d2", 10, start), 5, "another one");
    }

    #[test]
    fn all_clients_together_may_ask_two_hundred_times_at_once_and_then_a_hundred_times_a_second() {
        let (service, start) = (SelfService::new(), Instant::now());
        for (seconds, looked_at) in [(0, 200), (1, 100), (60, 200)] {
            let now = after(start, seconds * 1000);
            let each = (0..300).map(|number| asked(&service, &format!("at {seconds}: {number}"), 1, now));
            assert_eq!(each.sum::<usize>(), looked_at, "after {seconds} s");
        }
    }

    #[test]
    fn who_asks_when_too_many_are_remembered_has_to_wait_until_some_are_not() {
        let (service, start) = (SelfService::new(), Instant::now());
        for number in 0..=MOST_CLIENTS {
            let _ = asked(&service, &number.to_string(), 5, start);
        }
        assert_eq!(service.state.lock().of_clients.len(), MOST_CLIENTS);
        assert_eq!(asked(&service, "late", 1, start), 0);
        assert_eq!(asked(&service, "late", 1, after(start, 6000)), 1);
        assert_eq!(service.state.lock().of_clients.len(), 1);
    }
}
