//! 2.1's `http_api` listeners: the broker asks the plugin about their requests from another thread.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::delayed::{answer, hello, iterations, say_hello_and_wait};
use crate::harness::case::{Trial, cases};
use crate::harness::plugin::Plugin;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};
use crate::traps_2_1::{connections, has_2_1s_own, on_two_listeners};
use crate::wire::dial;

cases! {
    http_requests_have_the_policys_logins_and_rights,
    http_requests_without_a_login_are_the_anonymous_groups_matter,
    http_requests_are_no_connections,
    a_login_that_waits_under_their_client_id_denies_http_requests_nothing,
    who_guesses_over_http_locks_out_no_client: theirs_fails("2.1", "has no such option", "locked out"),
    http_requests_and_commands_do_not_wait_for_each_other,
}

const ON_ONE_LISTENER: &str = "\
allow_anonymous true
listener {port0} 127.0.0.1
plugin {plugin}
plugin_opt_config_file {policy}
";

/// Asks a listener with `protocol http_api` for a path; the status code.
fn get(port: u16, path: &str, login: Option<(&str, &str)>) -> u16 {
    let login = login.map_or_else(String::new, |(username, password)| {
        format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{username}:{password}")))
    });
    let mut stream = dial(port);
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{login}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the broker reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the broker answers");
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
}

const VERSION: &str = "/api/v1/version";
const LISTENERS: &str = "/api/v1/listeners";

fn http_requests_have_the_policys_logins_and_rights(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = on_two_listeners(trial, "allow_anonymous false", "http_api");
    let port = broker.second_port();
    let mut admin = broker.admin();
    let rights =
        json!([["publishClientReceive", VERSION, true], ["publishClientReceive", "/api/#", false, -1]]);
    admin.create_client_with("john", &rights);
    admin.all_fine(&json!([
        {"command": "createClient", "username": "bound", "password": "pw", "clientid": "elsewhere"},
        {"command": "createClient", "username": "api", "password": "pw", "clientid": "http-api"},
        {"command": "createClient", "username": "nopw"},
    ]));
    assert_eq!(get(port, VERSION, Some(("john", "pw"))), 200);
    assert_eq!(get(port, LISTENERS, Some(("john", "pw"))), 401);
    assert_eq!(get(port, LISTENERS, Some((ADMIN, ADMIN_PASSWORD))), 200);
    for (username, password, status) in [
        ("john", "wrong", 401),
        ("john", "", 401),
        ("nobody", "pw", 401),
        ("nopw", "pw", 401),
        ("bound", "pw", 401),
        ("api", "pw", 200),
    ] {
        assert_eq!(get(port, VERSION, Some((username, password))), status, "{username}");
    }
    assert_eq!(get(port, VERSION, None), 401);
    admin.fine(&json!({"command": "disableClient", "username": "john"}));
    assert_eq!(get(port, VERSION, Some(("john", "pw"))), 401);
    admin.fine(&json!({"command": "enableClient", "username": "john"}));
    admin.fine(&json!({"command": "removeRoleACL", "rolename": "john", "acltype": "publishClientReceive",
                       "topic": VERSION}));
    assert_eq!(get(port, VERSION, Some(("john", "pw"))), 401);
}

fn http_requests_without_a_login_are_the_anonymous_groups_matter(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = on_two_listeners(trial, "allow_anonymous true", "http_api");
    let port = broker.second_port();
    let mut admin = broker.admin();
    let mut anonymous = broker.client("http-api").connect();
    assert_eq!(get(port, VERSION, None), 200);
    admin.create_role("anybody", &json!([["publishClientReceive", VERSION, false]]));
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "anybody", "roles": [{"rolename": "anybody"}]},
        {"command": "setAnonymousGroup", "groupname": "anybody"},
    ]));
    anonymous.disconnected();
    assert_eq!(get(port, VERSION, None), 401);
    assert_eq!(get(port, LISTENERS, None), 200);
    assert_eq!(get(port, LISTENERS, Some(("nobody", "pw"))), 401);
}

