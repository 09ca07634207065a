//! kill -9 at random moments of a stream of commands: `make test-crash ROUNDS=1000`.
//!
//! What was answered is in the file, and of what was not, each payload is whole or not at all; the passwords in it are
//! those that were set, and let their clients in. The C plugin is only counted: it keeps none of this before 2.1.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mosquitto_dynsec::password::PasswordHash;
use serde_json::{Value, json};

use crate::harness::admin::{Admin, CONTROL};
use crate::harness::broker::Broker;
use crate::harness::case::Trial;
use crate::harness::place::Place;
use crate::harness::plugin::Plugin;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

/// Clients who are there all the time, so that a save takes a while.
const OTHERS: usize = 300;
/// After how many payloads what one made goes again.
const KEPT: usize = 20;
/// How many payloads are on their way when the broker is killed, at most.
const STREAM: usize = 400;
/// The latest moment of a kill.
const LATEST_US: u64 = 60_000;

/// Each of so many payloads has passwords: workers hash those, and the payloads after it wait for it in the queue.
const WITH_PASSWORDS: usize = 3;

/// The payload of a number: it makes two clients, and takes away two that an earlier one has made. Some give one of theirs
/// a password, and another to a client of the payload before.
fn payload(number: usize) -> String {
    let [a, b] = names(number);
    let mut commands = vec![
        json!({"command": "createClient", "username": a}),
        json!({"command": "createClient", "username": b}),
    ];
    if number.is_multiple_of(WITH_PASSWORDS) {
        commands[0]["password"] = json!(made_with(number));
        if let Some(before) = number.checked_sub(1) {
            let username = &names(before)[1];
            let set =
                json!({"command": "setClientPassword", "username": username, "password": changed_to(number)});
            commands.push(set);
        }
    }
    let gone = number.checked_sub(KEPT).map(names).into_iter().flatten();
    commands.extend(gone.map(|name| json!({"command": "deleteClient", "username": name})));
    json!({ "commands": commands }).to_string()
}

fn names(number: usize) -> [String; 2] {
    [format!("a{number}"), format!("b{number}")]
}

/// The password of the client that the payload of that number makes.
fn made_with(number: usize) -> String {
    format!("made-with-{number}")
}

/// The one that it sets.
fn changed_to(number: usize) -> String {
    format!("changed-to-{number}")
}

/// Who is there after that many payloads, with their passwords.
fn clients_after(payloads: usize) -> BTreeMap<String, Option<String>> {
    let mut clients = BTreeMap::from([(ADMIN.to_owned(), Some(ADMIN_PASSWORD.to_owned()))]);
    clients.extend((0..OTHERS).map(|n| (format!("other{n}"), None)));
    for number in payloads.saturating_sub(KEPT)..payloads {
        let gives = |by: usize| by < payloads && by.is_multiple_of(WITH_PASSWORDS);
        let [a, b] = names(number);
        clients.insert(a, gives(number).then(|| made_with(number)));
        clients.insert(b, gives(number + 1).then(|| changed_to(number + 1)));
    }
    clients
}

/// Who got a password last, after that many payloads, and which.
fn last_given(payloads: usize) -> (String, String) {
    match (0..payloads).rev().find(|number| number.is_multiple_of(WITH_PASSWORDS)) {
        Some(number) => (names(number).into_iter().next().expect("two"), made_with(number)),
        None => (ADMIN.to_owned(), ADMIN_PASSWORD.to_owned()),
    }
}

/// What a broker's file was found to be.
#[derive(Debug, Default)]
struct Count {
    rounds: usize,
    answered: usize,
    /// Not JSON, or empty.
    broken: usize,
    /// Something is not there that was answered.
    lost: usize,
    /// A part of a payload.
    partly: usize,
    /// A client has no password, another one, or one that nobody has given it.
    other_passwords: usize,
    /// The broker would not start.
    refused: usize,
}

/// A broker that is killed again and again.
struct Victim {
    broker: Broker,
    plugin: Plugin,
    /// The policy cannot be replaced.
    in_place: bool,
    /// How many payloads its file holds.
    payloads: usize,
    /// The file as it was before the first of them.
    good: Vec<u8>,
    count: Count,
    seed: u64,
}

impl Victim {
    fn start(plugin: Plugin, in_place: bool) -> Self {
        let trial = Trial { plugin, place: Place::from_env() };
        let setup = trial.broker();
        let broker = if in_place { setup.run_by_mosquitto() } else { setup }.start();
        let mut admin = broker.admin();
        let others = (0..OTHERS).map(|n| {
            json!({"command": "createClient", "username": format!("other{n}"), "textname": "x".repeat(50)})
        });
        admin.all_fine(&Value::Array(others.collect()));
        drop(admin);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let seed = setting("DYNSEC_KILL_SEED").unwrap_or(u64::try_from(clock & 0xffff_ffff).unwrap());
        println!("DYNSEC_KILL_SEED={seed}");
        let good = broker.policy_bytes();
        Self { broker, plugin, in_place, payloads: 0, good, count: Count::default(), seed }
    }

