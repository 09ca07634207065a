//! `plugin_opt_login_mode` on 2.1: whose logins wait, and MQTT 5.0 clients that do.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::delayed::{answer, hello, iterations, say_hello};
use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{NOT_AUTHORIZED, Protocol};
use crate::harness::plugin::Plugin;
use crate::harness::wait_for;
use crate::traps_2_1::{connections, has_2_1s_own};

cases! {
    the_option_says_whose_logins_wait,
    mqtt_5_clients_that_wait_are_let_in_or_refused,
    an_mqtt_5_client_that_waits_takes_its_session_over,
    an_mqtt_5_client_that_waits_finds_its_session,
    an_mqtt_5_client_that_waits_is_given_a_client_id,
    an_mqtt_5_client_that_leaves_while_it_waits_leaves_no_will,
}

fn start(trial: &Trial, mode: &str) -> Option<(Broker, Admin)> {
    if !has_2_1s_own(trial) {
        return None;
    }
    let broker =
        trial.broker().line(iterations(trial)).line(&format!("plugin_opt_login_mode {mode}")).start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["subscribeLiteral", "t", true]]));
    admin.fine(&json!({
        "command": "setDefaultACLAccess", "acls": [{"acltype": "publishClientSend", "allow": true}],
    }));
    Some((broker, admin))
}

fn field(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short field");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// A CONNECT of MQTT 5.0 (§3.1) as john, whose session outlives the connection.
fn hello_5(client_id: &str, password: &str, clean_start: bool, will: Option<&str>) -> Vec<u8> {
    let expiry = [5, 0x11, 0, 0, 0x0e, 0x10];
    let flags = 0xc0 | u8::from(clean_start) << 1 | u8::from(will.is_some()) << 2;
    let head = [field("MQTT"), vec![5, flags, 0, 60], expiry.to_vec(), field(client_id)].concat();
    let will = will.map_or_else(Vec::new, |topic| [vec![0], field(topic), field("gone")].concat());
    let body = [head, will, field("john"), field(password)].concat();
    [vec![0x10, u8::try_from(body.len()).expect("a short packet")], body].concat()
}

/// The next packet, its first byte before what is in it; nothing where the connection has ended.
fn packet(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    assert!(head[1] < 0x80, "a short packet was expected");
    let mut body = vec![0; head[1].into()];
    stream.read_exact(&mut body).ok()?;
    body.insert(0, head[0]);
    Some(body)
}

/// Whether a session was found, and the code.
fn answer_5(stream: &mut TcpStream) -> (u8, u8) {
    let connack = packet(stream).expect("a CONNACK");
    assert_eq!(connack[0], 0x20, "a CONNACK");
    (connack[1], connack[2])
}

/// Whether a login of john waits, under any client id or that one.
fn waits(admin: &mut Admin, client_id: Option<&str>) -> bool {
    let mut about = json!({
        "command": "explainACL", "username": "john", "acltype": "publishClientSend", "topic": "t",
    });
    if let Some(client_id) = client_id {
        about["clientid"] = json!(client_id);
    }
    admin.command(&about)["data"]["reason"] == "loginPending"
}

/// Says hello and waits until the login is one that waits. With the C plugin none does.
fn say_hello_and_wait(trial: &Trial, broker: &Broker, admin: &mut Admin, bytes: &[u8]) -> TcpStream {
    let stream = say_hello(broker, bytes);
    if trial.plugin == Plugin::Ours {
        wait_for("a login that waits", || waits(admin, None).then_some(()));
    }
    stream
}

/// Whether the login was seen to wait before its answer came.
fn waited(stream: &TcpStream, admin: &mut Admin) -> bool {
    let is_answered = || {
        stream.set_nonblocking(true).expect("a socket");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("a socket");
        peeked.map_err(|error| error.kind()) != Err(ErrorKind::WouldBlock)
    };
    let mut was_seen = false;
    while !is_answered() {
        was_seen |= waits(admin, None);
    }
    was_seen
}

fn the_option_says_whose_logins_wait(trial: &Trial) {
    // Of MQTT 3.1.1 and 5.0.
    for (mode, expected) in [("auto", [true, false]), ("sync", [false, false]), ("delayed", [true, true])] {
        let Some((broker, mut admin)) = start(trial, mode) else { return };
        let mut old = say_hello(&broker, &hello("one", "john", "wrong", None));
        let old_waited = waited(&old, &mut admin);
        assert_eq!(answer(&mut old), Some(Protocol::V311.refusal()));
        let mut new = say_hello(&broker, &hello_5("two", "wrong", true, None));
        let new_waited = waited(&new, &mut admin);
        assert_eq!(answer_5(&mut new), (0, NOT_AUTHORIZED));
        if trial.plugin == Plugin::Ours {
            assert_eq!([old_waited, new_waited], expected, "{mode}");
        }
    }
}

fn mqtt_5_clients_that_wait_are_let_in_or_refused(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial, "delayed") else { return };
    let bytes = hello_5("john", "wrong", true, None);
    let mut refused = say_hello_and_wait(trial, &broker, &mut admin, &bytes);
    assert_eq!(answer_5(&mut refused), (0, NOT_AUTHORIZED));
    assert_eq!(packet(&mut refused), None, "the broker ends it");
    assert_eq!(connections(&mut admin, "john"), 0);
    let bytes = hello_5("john", "pw", true, None);
    let mut let_in = say_hello_and_wait(trial, &broker, &mut admin, &bytes);
    assert_eq!(answer_5(&mut let_in), (0, 0));
    assert_eq!(connections(&mut admin, "john"), 1);
    let subscribe = [vec![0x82, 7, 0, 1, 0], field("t"), vec![1]].concat();
    let_in.write_all(&subscribe).expect("the broker reads");
    assert_eq!(packet(&mut let_in), Some(vec![0x90, 0, 1, 0, 1]), "a SUBACK");
    admin.fine(&json!({"command": "disableClient", "username": "john"}));
    let end = packet(&mut let_in).expect("a DISCONNECT");
    assert_eq!(end[0], 0xe0, "a DISCONNECT");
}

