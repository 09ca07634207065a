//! Logins that 2.1 lets wait while workers verify them: what must not go wrong in between. Their passwords take long
//! to hash, so that there is time for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{NOT_AUTHORIZED, Protocol};
use crate::harness::plugin::Plugin;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};
use crate::harness::{DEADLINE, wait_for};
use crate::traps_2_1::has_2_1s_own;
use crate::wire::dial;

cases! {
    a_login_waits_for_its_verdict_and_the_broker_goes_on: theirs_fails("2.1", "verifies it at once", "waits"),
    who_leaves_before_the_verdict_leaves_no_will,
    an_absent_client_loses_nothing_by_a_login_that_waits_under_its_id,
    a_verdict_counts_only_for_what_it_was_about,
    a_verdict_of_an_attempt_before_lets_nobody_in,
    a_second_client_of_that_id_does_not_get_in_by_the_first,
    a_login_takes_over_a_session_with_a_will,
    a_reload_disturbs_no_login_that_waits,
    a_change_disconnects_nobody_who_waits,
    a_will_that_is_to_be_delayed_crashes_nothing,
    unknown_users_do_not_wait_for_others_to_decide,
    who_subscribes_before_it_is_let_in_is_disconnected: theirs_fails("2.1", "lets it in at once", "goes on"),
    the_end_of_the_broker_does_not_wait_for_logins,
    those_who_have_left_are_not_verified,
}

/// How long a login should take at least: others have to get their answers meanwhile.
const WORK: Duration = Duration::from_millis(500);

/// The option that makes logins take that long. How many iterations that is depends on how the plugin was built,
/// and on the machine; it is found out once.
pub(crate) fn iterations(trial: &Trial) -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    if trial.plugin == Plugin::Theirs {
        // It has no such option.
        return "";
    }
    FOUND.get_or_init(|| {
        const PROBE: u32 = 10_000;
        let broker = trial.broker().line(&format!("plugin_opt_password_iterations {PROBE}")).start();
        let set = json!({"command": "setClientPassword", "username": ADMIN, "password": ADMIN_PASSWORD});
        let once = || {
            // The administrator is disconnected by it, after the answer.
            let mut admin = broker.admin();
            let began = Instant::now();
            admin.fine(&set);
            began.elapsed().max(Duration::from_micros(100))
        };
        // The shortest of some: what the machine does beside it makes one longer, and logins would take less than they should.
        let took = (0..5).map(|_| once()).min().expect("some");
        let enough = WORK.as_secs_f64() / took.as_secs_f64() * f64::from(PROBE);
        format!("plugin_opt_password_iterations {:.0}", enough.clamp(200_000.0, 1_500_000.0))
    })
}

fn start(trial: &Trial) -> Option<(Broker, Admin)> {
    if !has_2_1s_own(trial) {
        return None;
    }
    let broker = trial.broker().line(iterations(trial)).line("plugin_opt_denial_log all").start();
    let mut admin = broker.admin();
    admin.create_client_with(
        "john",
        &json!([["publishClientSend", "#", true], ["subscribeLiteral", "t", true]]),
    );
    admin.fine(&json!({
        "command": "setDefaultACLAccess", "acls": [{"acltype": "publishClientSend", "allow": true}],
    }));
    Some((broker, admin))
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).expect("a short field").to_be_bytes()[..], bytes].concat()
}

/// A CONNECT of MQTT 3.1.1 (§3.1), with a will on the topic `wills/…` if wanted.
pub(crate) fn hello(client_id: &str, username: &str, password: &str, will: Option<&str>) -> Vec<u8> {
    let mut flags = 0xc2;
    let mut body = [field(b"MQTT"), vec![4, 0, 0, 60], field(client_id.as_bytes())].concat();
    if let Some(topic) = will {
        flags |= 0x04;
        body.extend([field(topic.as_bytes()), field(b"gone")].concat());
    }
    body[7] = flags;
    body.extend([field(username.as_bytes()), field(password.as_bytes())].concat());
    [vec![0x10, u8::try_from(body.len()).expect("a short packet")], body].concat()
}