/// The broker gives all requests one client id, which anybody may name as its own.
fn a_login_that_waits_under_their_client_id_denies_http_requests_nothing(trial: &Trial) {
    const LISTENER: &str = "listener {port1} 127.0.0.1\nprotocol http_api";
    if !has_2_1s_own(trial) {
        return;
    }
    let text = format!("{ON_ONE_LISTENER}{}\n{LISTENER}\n", iterations(trial));
    let broker = trial.broker().configuration(&text).start();
    let port = broker.second_port();
    let mut admin = broker.admin();
    admin.create_client("john");
    let bytes = hello("http-api", "john", "wrong", None);
    let mut waiting = say_hello_and_wait(trial, &broker, &mut admin, &bytes, "http-api");
    assert_eq!(get(port, VERSION, None), 200);
    assert_eq!(answer(&mut waiting), Some(5));
    assert_eq!(get(port, VERSION, None), 200, "right after it was answered");
}

fn http_requests_are_no_connections(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = on_two_listeners(trial, "allow_anonymous false", "http_api");
    let mut admin = broker.admin();
    admin.create_client("john");
    let mut john = broker.client("http-api").login("john", "pw").connect();
    for _ in 0..20 {
        assert_eq!(get(broker.second_port(), VERSION, Some(("john", "pw"))), 200);
        assert_eq!(get(broker.second_port(), VERSION, Some((ADMIN, ADMIN_PASSWORD))), 200);
    }
    assert_eq!(connections(&mut admin, "john"), 1);
    assert_eq!(connections(&mut admin, ADMIN), 1);
    // A client of that id is still found to be disconnected, and its successor is left alone.
    admin.fine(&json!({"command": "setClientId", "username": "john"}));
    john.disconnected();
    let mut john = broker.client("http-api").login("john", "pw").connect();
    assert_eq!(connections(&mut admin, "john"), 1);
    john.round_trip();
}

fn who_guesses_over_http_locks_out_no_client(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let text = "\
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {policy}
plugin_opt_lockout_failures 3
listener {port0} 127.0.0.1
listener {port1} 127.0.0.1
protocol http_api
";
    let broker = trial.broker().configuration(text).start();
    let port = broker.second_port();
    let mut admin = broker.admin();
    for username in ["monitor", "other"] {
        admin.create_client_with(username, &json!([["publishClientReceive", VERSION, true]]));
    }
    for _ in 0..3 {
        assert_eq!(get(port, VERSION, Some(("monitor", "guess"))), 401);
    }
    assert_eq!(get(port, VERSION, Some(("monitor", "pw"))), 401, "locked out");
    assert_eq!(get(port, VERSION, Some(("other", "pw"))), 200);
    for (address, locked_out) in [("http_api", true), ("127.0.0.1", false)] {
        let ask = json!({"command": "explainLogin", "username": "monitor", "address": address});
        assert_eq!(admin.fine(&ask)["reason"] == "lockedOut", locked_out, "{address}");
    }
    broker.client("monitor").login("monitor", "pw").connect().round_trip();
    assert_eq!(get(port, VERSION, Some(("monitor", "pw"))), 200, "verified before");
}

fn http_requests_and_commands_do_not_wait_for_each_other(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = on_two_listeners(trial, "allow_anonymous false", "http_api");
    let port = broker.second_port();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientReceive", "/api/#", true]]));
    // The C plugin's records are read by one thread while the other changes them: it may crash.
    let at_once = trial.plugin == Plugin::Ours;
    let over = AtomicBool::new(false);
    let ask = || {
        assert_eq!(get(port, VERSION, Some(("john", "pw"))), 200);
        assert_eq!(get(port, VERSION, Some(("john", "wrong"))), 401);
    };
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut asked = 0;
                    while at_once && !over.load(Ordering::Relaxed) {
                        ask();
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        for round in 0..40 {
            let username = format!("temporary-{round}");
            admin.create_client_with(&username, &json!([["publishClientReceive", "/api/#", false]]));
            let mut client = broker.client(&username).login(&username, "pw").connect();
            admin.all_fine(&json!([
                {"command": "addRoleACL", "rolename": "john", "acltype": "publishClientReceive",
                 "topic": username, "allow": false},
                {"command": "deleteClient", "username": username},
                {"command": "deleteRole", "rolename": username},
            ]));
            client.disconnected();
            if !at_once {
                ask();
            }
        }
        over.store(true, Ordering::Relaxed);
        let asked: usize = asking.into_iter().map(|asking| asking.join().expect("no answer was wrong")).sum();
        assert!(!at_once || asked > 10, "{asked} times");
    });
}