fn an_mqtt_5_client_that_waits_takes_its_session_over(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial, "delayed") else { return };
    admin.create_client("jane");
    let mut old = broker.client("shared").login("jane", "pw").connect();
    let bytes = hello_5("shared", "pw", true, None);
    let mut new = say_hello_and_wait(trial, &broker, &mut admin, &bytes);
    if trial.plugin == Plugin::Ours {
        old.round_trip();
    }
    assert_eq!(answer_5(&mut new), (0, 0));
    old.disconnected();
    assert_eq!(connections(&mut admin, "jane"), 0);
    assert_eq!(connections(&mut admin, "john"), 1);
}

fn an_mqtt_5_client_that_waits_finds_its_session(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial, "delayed") else { return };
    admin.create_client("jane");
    let mut jane = broker.client("jane").login("jane", "pw").connect();
    broker.client("kept").login("john", "pw").durable().connect().subscribed("t").disconnect();
    jane.publish("t", "one");
    // Else it would not wait.
    admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": "new"}));
    let bytes = hello_5("kept", "new", false, None);
    let mut john = say_hello_and_wait(trial, &broker, &mut admin, &bytes);
    jane.publish("t", "two");
    assert_eq!(answer_5(&mut john), (1, 0));
    for text in ["one", "two"] {
        let publish = packet(&mut john).expect("a PUBLISH");
        assert!(publish[0] & 0xf0 == 0x30 && publish.ends_with(text.as_bytes()), "{publish:x?}");
    }
}

/// MQTT 5.0 §3.1.3.1: who gives no client id is given one, and told it.
fn an_mqtt_5_client_that_waits_is_given_a_client_id(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial, "delayed") else { return };
    let bytes = hello_5("", "pw", true, None);
    let mut john = say_hello_and_wait(trial, &broker, &mut admin, &bytes);
    let connack = packet(&mut john).expect("a CONNACK");
    assert_eq!(connack[..3], [0x20, 0, 0], "{connack:x?}");
    let assigned = connack.windows(5).any(|part| part == b"auto-");
    assert!(assigned, "{connack:x?}");
    assert_eq!(connections(&mut admin, "john"), 1);
    let client: Value = admin.fine(&json!({"command": "getClient", "username": "john"}));
    assert_eq!(client["client"]["username"], "john");
    john.write_all(&[0xc0, 0]).expect("the broker reads");
    assert_eq!(packet(&mut john), Some(vec![0xd0]), "a PINGRESP");
}

fn an_mqtt_5_client_that_leaves_while_it_waits_leaves_no_will(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial, "delayed") else { return };
    let mut observer = broker.observer();
    for password in ["pw", "wrong"] {
        let bytes = hello_5(password, password, true, Some("wills/early"));
        let stream = say_hello_and_wait(trial, &broker, &mut admin, &bytes);
        drop(stream);
        wait_for("its end", || (!waits(&mut admin, Some(password))).then_some(()));
    }
    let mut last = say_hello(&broker, &hello_5("last", "pw", true, Some("wills/last")));
    assert_eq!(answer_5(&mut last), (0, 0));
    drop(last);
    if trial.plugin == Plugin::Ours {
        observer.receives("wills/last", "gone");
    }
}
