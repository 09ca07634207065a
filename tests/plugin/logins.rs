//! Logins that are refused unseen, and those that never are.

use std::num::NonZero;
use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::options::{PluginOptions, UnknownUserOption};
use mosquitto_dynsec::password::{PasswordHash, Stored};
use mosquitto_dynsec::plugin::{Delay, LoginAnswer, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::json;

use crate::host::{Place, command};

const FAMILY: BrokerFamily = BrokerFamily::V2_0;

fn place() -> Place {
    let place = Place::with(&json!({"clients": [
        {"username": "ann"}, {"username": "bob"}, {"username": "off", "disabled": true}, {"username": "none"},
    ]}));
    let plugin = place.start(FAMILY, |options| *options = quick(options)).unwrap();
    for username in ["ann", "bob", "off"] {
        let set = json!({"command": "setClientPassword", "username": username, "password": "pw"});
        assert_eq!(command(&place, &plugin, &set), json!({"command": "setClientPassword"}));
    }
    place.host.log.lock().unwrap().clear();
    place
}

fn quick(options: &PluginOptions) -> PluginOptions {
    let password_iterations = 101.try_into().unwrap();
    PluginOptions { password_iterations, ..options.clone() }
}

fn start(place: &Place, change: impl FnOnce(&mut PluginOptions)) -> Plugin {
    let plugin = place
        .start(FAMILY, |options| {
            *options = quick(options);
            change(options);
        })
        .unwrap();
    plugin.on_tick();
    plugin
}

fn with_lockout(options: &mut PluginOptions) {
    options.lockout_failures = NonZero::new(3);
    options.lockout_window = Duration::from_secs(3600);
}

fn log_in(plugin: &Plugin, session: usize, username: &str, password: &str, address: &str) -> Effect {
    let clientid = format!("{username}-{session}");
    let subject = Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()));
    let request =
        LoginRequest { subject, address: Some(address.as_bytes()), password: Some(password.as_bytes()) };
    plugin.on_basic_auth(SessionId(session), &request)
}

const ATTACKER: &str = "192.0.2.66";
const HOME: &str = "192.0.2.1";

#[test]
fn an_address_that_guesses_is_locked_out_of_the_username_also_with_the_right_password() {
    let place = place();
    let plugin = start(&place, with_lockout);
    for _ in 0..3 {
        assert_eq!(log_in(&plugin, 1, "ann", "guess", ATTACKER), Effect::Deny);
    }
    assert_eq!(log_in(&plugin, 1, "ann", "pw", ATTACKER), Effect::Deny);
    assert_eq!(log_in(&plugin, 1, "bob", "pw", ATTACKER), Effect::Allow);
    assert_eq!(log_in(&plugin, 2, "ann", "pw", HOME), Effect::Allow, "the client itself is not");
    plugin.on_tick();
    let lines = place.logged("dynsec: denied | login");
    assert_eq!(lines.iter().filter(|(_, line)| line.contains("reason=wrongPassword")).count(), 3);
    assert_eq!(lines.iter().filter(|(_, line)| line.contains("reason=lockedOut")).count(), 1);
    assert!(lines.iter().all(|(_, line)| line.contains("address=192.0.2.66")), "{lines:?}");
    // What a temporary folder is called is up to chance.
    let folder = place.directory.path().to_string_lossy().into_owned();
    for (_, line) in place.logged("") {
        let line = line.replace(&folder, "");
        assert!(!line.contains("guess") && !line.contains("pw"), "{line}");
    }
}

