//! The clients of a broker: who is connected, and what they do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use plugin_host::{Access, AclRequest, Message, Text};

use super::certificates::Doors;
use super::{ANSWER_PATIENCE, CONTROL, DRIVER, PINGS, RESPONSE};
use crate::acts::{Act, Habit, Parting, Session};
use crate::contender::Outcome;
use crate::generate::{FLEET, PASSWORDS};
use crate::script::Payload;
use crate::stream::Stream;
use crate::wire::{Connect, Protocol, Wire};

/// When every delay of a second is over: brokers count in whole seconds, and look once in each.
const LONG: Duration = Duration::from_millis(3300);

/// The driver and the fleet.
pub struct Clients {
    doors: Doors,
    driver: Option<Wire>,
    /// Those who are connected, by client id.
    connected: BTreeMap<&'static str, Wire>,
    /// How they connect from now on.
    habits: BTreeMap<&'static str, Habit>,
    /// Of whose sessions or wills something may come of itself when they have left.
    timed: BTreeSet<&'static str>,
    messages: usize,
}

impl Clients {
    /// Nobody is connected.
    pub fn of(doors: Doors) -> Self {
        let habits =
            FLEET.into_iter().enumerate().map(|(number, (id, _))| (id, Habit::usual(number))).collect();
        Self { doors, driver: None, connected: BTreeMap::new(), habits, timed: BTreeSet::new(), messages: 0 }
    }

    /// The broker was started again, and nobody is connected. They keep their habits.
    pub fn restarted(&mut self, doors: Doors) {
        self.doors = doors;
        self.driver = None;
        self.connected.clear();
        self.timed.clear();
    }

    /// Those who are not connected try to be. Whether the driver is.
    pub fn everybody_connects(&mut self, outcome: &mut Outcome) -> bool {
        if self.driver.is_none() && !self.driver_connects() {
            return false;
        }
        // The first of the fleet is the administrator, whose part the driver has.
        for (clientid, username) in FLEET.into_iter().skip(1) {
            if !self.connected.contains_key(clientid) {
                self.connect(clientid, username, outcome);
            }
        }
        let mut waits = false;
        for clientid in std::mem::take(&mut self.timed) {
            waits |= !self.connected.contains_key(clientid);
        }
        self.timed = self.connected.keys().copied().filter(|id| self.habit_of(id).is_timed()).collect();
        if waits {
            // Else it would come about at one step or another.
            self.wait(outcome);
        }
        true
    }

    fn driver_connects(&mut self) -> bool {
        let habit = Habit { will: None, protocol: Protocol::V5, ..Habit::usual(0) };
        let (username, password) = (Some(DRIVER), Some(PASSWORDS[0]));
        let driver = Connect { clientid: DRIVER, username, password, habit };
        let Ok(mut driver) = Wire::connect(Stream::plain(self.doors.port), &driver) else { return false };
        for filter in [RESPONSE, b"#"] {
            assert_eq!(driver.subscribe(&[(filter, 0)]), Ok(vec![0]), "the driver may subscribe");
        }
        self.driver = Some(driver);
        true
    }

    /// One connects, with one password or another. If it is let in, its connection takes the place of the one it has.
    fn connect(&mut self, clientid: &'static str, username: Option<&str>, outcome: &mut Outcome) {
        let mut codes = Vec::new();
        // To whom the broker gives a name itself needs none.
        let given = username.filter(|_| !self.doors.are_by_certificate(username));
        let passwords = if given.is_some() { &PASSWORDS[..2] } else { &PASSWORDS[..1] };
        let habit = self.habit_of(clientid);
        for password in passwords {
            let connect = Connect { clientid, username: given, password: given.map(|_| *password), habit };
            match Wire::connect(self.doors.enter(username), &connect) {
                Ok(mut client) => {
                    codes.extend([Some(0), Some(u8::from(client.has_session))]);
                    let granted = client.subscribe(&[(b"#", habit.qos)]);
                    codes.push(granted.ok().and_then(|codes| codes.first().copied()));
                    self.connected.insert(clientid, client);
                    break;
                }
                Err(code) => codes.push(code),
            }
        }
        outcome.connected.insert(Text::from(clientid), codes);
    }

