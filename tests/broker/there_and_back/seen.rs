//! What a policy means, as clients of the broker see it, and what its file holds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::policy::{self, CLIENTS, Seeded};
use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::wire::{Ask, Hello, Wire, dial};

/// How many clients' decisions are looked at.
const SAMPLE: usize = 60;

/// Logins, each with the code of its CONNACK.
pub(super) type Logins = BTreeMap<String, Option<u8>>;

/// Each client with the right password, and some with a wrong one, or with another client id than theirs.
pub(super) fn logins(broker: &Broker) -> Logins {
    let mut logins = Logins::new();
    let mut login = |what: &str, number: usize, client_id: &str, password: &str| {
        let username = policy::username(number);
        let code = try_login(broker, client_id, &username, password);
        logins.insert(format!("{username}, {what}"), code);
    };
    for number in 0..CLIENTS {
        let password = policy::password(number).unwrap_or_else(|| "none".to_owned());
        let bound = policy::client_id(number);
        let client_id = bound.as_deref().unwrap_or("any");
        login("as it should", number, client_id, &password);
        if number % 5 == 0 {
            login("with a wrong password", number, client_id, "pässword");
        }
        if bound.is_some() {
            login("with another client id", number, "other", &password);
        }
    }
    logins
}

/// The code of the CONNACK.
pub(super) fn try_login(broker: &Broker, client_id: &str, username: &str, password: &str) -> Option<u8> {
    let hello = Hello { client_id, login: Some((username, password)), will: None };
    Wire::connect(dial(broker.port()), &hello).map_or_else(|code| code, |_| Some(0))
}

/// What a client was answered to all that it asked, and which messages it got.
pub(super) struct Decisions {
    username: String,
    answers: Vec<(Ask, u8)>,
    received: Vec<String>,
}

/// The decisions about a sample of clients, and about one without a name.
pub(super) fn decisions(broker: &Broker, logins: &Logins) -> Vec<Decisions> {
    let random = &mut Seeded::new(5);
    let password = policy::password(0);
    let login = password.as_deref().map(|password| ("sender", password));
    let mut sender = connect(broker, "sender", login);
    let mut sample = vec![of_one(connect(broker, "anonymous", None), "", &mut sender)];
    while sample.len() <= SAMPLE {
        let number = random.below(CLIENTS);
        let username = policy::username(number);
        if logins[&format!("{username}, as it should")] != Some(0) {
            continue;
        }
        let client_id = policy::client_id(number).unwrap_or_else(|| "any".to_owned());
        let password = policy::password(number).expect("it can log in");
        let client = connect(broker, &client_id, Some((&username, &password)));
        sample.push(of_one(client, &username, &mut sender));
    }
    sample
}

type Tcp = Wire<std::net::TcpStream>;

fn connect(broker: &Broker, client_id: &str, login: Option<(&str, &str)>) -> Tcp {
    let hello = Hello { client_id, login, will: None };
    Wire::connect(dial(broker.port()), &hello)
        .unwrap_or_else(|code| panic!("{hello:?} was refused: {code:?}"))
}

fn of_one(mut client: Tcp, username: &str, sender: &mut Tcp) -> Decisions {
    let publish: Vec<Ask> = policy::topics().into_iter().map(Ask::Publish).collect();
    let both = || policy::topics().into_iter().chain(policy::filters());
    let mut asked: Vec<Ask> = both().map(Ask::Subscribe).collect();
    let mut codes = client.ask(&asked);
    sender.ask(&publish);
    // How often a message comes to overlapping subscriptions is the broker's matter.
    let mut received = client.messages();
    // Who may read `$SYS` hears more.
    received.retain(|topic| policy::topics().contains(topic));
    received.sort();
    received.dedup();
    for requests in [publish, both().map(Ask::Unsubscribe).collect()] {
        codes.extend(client.ask(&requests));
        asked.extend(requests);
    }
    // What the next one is answered depends on who else is subscribed.
    client.leave();
    Decisions { username: username.to_owned(), answers: asked.into_iter().zip(codes).collect(), received }
}

/// Holds decisions against those of before.
pub(super) fn same_decisions(now: &[Decisions], before: &[Decisions], what: &str) {
    assert_eq!(now.len(), before.len(), "{what}");
    for (now, before) in now.iter().zip(before) {
        let who = format!("`{}`, {what}", now.username);
        assert_eq!(now.username, before.username, "{what}");
        assert_eq!(now.received, before.received, "received by {who}");
        for (now, before) in now.answers.iter().zip(&before.answers) {
            assert_eq!(now, before, "{who}");
        }
    }
}

/// How many of the answers are refusals, how many are not, and how many messages were received: what compares a
/// policy that lets nobody do anything says nothing.
pub(super) fn counts(decisions: &[Decisions]) -> (usize, usize, usize) {
    let codes = || decisions.iter().flat_map(|one| one.answers.iter().map(|(_, code)| *code));
    let received = decisions.iter().map(|one| one.received.len()).sum();
    (codes().filter(|code| *code >= 0x80).count(), codes().filter(|code| *code < 0x80).count(), received)
}

/// All that the control API tells, but for who is connected.
pub(super) fn told(admin: &mut Admin, like_2_1: bool) -> Vec<Value> {
    let mut commands = json!([
        {"command": "listClients", "verbose": true},
        {"command": "listGroups", "verbose": true},
        {"command": "listRoles", "verbose": true},
        {"command": "listClients"},
        {"command": "getDefaultACLAccess"},
        {"command": "getAnonymousGroup"},
    ]);
    if like_2_1 {
        commands.as_array_mut().expect("it is one").push(json!({"command": "getDetails"}));
    }
    let mut told = admin.all_fine(&commands);
    for client in told[0]["clients"].as_array_mut().expect("a list") {
        client.as_object_mut().expect("a client").shift_remove("connections");
    }
    told
}

/// What the file holds, whichever way passwords are written, and without the count of changes, which 2.0's
/// plugin does not know.
pub(super) fn filed(broker: &Broker) -> Value {
    let mut policy = broker.policy();
    policy.as_object_mut().expect("a policy").shift_remove("changeIndex");
    for client in policy["clients"].as_array_mut().expect("a list") {
        let hash = take_hash(client);
        client["hash"] = json!(hash);
    }
    policy
}

fn take_hash(client: &mut Value) -> Option<policy::Hash> {
    let members = client.as_object_mut().expect("a client");
    let [encoded, hash, salt, iterations] = ["encoded_password", "password", "salt", "iterations"]
        .map(|member| members.shift_remove(member).unwrap_or(Value::Null));
    if let Some(encoded) = encoded.as_str() {
        assert_eq!(hash, Value::Null, "one password in two encodings");
        let parts: Vec<&str> = encoded.split('$').collect();
        let [_, "7", iterations, salt, hash] = parts[..] else { panic!("another scheme: {encoded}") };
        return Some((iterations.parse().expect("a number"), salt.to_owned(), hash.to_owned()));
    }
    Some((iterations.as_u64()?, salt.as_str()?.to_owned(), hash.as_str()?.to_owned()))
}