#[test]
fn the_failures_of_logins_that_are_hashed_together_count_one_by_one() {
    let client = |username: &str, hash: PasswordHash| {
        let Stored::Members { password, salt, iterations } = hash.stored() else { panic!() };
        json!({"username": username, "password": password, "salt": salt, "iterations": iterations})
    };
    let hash = |iterations: u32| PasswordHash::create(b"pw", iterations.try_into().unwrap()).unwrap();
    let place = Place::with(&json!({
        "clients": [client("slow", hash(20_000)), client("ann", hash(101)), client("bob", hash(101))]
    }));
    let plugin = start(&place, with_lockout);
    let log_in = |session: usize, username: &str, password: &str| {
        let clientid = format!("{username}-{session}");
        let subject = Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()));
        let (address, password) = (Some(ATTACKER.as_bytes()), Some(password.as_bytes()));
        let answer =
            plugin.on_login(SessionId(session), &LoginRequest { subject, address, password }, Delay::Safe);
        assert_eq!(answer, LoginAnswer::Later);
    };
    // While the workers are at the first, the others come. These are not denied: the denial log tells ten kinds of an
    // address apart, which are those of ann.
    for session in 0..8 {
        log_in(session, "slow", "pw");
    }
    for session in 100..109 {
        log_in(session, "ann", "guess");
    }
    log_in(200, "ann", "pw");
    for session in 300..304 {
        log_in(session, "bob", "pw");
    }
    while place.host.let_in.lock().unwrap().len() < 12 {
        place.host.sleep();
        plugin.on_tick();
    }
    assert!(place.host.let_in.lock().unwrap().iter().all(|clientid| !clientid.starts_with("ann")));
    let of_ann = |reason: &str| {
        let lines = place.logged("username=ann");
        lines.iter().filter(|(_, line)| line.contains(&format!("reason={reason}"))).count()
    };
    assert_eq!(of_ann("wrongPassword"), 3);
    assert_eq!(of_ann("lockedOut"), 7, "the right password too");
}

#[test]
fn without_the_option_nobody_is_locked_out() {
    let place = place();
    let plugin = start(&place, |_| ());
    for _ in 0..100 {
        assert_eq!(log_in(&plugin, 1, "ann", "guess", ATTACKER), Effect::Deny);
    }
    assert_eq!(log_in(&plugin, 1, "ann", "pw", ATTACKER), Effect::Allow);
}

#[test]
fn a_password_that_was_verified_before_always_passes() {
    let place = place();
    let plugin = start(&place, with_lockout);
    assert_eq!(log_in(&plugin, 1, "ann", "pw", HOME), Effect::Allow);
    for _ in 0..10 {
        assert_eq!(
            log_in(&plugin, 2, "ann", "guess", HOME),
            Effect::Deny,
            "from the same address, behind a NAT"
        );
    }
    assert_eq!(log_in(&plugin, 3, "ann", "pw", HOME), Effect::Allow);
}

#[test]
fn the_logins_of_a_reload_do_not_count() {
    let place = place();
    let plugin = start(&place, with_lockout);
    // Of whom the plugin knows by the session that it is connected.
    assert_eq!(log_in(&plugin, 1, "ann", "pw", HOME), Effect::Allow);
    let set = json!({"command": "setClientPassword", "username": "ann", "password": "new"});
    assert_eq!(command(&place, &plugin, &set), json!({"command": "setClientPassword"}));
    for _ in 0..10 {
        assert_eq!(log_in(&plugin, 1, "ann", "pw", HOME), Effect::Deny);
    }
    // And of the sessions of absent clients, in the time of the reload.
    plugin.on_reload();
    for session in 10..20 {
        assert_eq!(log_in(&plugin, session, "ann", "pw", HOME), Effect::Deny);
    }
    plugin.on_tick();
    assert_eq!(log_in(&plugin, 2, "ann", "new", HOME), Effect::Allow);
    for _ in 0..3 {
        assert_eq!(log_in(&plugin, 3, "bob", "guess", HOME), Effect::Deny);
    }
    assert_eq!(log_in(&plugin, 3, "bob", "pw", HOME), Effect::Deny, "after it they do again");
}

