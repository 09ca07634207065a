//! A client of the broker: every request waits for its answer, messages are kept until they are asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;

use super::packet::{Connect, Event, Link, Message, Protocol, Request, Will};
use super::{link_v5, link_v311, patience};

/// A filter nobody subscribes to.
const NOWHERE: &str = "nobody/subscribes/to/this";

/// A client that is about to connect. MQTT 5.0 unless said otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Connect);

impl Connector {
    pub(crate) fn new(port: u16, client_id: &str) -> Self {
        Self(Connect {
            port,
            client_id: client_id.to_owned(),
            protocol: Protocol::V5,
            login: None,
            durable: false,
            expiry: u32::MAX,
            will: None,
        })
    }

    pub(crate) fn protocol(mut self, protocol: Protocol) -> Self {
        self.0.protocol = protocol;
        self
    }

    /// With this username; an empty password is none.
    pub(crate) fn login(mut self, username: &str, password: &str) -> Self {
        self.0.login = Some((username.to_owned(), password.to_owned()));
        self
    }

    /// With a session that outlives the connection, and any that was left.
    pub(crate) fn durable(mut self) -> Self {
        self.0.durable = true;
        self
    }

    /// With a session that outlives the connection by so many seconds.
    pub(crate) fn durable_for(mut self, seconds: u32) -> Self {
        self.0.expiry = seconds;
        self.durable()
    }

    pub(crate) fn will(mut self, topic: &str, payload: &str, retain: bool) -> Self {
        self.0.will = Some(Will { topic: topic.to_owned(), payload: payload.to_owned(), retain });
        self
    }

    /// Connects and is let in.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        match self.try_connect() {
            Ok(client) => client,
            Err(code) => panic!("{} was refused: {code:?}", self.who()),
        }
    }

    /// Connects and is refused; the code that the CONNACK gave.
    #[track_caller]
    pub(crate) fn refused(&self) -> u8 {
        match self.try_connect() {
            Ok(_) => panic!("{} was let in", self.who()),
            Err(None) => panic!("{} was cut off without a CONNACK", self.who()),
            Err(Some(code)) => code,
        }
    }

    /// Connects; where it is refused, the code if there was a CONNACK.
    pub(crate) fn try_connect(&self) -> Result<Client, Option<u8>> {
        let (sender, events) = channel();
        let vanish = Arc::new(AtomicBool::new(false));
        let (link, thread) = match self.0.protocol {
            Protocol::V311 => link_v311::open(&self.0, sender, Arc::clone(&vanish)),
            Protocol::V5 => link_v5::open(&self.0, sender, Arc::clone(&vanish)),
        };
        let mut client = Client {
            who: self.who(),
            link,
            thread: Some(thread),
            vanish,
            events,
            messages: VecDeque::new(),
            closed: false,
            session_present: false,
        };
        match client.next_event("CONNACK") {
            Event::Connected { session_present } => {
                client.session_present = session_present;
                Ok(client)
            }
            Event::Refused(code) => Err(code),
            other => panic!("{} got {other:?} instead of CONNACK", client.who),
        }
    }

    fn who(&self) -> String {
        let user = self.0.login.as_ref().map(|(username, _)| username.as_str());
        format!("{}/{}", self.0.client_id, user.unwrap_or("nobody"))
    }
}

/// A connected client. Dropping it closes the socket without a DISCONNECT.
pub(crate) struct Client {
    who: String,
    link: Box<dyn Link + Send>,
    thread: Option<JoinHandle<()>>,
    /// Set to have the thread close the socket as soon as it has sent anything more.
    vanish: Arc<AtomicBool>,
    events: Receiver<Event>,
    messages: VecDeque<Message>,
    closed: bool,
    session_present: bool,
}

impl Client {
    /// Whether the broker had kept a session of this client.
    pub(crate) fn session_present(&self) -> bool {
        self.session_present
    }