pub(crate) fn say_hello(broker: &Broker, bytes: &[u8]) -> TcpStream {
    let mut stream = dial(broker.port());
    stream.write_all(bytes).expect("the broker reads");
    stream
}

/// The code of the CONNACK; `None` where the connection ended without one.
pub(crate) fn answer(stream: &mut TcpStream) -> Option<u8> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).ok()?;
    assert_eq!(bytes[0], 0x20, "a CONNACK");
    Some(bytes[3])
}

pub(crate) fn is_pending(admin: &mut Admin, client_id: &str) -> bool {
    let explained = admin.command(&json!({
        "command": "explainACL", "username": "john", "clientid": client_id, "acltype": "publishClientSend",
        "topic": "t",
    }));
    explained["data"]["reason"] == "loginPending"
}

/// Says hello and waits until the login is one that waits. With the C plugin none does.
pub(crate) fn say_hello_and_wait(
    trial: &Trial,
    broker: &Broker,
    admin: &mut Admin,
    bytes: &[u8],
    client_id: &str,
) -> TcpStream {
    let stream = say_hello(broker, bytes);
    if trial.plugin == Plugin::Ours {
        wait_for("a login that waits", || is_pending(admin, client_id).then_some(()));
    }
    stream
}

fn a_login_waits_for_its_verdict_and_the_broker_goes_on(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    for (password, code) in [("pw", 0), ("wrong", 5)] {
        let mut stream = say_hello(&broker, &hello("first", "john", password, None));
        let waits = (0..200).any(|_| is_pending(&mut admin, "first"));
        assert!(waits, "no login waits");
        assert_eq!(answer(&mut stream), Some(code), "{password}");
        assert!(!is_pending(&mut admin, "first"));
    }
    broker.wait_for_log("reason=wrongPassword");
    // What was verified once does not wait again, and counts as connected.
    let mut stream = say_hello(&broker, &hello("second", "john", "pw", None));
    assert_eq!(answer(&mut stream), Some(0));
    let data = admin.fine(&json!({"command": "getClient", "username": "john"}));
    assert_eq!(data["client"]["connections"].as_array().map(Vec::len), Some(1), "{data}");
    admin.fine(&json!({"command": "disableClient", "username": "john"}));
    assert_eq!(stream.read(&mut [0; 8]).ok(), Some(0), "it is disconnected");
}

fn who_leaves_before_the_verdict_leaves_no_will(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    let mut observer = broker.observer();
    for (client_id, password) in [("right", "pw"), ("wrong", "wrong")] {
        let bytes = hello(client_id, "john", password, Some("wills/early"));
        let stream = say_hello_and_wait(trial, &broker, &mut admin, &bytes, client_id);
        drop(stream);
    }
    // The next is verified after both, and its will comes.
    let mut stream = say_hello(&broker, &hello("last", "john", "pw", Some("wills/last")));
    assert_eq!(answer(&mut stream), Some(0));
    drop(stream);
    if trial.plugin == Plugin::Ours {
        observer.receives("wills/last", "gone");
    }
}

fn an_absent_client_loses_nothing_by_a_login_that_waits_under_its_id(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = trial.broker().anonymous().line(iterations(trial)).start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let may = ["publishClientSend", "subscribe"].map(|acltype| json!({"acltype": acltype, "allow": true}));
    admin.fine(&json!({"command": "setDefaultACLAccess", "acls": may}));
    let absent = broker.client("absent").durable();
    absent.connect().subscribed("t").disconnect();
    let bytes = hello("absent", "john", "wrong", None);
    let mut waiting = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "absent");
    let mut other = broker.client("other").connect();
    other.publish("t", "meanwhile");
    assert_eq!(answer(&mut waiting), Some(5));
    other.publish("t", "after it");
    let mut back = absent.connect();
    assert!(back.session_present());
    back.receives("t", "meanwhile");
    back.receives("t", "after it");
}