    /// How somebody connects. Who has a certificate has no session beside its connection: what was kept of the sessions of
    /// those whom the plugins treat differently would differ long afterwards.
    fn habit_of(&self, clientid: &str) -> Habit {
        let habit = self.habits[clientid];
        if self.doors.are_by_certificate(username_of(clientid)) {
            Habit { session: Session::Nothing, ..habit }
        } else {
            habit
        }
    }

    /// Whether somebody has been disconnected, or is before the broker's loop has gone round often.
    pub fn is_disconnected(&mut self, clientid: &Text) -> bool {
        let Some(client) = self.connected.get_mut(clientid.to_string().as_str()) else { return true };
        (0..10 * PINGS).any(|_| client.ping().is_err())
    }

    /// Somebody leaves in order, if it is there.
    pub fn dismiss(&mut self, clientid: &Text) {
        if let Some(client) = self.connected.remove(clientid.to_string().as_str()) {
            client.disconnect();
        }
    }

    fn wait(&mut self, outcome: &mut Outcome) {
        std::thread::sleep(LONG);
        self.settle(outcome, PINGS);
    }

    /// Lets the broker's loop go round, and finds who is gone and what came.
    pub fn settle(&mut self, outcome: &mut Outcome, pings: usize) {
        for _ in 0..pings {
            if let Some(driver) = &mut self.driver
                && driver.ping().is_err()
            {
                self.driver = None;
                outcome.kicked.insert(Text::from(DRIVER));
            }
        }
        self.connected.retain(|clientid, client| {
            let is_there = client.ping().is_ok();
            if is_there {
                keep_deliveries(clientid, client, outcome);
            } else {
                outcome.kicked.insert(Text::from(*clientid));
            }
            is_there
        });
        let came = self.driver.as_mut().map(|driver| std::mem::take(&mut driver.inbox)).unwrap_or_default();
        let (answers, others): (Vec<_>, Vec<_>) =
            came.into_iter().partition(|(topic, _)| topic.as_bytes() == RESPONSE);
        outcome.published.extend(answers.into_iter().map(|(topic, payload)| Message {
            clientid: None,
            topic,
            payload,
            qos: 0,
            retain: false,
            has_properties: false,
        }));
        if !others.is_empty() {
            outcome.delivered.entry(Text::from(DRIVER)).or_default().extend(others);
        }
    }