/// They may have been let in by others each time.
#[test]
fn who_was_left_to_others_is_not_locked_out_as_a_client_later() {
    let place = place();
    let plugin = start(&place, with_lockout);
    for _ in 0..10 {
        assert_eq!(log_in(&plugin, 1, "later", "pw", HOME), Effect::Defer);
    }
    let explain = json!({"command": "explainLogin", "username": "later", "address": HOME});
    assert_eq!(command(&place, &plugin, &explain)["data"]["reason"], "clientNotFound");
    let create = json!({"command": "createClient", "username": "later", "password": "pw"});
    assert_eq!(command(&place, &plugin, &create), json!({"command": "createClient"}));
    assert_eq!(log_in(&plugin, 1, "later", "pw", HOME), Effect::Allow);
    plugin.on_tick();
    assert_eq!(place.logged("lockedOut"), []);
}

#[test]
fn unknown_usernames_are_left_to_others_or_refused_and_then_counted() {
    let place = place();
    let plugin = start(&place, with_lockout);
    for _ in 0..10 {
        assert_eq!(log_in(&plugin, 1, "nobody", "x", ATTACKER), Effect::Defer);
    }
    let plugin = start(&place, |options| {
        with_lockout(options);
        options.unknown_user = UnknownUserOption::Deny;
    });
    place.host.log.lock().unwrap().clear();
    for _ in 0..4 {
        assert_eq!(log_in(&plugin, 1, "nobody", "x", ATTACKER), Effect::Deny);
    }
    plugin.on_tick();
    assert_eq!(place.logged("reason=clientNotFound").len(), 3);
    assert_eq!(place.logged("reason=lockedOut").len(), 1);
    let subject = Subject::known(Some(b"nobody"), Some(b"x"));
    let without = LoginRequest { subject, address: None, password: None };
    assert_eq!(plugin.on_basic_auth(SessionId(1), &without), Effect::Deny);
    let anonymous = LoginRequest { subject: Subject { username: None, ..subject }, ..without };
    assert_eq!(plugin.on_basic_auth(SessionId(1), &anonymous), Effect::Defer, "the broker decides on those");
}

/// The least that logins may be told to take; those of ann take long.
fn start_with_little_work(place: &Place) -> Plugin {
    let plugin = start(place, |options| {
        options.login_work = 1;
        options.password_iterations = 20_000.try_into().unwrap();
    });
    let set = json!({"command": "setClientPassword", "username": "ann", "password": "pw"});
    assert_eq!(command(place, &plugin, &set), json!({"command": "setClientPassword"}));
    plugin
}

#[test]
fn a_flood_is_refused_beyond_its_share() {
    let place = place();
    let plugin = start_with_little_work(&place);
    // Half a second of hashing at once is an address's share.
    let refused = (0..10_000).find(|_| {
        assert_eq!(log_in(&plugin, 1, "ann", "guess", ATTACKER), Effect::Deny);
        plugin.on_tick();
        !place.logged("reason=tooManyLogins").is_empty()
    });
    assert!(refused.is_some());
    assert_eq!(log_in(&plugin, 1, "bob", "pw", ATTACKER), Effect::Deny);
    assert_eq!(log_in(&plugin, 1, "nobody", "pw", ATTACKER), Effect::Defer);
}

#[test]
fn explain_login_knows_who_decides_about_unknown_users() {
    let place = place();
    let ask = json!({"command": "explainLogin", "username": "nobody"});
    for (unknown_user, deferred) in [(UnknownUserOption::Defer, true), (UnknownUserOption::Deny, false)] {
        let plugin = start(&place, |options| options.unknown_user = unknown_user);
        let said = command(&place, &plugin, &ask)["data"].take();
        assert_eq!((&said["allow"], &said["reason"]), (&json!(false), &json!("clientNotFound")));
        assert_eq!(said.get("deferred").is_some(), deferred, "{said}");
    }
}