fn a_verdict_counts_only_for_what_it_was_about(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    let changes: [(&str, Value, Value); 3] = [
        (
            "disabled",
            json!({"command": "disableClient", "username": "john"}),
            json!({"command": "enableClient", "username": "john"}),
        ),
        (
            "bound",
            json!({"command": "setClientId", "username": "john", "clientid": "elsewhere"}),
            json!({"command": "setClientId", "username": "john", "clientid": ""}),
        ),
        (
            "deleted",
            json!({"command": "deleteClient", "username": "john"}),
            json!({"command": "createClient", "username": "john", "password": "pw"}),
        ),
    ];
    for (client_id, change, back) in changes {
        let bytes = hello(client_id, "john", "pw", None);
        let mut stream = say_hello_and_wait(trial, &broker, &mut admin, &bytes, client_id);
        admin.fine(&change);
        let code = answer(&mut stream);
        if trial.plugin == Plugin::Ours {
            // Or closed, where the change disconnects it before.
            assert!(code.is_none_or(|code| code == 5), "{client_id}: {code:?}");
        }
        admin.fine(&back);
    }
    // Another change does not concern it.
    let bytes = hello("same", "john", "pw", None);
    let mut stream = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "same");
    admin.fine(&json!({"command": "createRole", "rolename": "r"}));
    assert_eq!(answer(&mut stream), Some(0));
}

fn a_verdict_of_an_attempt_before_lets_nobody_in(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    let bytes = hello("same-id", "john", "pw", None);
    let first = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "same-id");
    drop(first);
    // The broker takes a little to notice; until then the id is taken.
    let code =
        wait_for("an answer", || answer(&mut say_hello(&broker, &hello("same-id", "john", "wrong", None))));
    assert_eq!(code, 5);
}

fn a_second_client_of_that_id_does_not_get_in_by_the_first(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    let bytes = hello("same-id", "john", "pw", None);
    let mut first = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "same-id");
    if trial.plugin == Plugin::Ours {
        for password in ["wrong", "pw"] {
            let mut second = say_hello(&broker, &hello("same-id", "john", password, None));
            assert_eq!(answer(&mut second), None, "the broker ends it");
        }
    }
    assert_eq!(answer(&mut first), Some(0));
    // It is there: an own message comes back.
    let code =
        broker.client("other").protocol(Protocol::V311).login("john", "pw").connect().publish("t", "x");
    assert_ne!(code, NOT_AUTHORIZED);
}

fn a_login_takes_over_a_session_with_a_will(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    let mut observer = broker.observer();
    admin.create_client_with("jane", &json!([["publishClientSend", "wills/#", true]]));
    let old = broker.client("shared").login("jane", "pw").will("wills/jane", "taken over", false);
    let mut old = old.connect();
    let bytes = hello("shared", "john", "pw", Some("wills/john"));
    let mut new = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "shared");
    assert_eq!(answer(&mut new), Some(0));
    old.disconnected();
    observer.receives("wills/jane", "taken over");
    let data = admin.fine(&json!({"command": "getClient", "username": "john"}));
    assert_eq!(data["client"]["connections"].as_array().map(Vec::len), Some(1), "{data}");
    drop(new);
    observer.receives("wills/john", "gone");
}

fn a_reload_disturbs_no_login_that_waits(trial: &Trial) {
    let Some((mut broker, mut admin)) = start(trial) else { return };
    let durable = broker.client("durable").login("john", "pw").durable().connect();
    durable.subscribed("t").disconnect();
    admin.create_client("jane");
    // What was verified before does not wait.
    admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": "new"}));
    let bytes = hello("waiting", "john", "new", None);
    let mut waiting = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "waiting");
    broker.reload();
    assert_eq!(answer(&mut waiting), Some(0));
    admin.fine(&json!({"command": "listClients"}));
    // The session of the absent client is still there.
    assert!(broker.client("durable").login("john", "new").durable().connect().session_present());
}

fn a_change_disconnects_nobody_who_waits(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    let bytes = hello("john", "john", "pw", None);
    let mut john = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "john");
    // Whoever is connected as john is disconnected after it. Its login is decided later, under the new policy.
    admin.fine(&json!({"command": "removeClientRole", "username": "john", "rolename": "john"}));
    assert_eq!(answer(&mut john), Some(0));
}