    /// Subscribes at level 1; the code of the SUBACK, which for a success is the level.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, filter: &str) -> u8 {
        self.subscribe_all(&[(filter, 1)])[0]
    }

    /// Subscribes, which has to be allowed.
    #[track_caller]
    pub(crate) fn subscribed(mut self, filter: &str) -> Self {
        assert_eq!(self.subscribe(filter), 1, "{} subscribes to {filter}", self.who);
        self
    }

    /// Subscribes to all in one packet; one code for each.
    #[track_caller]
    pub(crate) fn subscribe_all(&mut self, filters: &[(&str, u8)]) -> Vec<u8> {
        let owned = filters.iter().map(|&(filter, qos)| (filter.to_owned(), qos));
        self.link.send(Request::Subscribe(owned.collect()));
        match self.answer("SUBACK", |event| matches!(event, Event::Suback(_))) {
            Event::Suback(codes) => codes,
            other => panic!("{other:?} is no SUBACK"),
        }
    }

    /// Unsubscribes; the code of the UNSUBACK, 0 in MQTT 3.1.1, which has none.
    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, filter: &str) -> u8 {
        self.link.send(Request::Unsubscribe(filter.to_owned()));
        match self.answer("UNSUBACK", |event| matches!(event, Event::Unsuback(_))) {
            Event::Unsuback(codes) => codes.first().copied().unwrap_or(0),
            other => panic!("{other:?} is no UNSUBACK"),
        }
    }

    /// Publishes at level 1; the code of the PUBACK, 0 in MQTT 3.1.1, which has none.
    #[track_caller]
    pub(crate) fn publish(&mut self, topic: &str, payload: &str) -> u8 {
        self.publish_with(topic, payload, 1, false)
    }

    /// Publishes a retained message at level 1.
    #[track_caller]
    pub(crate) fn retain(&mut self, topic: &str, payload: &str) -> u8 {
        self.publish_with(topic, payload, 1, true)
    }

    /// Publishes; the code of PUBACK or PUBREC, 0 where there is none.
    #[track_caller]
    pub(crate) fn publish_with(
        &mut self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        qos: u8,
        retain: bool,
    ) -> u8 {
        self.send(topic, payload, qos, retain);
        match qos {
            0 => 0,
            1 => match self.answer("PUBACK", |event| matches!(event, Event::Puback(_))) {
                Event::Puback(code) => code,
                other => panic!("{other:?} is no PUBACK"),
            },
            _ => match self.answer("PUBREC", |event| matches!(event, Event::Pubrec(_))) {
                Event::Pubrec(code) if code < 0x80 => {
                    self.answer("PUBCOMP", |event| matches!(event, Event::Pubcomp(_)));
                    code
                }
                Event::Pubrec(code) => code,
                other => panic!("{other:?} is no PUBREC"),
            },
        }
    }

    /// Publishes and waits for nothing.
    pub(crate) fn send(&self, topic: &str, payload: impl Into<Vec<u8>>, qos: u8, retain: bool) {
        self.link.send(Request::Publish { topic: topic.to_owned(), payload: payload.into(), qos, retain });
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Message {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return message;
            }
            assert!(!self.closed, "{} was disconnected instead of a message", self.who);
            let event = self.next_event("a message");
            self.keep(event);
        }
    }

    /// The next message, which has to be this one.
    #[track_caller]
    pub(crate) fn receives(&mut self, topic: &str, payload: &str) -> Message {
        let message = self.receive();
        assert_eq!(
            (message.topic.as_str(), message.text().as_str()),
            (topic, payload),
            "{} received {message:?}",
            self.who
        );
        message
    }

    /// Nothing has been delivered that was not asked for. What the broker did before this call is included:
    /// it answers in order.
    #[track_caller]
    pub(crate) fn received_nothing(&mut self) {
        self.round_trip();
        assert!(self.messages.is_empty(), "{} received {:?}", self.who, self.messages);
    }

    /// Sends something harmless and waits for the answer: the connection is still there, and all that the
    /// broker sent before has arrived.
    #[track_caller]
    pub(crate) fn round_trip(&mut self) {
        self.unsubscribe(NOWHERE);
    }

    /// Whether the connection is still there, by a round trip.
    #[track_caller]
    pub(crate) fn is_there(&mut self) -> bool {
        self.link.send(Request::Unsubscribe(NOWHERE.to_owned()));
        while !self.closed {
            let event = self.next_event("an answer or the end");
            if matches!(event, Event::Unsuback(_)) {
                return true;
            }
            self.keep(event);
        }
        false
    }

    /// Waits until the broker disconnects this client.
    #[track_caller]
    pub(crate) fn disconnected(&mut self) {
        while !self.closed {
            let event = self.next_event("being disconnected");
            self.keep(event);
        }
    }

    /// What is delivered until the broker ends the connection, or is ended.
    pub(crate) fn messages_until_the_end(&mut self) -> Vec<Message> {
        self.disconnected();
        self.messages.drain(..).collect()
    }

    /// Ends the connection in order.
    pub(crate) fn disconnect(mut self) {
        self.end(Request::Disconnect);
    }

    /// Ends the connection without a DISCONNECT.
    pub(crate) fn vanish(mut self) {
        self.end_abruptly();
    }

    fn end_abruptly(&mut self) {
        self.vanish.store(true, Ordering::Relaxed);
        self.end(Request::Unsubscribe(NOWHERE.to_owned()));
    }

    fn end(&mut self, how: Request) {
        if let Some(thread) = self.thread.take() {
            self.link.send(how);
            drop(thread.join());
        }
    }

    /// The answer to a request; messages that come first are kept.
    #[track_caller]
    fn answer(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            assert!(!self.closed, "{} was disconnected instead of {what}", self.who);
            let event = self.next_event(what);
            if wanted(&event) {
                return event;
            }
            self.keep(event);
        }
    }

    fn keep(&mut self, event: Event) {
        match event {
            Event::Message(message) => self.messages.push_back(message),
            Event::Closed => self.closed = true,
            // Answers to what was sent without waiting.
            Event::Puback(_) | Event::Pubrec(_) | Event::Pubcomp(_) => {}
            other => panic!("{} did not ask for {other:?}", self.who),
        }
    }

    #[track_caller]
    fn next_event(&mut self, what: &str) -> Event {
        match self.events.recv_timeout(patience()) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => panic!("{} gave up waiting for {what}", self.who),
            Err(RecvTimeoutError::Disconnected) => Event::Closed,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end_abruptly();
    }
}
