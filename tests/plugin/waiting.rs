//! Logins that wait for their verdict: what they and others may do meanwhile, and when nobody waits for them any more.

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::options::LoginMode;
use mosquitto_dynsec::password::{PasswordHash, Stored};
use mosquitto_dynsec::plugin::{Delay, EachTime, LoginAnswer, Plugin, SessionId};
use mosquitto_dynsec::policy::{AclRequest, Action, Effect, LoginRequest, Subject};
use serde_json::json;

use crate::host::Place;

const ACTIONS: [Action; 4] =
    [Action::PublishClientSend, Action::PublishClientReceive, Action::Subscribe, Action::Unsubscribe];

/// Anonymous clients may everything, and ann has the password `pw`.
fn place() -> Place {
    let hash = PasswordHash::create(b"pw", 101.try_into().unwrap()).unwrap();
    let Stored::Members { password, salt, iterations } = hash.stored() else { panic!() };
    Place::with(&json!({
        "defaultACLAccess": {
            "publishClientSend": true, "publishClientReceive": true, "subscribe": true, "unsubscribe": true,
        },
        "clients": [{"username": "ann", "password": password, "salt": salt, "iterations": iterations}],
    }))
}

fn start(place: &Place) -> Plugin {
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    plugin
}

fn log_in(plugin: &Plugin, session: usize, clientid: &str, login: Option<(&str, &str)>) -> LoginAnswer {
    let subject = Subject::known(login.map(|(username, _)| username.as_bytes()), Some(clientid.as_bytes()));
    let password = login.map(|(_, password)| password.as_bytes());
    plugin.on_login(SessionId(session), &LoginRequest { subject, address: None, password }, Delay::Safe)
}

/// Which of all actions a client without a username may do.
fn may(plugin: &Plugin, session: usize, clientid: &str) -> Vec<Action> {
    let subject = Subject::known(None, Some(clientid.as_bytes()));
    let effect = |action| {
        plugin.on_acl_check(SessionId(session), AclRequest { subject, action, topic: b"t" }, &EachTime, &())
    };
    ACTIONS.into_iter().filter(|action| effect(*action) == Effect::Allow).collect()
}

/// Ticks until so many logins were answered later; who was let in.
fn answered(place: &Place, plugin: &Plugin, count: usize) -> Vec<String> {
    while place.host.completed.lock().unwrap().len() < count {
        place.host.sleep();
        plugin.on_tick();
    }
    place.host.let_in.lock().unwrap().clone()
}

#[test]
fn who_waits_is_chosen_by_the_option_as_far_as_the_broker_can_wait() {
    use Delay::{Impossible, Risky, Safe};
    let cases = [
        (LoginMode::Auto, [(Impossible, false), (Safe, true), (Risky, false)]),
        (LoginMode::Sync, [(Impossible, false), (Safe, false), (Risky, false)]),
        (LoginMode::Delayed, [(Impossible, false), (Safe, true), (Risky, true)]),
    ];
    for (login_mode, delays) in cases {
        let place = place();
        let plugin = place.start(BrokerFamily::V2_1, |options| options.login_mode = login_mode).unwrap();
        let log_in = |session: usize, delay, password: &str| {
            let clientid = format!("c{session}");
            let subject = Subject::known(Some(b"ann"), Some(clientid.as_bytes()));
            let password = Some(password.as_bytes());
            plugin.on_login(SessionId(session), &LoginRequest { subject, address: None, password }, delay)
        };
        let denied = LoginAnswer::Now(Effect::Deny);
        for (delay, _) in delays {
            assert_eq!(log_in(1, delay, "wrong"), denied, "no broker that has not ticked can wait");
        }
        plugin.on_tick();
        for (session, (delay, waits)) in (2..).zip(delays) {
            let expected = if waits { LoginAnswer::Later } else { denied };
            assert_eq!(log_in(session, delay, "wrong"), expected, "{login_mode:?} {delay:?}");
        }
        plugin.on_reload();
        for (session, (delay, _)) in (5..).zip(delays) {
            assert_eq!(log_in(session, delay, "wrong"), denied, "a reload does not wait");
        }
        plugin.on_tick();
        assert_eq!(log_in(8, Impossible, "pw"), LoginAnswer::Now(Effect::Allow));
        for (session, (delay, _)) in (9..).zip(delays) {
            assert_eq!(
                log_in(session, delay, "pw"),
                LoginAnswer::Now(Effect::Allow),
                "it was verified before"
            );
        }
    }
}

#[test]
fn who_waits_may_nothing_and_nobody_else_of_its_client_id_may_less_for_it() {
    let place = place();
    let plugin = start(&place);
    // 2.1's `http_api` asks about requests without a login under this one, from a place of its own.
    for clientid in ["http-api", "absent"] {
        let before = place.host.completed.lock().unwrap().len();
        assert_eq!(log_in(&plugin, 1, clientid, Some(("ann", "wrong"))), LoginAnswer::Later);
        // Its will is asked about without its username.
        assert_eq!(may(&plugin, 1, clientid), []);
        assert_eq!(may(&plugin, 2, clientid), ACTIONS);
        answered(&place, &plugin, before + 1);
        assert_eq!(may(&plugin, 1, clientid), [], "its will may still be asked about");
        assert_eq!(may(&plugin, 2, clientid), ACTIONS);
    }
}

#[test]
fn who_left_while_it_waited_leaves_no_will_though_another_has_its_client_id_by_then() {
    for next in [Some(("ann", "pw")), Some(("unknown", "pw")), None] {
        let place = place();
        let plugin = start(&place);
        assert_eq!(log_in(&plugin, 1, "same", Some(("ann", "wrong"))), LoginAnswer::Later);
        let answer = log_in(&plugin, 2, "same", next);
        assert_eq!(may(&plugin, 1, "same"), []);
        assert_eq!(may(&plugin, 2, "same").is_empty(), answer == LoginAnswer::Later, "{next:?}");
    }
}

#[test]
fn the_place_of_who_has_left_is_anothers() {
    for is_told in [false, true] {
        let place = place();
        let plugin = start(&place);
        assert_eq!(log_in(&plugin, 1, "gone", Some(("ann", "pw"))), LoginAnswer::Later);
        if is_told {
            // Others have let it in without a login.
            plugin.on_connect(SessionId(1), None, Some(b"newcomer"), &());
        } else {
            assert_eq!(log_in(&plugin, 1, "newcomer", None), LoginAnswer::Now(Effect::Defer));
        }
        assert_eq!(may(&plugin, 1, "newcomer"), ACTIONS);
        assert_eq!(log_in(&plugin, 2, "last", Some(("ann", "pw"))), LoginAnswer::Later);
        assert_eq!(answered(&place, &plugin, 1), ["last"], "nobody waits for the first");
    }
}

#[test]
fn in_the_time_of_a_reload_too() {
    let place = place();
    let plugin = start(&place);
    assert_eq!(log_in(&plugin, 1, "gone", Some(("ann", "pw"))), LoginAnswer::Later);
    assert_eq!(log_in(&plugin, 2, "waits", Some(("ann", "pw"))), LoginAnswer::Later);
    plugin.on_reload();
    assert_eq!(log_in(&plugin, 1, "newcomer", None), LoginAnswer::Now(Effect::Defer));
    assert_eq!(may(&plugin, 1, "newcomer"), ACTIONS);
    // An absent client's session is asked about, which says nothing of who waits.
    assert_eq!(log_in(&plugin, 3, "waits", None), LoginAnswer::Now(Effect::Defer));
    assert_eq!(answered(&place, &plugin, 1), ["waits"]);
}