/// On the thread of an `http_api` listener, where the broker gives no address.
fn log_in_over_http(plugin: &Plugin, username: &str, password: &str) -> LoginAnswer {
    let subject = Subject::known(Some(username.as_bytes()), Some(b"http-api"));
    let request = LoginRequest { subject, address: None, password: Some(password.as_bytes()) };
    plugin.on_login(SessionId(77), &request, Delay::Elsewhere)
}

/// A client with the client id of these requests, and likewise without an address.
fn log_in_like_http(plugin: &Plugin, username: &str, password: &str) -> Effect {
    let subject = Subject::known(Some(username.as_bytes()), Some(b"http-api"));
    let request = LoginRequest { subject, address: None, password: Some(password.as_bytes()) };
    plugin.on_basic_auth(SessionId(78), &request)
}

#[test]
fn who_guesses_over_http_is_locked_out_there_and_no_client_with_him() {
    let place = place();
    let plugin = start(&place, with_lockout);
    for _ in 0..3 {
        assert_eq!(log_in_over_http(&plugin, "ann", "guess"), LoginAnswer::Now(Effect::Deny));
    }
    assert_eq!(log_in_over_http(&plugin, "ann", "pw"), LoginAnswer::Now(Effect::Deny));
    assert_eq!(log_in_over_http(&plugin, "bob", "pw"), LoginAnswer::Now(Effect::Allow));
    let locked_out = |address: &str| {
        let ask = json!({"command": "explainLogin", "username": "ann", "address": address});
        command(&place, &plugin, &ask)["data"]["reason"] == "lockedOut"
    };
    assert!(locked_out("http_api") && !locked_out("") && !locked_out(HOME));
    // Nor the other way round.
    for _ in 0..3 {
        assert_eq!(log_in_like_http(&plugin, "bob", "guess"), Effect::Deny);
    }
    assert_eq!(log_in_like_http(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(log_in_over_http(&plugin, "ann", "pw"), LoginAnswer::Now(Effect::Allow), "verified before");
    assert_eq!(log_in_over_http(&plugin, "bob", "pw"), LoginAnswer::Now(Effect::Allow));
}

#[test]
fn guesses_over_http_count_also_while_a_reload_asks_for_logins() {
    let place = place();
    let plugin = start(&place, with_lockout);
    plugin.on_reload();
    for _ in 0..3 {
        assert_eq!(log_in_over_http(&plugin, "ann", "guess"), LoginAnswer::Now(Effect::Deny));
    }
    plugin.on_tick();
    assert_eq!(log_in_over_http(&plugin, "ann", "pw"), LoginAnswer::Now(Effect::Deny));
}

#[test]
fn requests_over_http_take_nothing_of_the_broker_s_time_and_are_no_connections() {
    let place = place();
    let plugin = start_with_little_work(&place);
    // At the broker's expense that is more than may come at once.
    let mut spent = Duration::ZERO;
    while spent < Duration::from_millis(1500) {
        let start = Instant::now();
        assert_eq!(log_in_over_http(&plugin, "ann", "guess"), LoginAnswer::Now(Effect::Deny));
        spent += start.elapsed();
    }
    assert_eq!(log_in_like_http(&plugin, "bob", "pw"), Effect::Allow);
    assert_eq!(log_in_over_http(&plugin, "ann", "pw"), LoginAnswer::Now(Effect::Allow));
    // A client that has the client id of such requests is a connection all the same.
    (0..3).for_each(|_| plugin.on_tick());
    place.host.kicked_names.lock().unwrap().clear();
    for username in ["ann", "bob"] {
        let change = json!({"command": "setClientId", "username": username});
        assert_eq!(command(&place, &plugin, &change), json!({"command": "setClientId"}));
    }
    (0..3).for_each(|_| plugin.on_tick());
    let mut kicked = place.host.kicked_names.lock().unwrap().clone();
    // Which tick each is due at is up to the disk.
    kicked.sort();
    assert_eq!(kicked, ["ann", "http-api"], "of the one no connection is known, and of the other one is");
}