    /// The next random number (Knuth's LCG).
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn rounds(mut self, rounds: u64) -> Count {
        for _ in 0..rounds {
            let answered = self.stream_and_kill();
            self.count.rounds += 1;
            self.count.answered += answered;
            self.look(answered);
        }
        self.count
    }

    /// Sends commands, kills the broker meanwhile, and tells how many payloads it had answered.
    fn stream_and_kill(&mut self) -> usize {
        let mut admin = self.broker.admin();
        for number in self.payloads..self.payloads + STREAM {
            admin.client().send(CONTROL, payload(number), 0, false);
        }
        let moment = self.random(LATEST_US);
        std::thread::sleep(Duration::from_micros(moment));
        self.broker.kill();
        answered(&mut admin)
    }

    /// Lets a broker start with the file, and looks into it: of ours a start may complete a save.
    fn look(&mut self, answered: usize) {
        let as_left = self.broker.policy_bytes();
        if let Err(refusal) = self.broker.start_again() {
            println!("{refusal}");
            self.count.refused += 1;
            return self.mend();
        }
        let completes = self.plugin == Plugin::Ours && self.in_place;
        let found = if completes { self.broker.policy_bytes() } else { as_left };
        let Some(found) = hashes(&found) else {
            self.count.broken += 1;
            return self.mend();
        };
        let all = self.payloads..=self.payloads + STREAM;
        match all.clone().find(|&payloads| clients_after(payloads).keys().eq(found.keys())) {
            Some(payloads) if payloads >= self.payloads + answered => {
                if self.has_passwords(&found, payloads) {
                    self.payloads = payloads;
                } else {
                    self.count.other_passwords += 1;
                    self.mend();
                }
            }
            Some(_) => {
                self.count.lost += 1;
                self.mend();
            }
            None => {
                self.count.partly += 1;
                self.mend();
            }
        }
    }

    /// Whether each client has the password that it should have, and the broker lets in who got the last.
    fn has_passwords(&self, found: &BTreeMap<String, Option<PasswordHash>>, payloads: usize) -> bool {
        let is_right = |(hash, password): (&Option<PasswordHash>, &Option<String>)| match (hash, password) {
            (Some(hash), Some(password)) => hash.verify(password.as_bytes()),
            (None, None) => true,
            _ => false,
        };
        let (username, password) = last_given(payloads);
        found.values().zip(clients_after(payloads).values()).all(is_right)
            && self.broker.client("who-got-it").login(&username, &password).try_connect().is_ok()
    }

    /// Begins again with a file that is whole. Ours never needs it.
    fn mend(&mut self) {
        self.broker.kill();
        self.payloads = 0;
        std::fs::write(self.broker.policy_path(), &self.good).unwrap();
        self.broker.start_again().unwrap();
    }
}

/// How many payloads were answered before the end. Each answer has to be a success.
fn answered(admin: &mut Admin) -> usize {
    let messages = admin.client().messages_until_the_end();
    for message in &messages {
        let answer: Value = serde_json::from_slice(&message.payload).unwrap();
        let responses = answer["responses"].as_array().unwrap();
        assert!(responses.iter().all(|response| response.get("error").is_none()), "{answer}");
    }
    messages.len()
}

/// Who is in a policy, and what their passwords were hashed to; none if it is no policy.
fn hashes(policy: &[u8]) -> Option<BTreeMap<String, Option<PasswordHash>>> {
    let policy: Value = serde_json::from_slice(policy).ok()?;
    let clients = policy["clients"].as_array()?.iter();
    Some(clients.map(|client| (client["username"].as_str().unwrap().to_owned(), hash(client))).collect())
}

fn hash(client: &Value) -> Option<PasswordHash> {
    if let Some(encoded) = client["encoded_password"].as_str() {
        return PasswordHash::from_encoded(encoded.as_bytes()).ok();
    }
    let text = |member: &str| client[member].as_str().map(str::as_bytes);
    PasswordHash::from_members(text("password")?, text("salt")?, client["iterations"].as_i64()?).ok()
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn run(plugin: Plugin, in_place: bool) -> Count {
    let count = Victim::start(plugin, in_place).rounds(setting("DYNSEC_ROUNDS").unwrap_or(20));
    println!("{plugin:?}, {}: {count:?}", if in_place { "saved in place" } else { "replaced" });
    count
}

#[track_caller]
fn assert_nothing_is_lost(count: &Count) {
    let Count { rounds, answered, broken, lost, partly, other_passwords, refused } = *count;
    assert_eq!([broken, lost, partly, other_passwords, refused], [0; 5], "{count:?}");
    assert!(rounds > 0 && answered > 0, "commands were answered before the kills: {count:?}");
}

#[test]
#[ignore = "takes long: make test-crash"]
fn a_file_that_is_replaced_holds_what_was_answered() {
    assert_nothing_is_lost(&run(Plugin::Ours, false));
}

#[test]
#[ignore = "takes long: make test-crash"]
fn a_file_that_is_written_in_place_holds_what_was_answered() {
    assert_nothing_is_lost(&run(Plugin::Ours, true));
}

/// For the table in docs/reliability.md; nothing is expected.
#[test]
#[ignore = "takes long: make test-crash"]
fn the_c_plugin_is_counted() {
    run(Plugin::Theirs, false);
}