/// MQTT 5.0 §3.1.3.2.2: 2.1.2 crashes if such a client leaves while its login waits.
fn a_will_that_is_to_be_delayed_crashes_nothing(trial: &Trial) {
    let Some((broker, mut admin)) = start(trial) else { return };
    for (client_id, password) in [("one", "pw"), ("two", "wrong"), ("three", "pw")] {
        let will = [vec![5, 0x18, 0, 0, 0, 1], field(b"wills/late"), field(b"gone")].concat();
        let login = [field(b"john"), field(password.as_bytes())].concat();
        let body =
            [field(b"MQTT"), vec![5, 0xc6, 0, 60, 0], field(client_id.as_bytes()), will, login].concat();
        let bytes = [vec![0x10, u8::try_from(body.len()).expect("short")], body].concat();
        drop(say_hello(&broker, &bytes));
    }
    for _ in 0..20 {
        admin.fine(&json!({"command": "listClients"}));
    }
    broker.client("after").login("john", "pw").connect().round_trip();
}

fn unknown_users_do_not_wait_for_others_to_decide(trial: &Trial) {
    const PASSWORDS: &str = "\
filed:$7$101$99/racmeiHjYy3hu$omjgFIj6iypMVxlMSg+vbGqsGSG1ffs9q+HA3UjJH4bLMxhVVFB95MTdS8OwxpjmkLaw/P7UzuHMBAgiwlkg0A==
";
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = trial
        .broker()
        .line(iterations(trial))
        .line("plugin /usr/lib/x86_64-linux-gnu/mosquitto/mosquitto_password_file.so")
        .line("plugin_opt_password_file {dir}/passwords")
        .file("passwords", PASSWORDS)
        .start();
    let connector = broker.client("filed").protocol(Protocol::V311);
    connector.clone().login("filed", "file-pw").connect().round_trip();
    assert_eq!(connector.login("filed", "wrong").refused(), Protocol::V311.refusal());
}

/// 2.1.2 takes no packets of a client whose login waits.
fn who_subscribes_before_it_is_let_in_is_disconnected(trial: &Trial) {
    let Some((broker, _)) = start(trial) else { return };
    let subscribe = [vec![0x82, 6, 0, 1], field(b"t"), vec![0]].concat();
    let bytes = [hello("hasty", "john", "pw", None), subscribe].concat();
    let code = answer(&mut say_hello(&broker, &bytes));
    assert_eq!(code, None, "it goes on");
}

fn the_end_of_the_broker_does_not_wait_for_logins(trial: &Trial) {
    let Some((mut broker, _)) = start(trial) else { return };
    if trial.plugin == Plugin::Ours {
        let _waiting: Vec<TcpStream> = (0..200)
            .map(|number| say_hello(&broker, &hello(&format!("w{number}"), "john", "wrong", None)))
            .collect();
        // Else it would be minutes, far beyond the deadline of the harness.
        assert!(DEADLINE.as_secs() < 60);
        broker.stop();
    }
}

/// The broker does not tell that they have. It shows when others get the memory of their connections.
fn those_who_have_left_are_not_verified(trial: &Trial) {
    const GONE: u64 = 30;
    let Some((broker, mut admin)) = start(trial) else { return };
    if trial.plugin == Plugin::Theirs {
        return;
    }
    for number in 0..GONE {
        let id = format!("gone{number}");
        let bytes = hello(&id, "john", "wrong", None);
        drop(say_hello_and_wait(trial, &broker, &mut admin, &bytes, &id));
    }
    let mut stream = say_hello(&broker, &hello("home", "john", "pw", None));
    assert_eq!(answer(&mut stream), Some(0));
    let metrics = admin.fine(&json!({"command": "getMetrics"}));
    let wrong =
        metrics["logins"].as_array().expect("a list").iter().find(|of| of["reason"] == "wrongPassword");
    let verified = wrong.map_or(0, |of| of["count"].as_u64().expect("a number"));
    assert!(verified < GONE / 2, "{metrics}");
}