    /// Waits for the answer to a payload.
    fn wait_for_answer(&mut self) {
        let end = Instant::now() + ANSWER_PATIENCE;
        while let Some(driver) = &mut self.driver {
            let has_come = driver.inbox.iter().any(|(topic, _)| topic.as_bytes() == RESPONSE);
            if has_come || Instant::now() > end || driver.ping().is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn control(&mut self, clientid: &str, payload: &Payload, outcome: &mut Outcome) {
        let payload = payload.to_text();
        let sender = match self.connected.get_mut(clientid) {
            Some(client) => Some(client),
            None if clientid == FLEET[0].0 => self.driver.as_mut(),
            None => None,
        };
        let Some(sender) = sender else { return };
        // Who is disconnected by its own command may not get the PUBACK.
        let code = sender.publish(CONTROL, payload.as_bytes(), 1, false).unwrap_or(0);
        outcome.rc = Some(i32::from(code));
        if code < 0x80 {
            self.wait_for_answer();
        }
    }

    /// What an ACL check stands for.
    pub fn ask(&mut self, request: &AclRequest, outcome: &mut Outcome) {
        let topic = request.topic.as_bytes();
        let payload = self.next_message();
        let clientid = request.clientid.to_string();
        let client = match request.access {
            Access::Read => self.driver.as_mut(),
            _ => self.connected.get_mut(clientid.as_str()),
        };
        let Some(client) = client else { return };
        let code = match request.access {
            Access::Read | Access::Write => {
                let retain = self.messages.is_multiple_of(4) && !topic.starts_with(b"$");
                client.publish(topic, payload.as_bytes(), 1, retain).ok()
            }
            Access::Subscribe => only(client.subscribe(&[(topic, 0)])),
            Access::Unsubscribe => only(client.unsubscribe(&[topic])),
        };
        outcome.rc = code.map(i32::from);
        if topic == CONTROL && code.is_some_and(|code| code < 0x80) {
            self.wait_for_answer();
        }
    }

    fn next_message(&mut self) -> String {
        self.messages += 1;
        format!("message {}", self.messages)
    }

    pub fn act(&mut self, act: &Act, outcome: &mut Outcome) {
        let message = self.next_message();
        match act {
            Act::Publish { clientid, topic, qos, retain, is_empty } => {
                let Some(client) = self.connected.get_mut(clientid) else { return };
                let payload = if *is_empty { "" } else { &message };
                let code = client.publish(topic.as_bytes(), payload.as_bytes(), *qos, *retain);
                outcome.codes.extend(code);
                if topic.as_bytes() == CONTROL && code.is_ok_and(|code| code < 0x80) {
                    self.wait_for_answer();
                }
            }
            Act::Subscribe { clientid, filters } => {
                let filters =
                    filters.iter().map(|(filter, qos)| (filter.as_bytes(), *qos)).collect::<Vec<_>>();
                if let Some(client) = self.connected.get_mut(clientid) {
                    outcome.codes = client.subscribe(&filters).unwrap_or_default();
                }
            }
            Act::Unsubscribe { clientid, filters } => {
                let filters = filters.iter().map(|filter| filter.as_bytes()).collect::<Vec<_>>();
                if let Some(client) = self.connected.get_mut(clientid) {
                    outcome.codes = client.unsubscribe(&filters).unwrap_or_default();
                }
            }
            Act::Return { clientid, parting, habit } => self.go(clientid, *parting, *habit, outcome),
        }
    }

    /// One leaves. Everybody who is not there comes again when the step is over.
    fn go(&mut self, clientid: &'static str, parting: Parting, habit: Habit, outcome: &mut Outcome) {
        self.habits.insert(clientid, habit);
        let Some(mut client) = self.connected.remove(clientid) else { return };
        // What was delivered is acknowledged, so that it does not come again.
        if client.ping().is_ok() {
            keep_deliveries(clientid, &mut client, outcome);
        }
        match parting {
            Parting::Orderly => client.disconnect(),
            Parting::WithWill => client.disconnect_with_will(),
            Parting::Abrupt => client.break_off(),
            Parting::LongGone => {
                client.break_off();
                self.settle(outcome, PINGS);
                self.timed.remove(clientid);
                self.wait(outcome);
            }
            Parting::TakenOver => {
                self.connect(clientid, username_of(clientid), outcome);
                self.connected.entry(clientid).or_insert(client);
            }
        }
    }

    /// Somebody logs in and leaves.
    pub fn login(&self, clientid: &str, username: Option<&str>, password: Option<&str>) -> i32 {
        let answer = |protocol| {
            let habit = Habit { protocol, will: None, ..Habit::usual(1) };
            let connect = Connect { clientid, username, password, habit };
            match Wire::connect(Stream::plain(self.doors.port), &connect) {
                Ok(client) => {
                    client.disconnect();
                    0
                }
                Err(code) => code.map_or(-1, i32::from),
            }
        };
        // MQTT 3.1.1 knows no password without a username, and brokers differ in what they make of it.
        let old = if username.is_none() && password.is_some() { 0 } else { answer(Protocol::V311) };
        answer(Protocol::V5) + 1000 * old
    }
}

fn username_of(clientid: &str) -> Option<&'static str> {
    FLEET.into_iter().find(|(id, _)| *id == clientid).and_then(|(_, username)| username)
}

fn keep_deliveries(clientid: &str, client: &mut Wire, outcome: &mut Outcome) {
    if !client.inbox.is_empty() {
        outcome.delivered.entry(Text::from(clientid)).or_default().append(&mut client.inbox);
    }
}

/// The one code of an answer.
fn only<E>(codes: Result<Vec<u8>, E>) -> Option<u8> {
    codes.ok()?.first().copied()
}
