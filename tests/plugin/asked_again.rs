//! What the denial log says of logins that nobody has tried: a reload has the broker ask for them again.

use mosquitto_dynsec::options::{PluginOptions, UnknownUserOption};
use mosquitto_dynsec::plugin::{Delay, LoginAnswer, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::{Value, json};

use crate::disk::Moody;
use crate::filter::found_by_filter;
use crate::host::{Place, command};

/// Of the password `pw`.
const HASH: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
/// Of another password.
const OTHER: &str = "$7$101$AAECAwQFBgcICQoM$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";

const NAMES: [&str; 5] = ["ann", "bob", "carl", "dan", "eve"];

fn policy(hash: &str) -> Value {
    let client = |name: &&str| json!({"username": name, "encoded_password": hash});
    json!({"clients": NAMES.iter().map(client).collect::<Vec<_>>(), "groups": [], "roles": []})
}

/// A plugin on a policy with those names, all of whom have logged in from one address.
fn start(change: impl FnOnce(&mut PluginOptions)) -> (Place, Plugin) {
    let place = Place::with(&policy(HASH));
    place.host.has_time();
    let plugin = place.start_on(&Moody::new(), change);
    assert_eq!(log_in(&plugin), [Effect::Allow; 5]);
    (place, plugin)
}

fn request(name: &str) -> LoginRequest<'_> {
    let subject = Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
    LoginRequest { subject, address: Some(b"192.0.2.1"), password: Some(b"pw") }
}

/// All log in, or are asked for.
fn log_in(plugin: &Plugin) -> [Effect; 5] {
    let mut session = 0;
    NAMES.map(|name| {
        session += 1;
        plugin.on_basic_auth(SessionId(session), &request(name))
    })
}

/// What was logged of logins since that was last asked.
fn logged(place: &Place) -> Vec<String> {
    let lines = place.logged("denied | login").into_iter().map(|(_, line)| line).collect();
    place.host.log.lock().unwrap().clear();
    lines
}

#[test]
fn who_is_refused_by_a_reload_is_logged_and_is_no_guesser() {
    let (place, plugin) = start(|_| ());
    std::fs::write(place.policy_path(), policy(OTHER).to_string()).unwrap();
    plugin.on_reload();
    assert_eq!(log_in(&plugin), [Effect::Deny; 5]);
    // This is another thread's, and no login that the reload asks for.
    let over_http = LoginRequest { address: None, ..request("ann") };
    assert_eq!(plugin.on_login(SessionId(9), &over_http, Delay::Elsewhere), LoginAnswer::Now(Effect::Deny));
    plugin.on_tick();
    let lines = logged(&place);
    let of_reload = |name| {
        format!(
            "dynsec: denied | login | clientid={name} | username={name} | address=192.0.2.1 | reason=wrongPassword | reload"
        )
    };
    assert_eq!(lines[1..], NAMES.map(of_reload));
    assert_eq!(lines[0], "dynsec: denied | login | clientid=ann | username=ann | reason=wrongPassword");
    assert_eq!(found_by_filter(&lines.join("\n")), [""; 0]);
    // Now they come by themselves.
    assert_eq!(log_in(&plugin), [Effect::Deny; 5]);
    plugin.on_tick();
    let lines = logged(&place);
    assert_eq!((lines.len(), found_by_filter(&lines.join("\n"))), (5, lines.clone()));
}

#[test]
fn absent_clients_that_were_deleted_are_no_guessers_at_any_reload() {
    let (place, plugin) = start(|options| options.unknown_user = UnknownUserOption::Deny);
    for name in NAMES {
        command(&place, &plugin, &json!({"command": "deleteClient", "username": name}));
    }
    for session in 1..=5 {
        plugin.on_disconnect(SessionId(session));
    }
    logged(&place);
    for _ in 0..2 {
        plugin.on_reload();
        assert_eq!(log_in(&plugin), [Effect::Deny; 5]);
        plugin.on_tick();
        let lines = logged(&place);
        assert_eq!((lines.len(), found_by_filter(&lines.join("\n"))), (5, vec![]));
    }
}
