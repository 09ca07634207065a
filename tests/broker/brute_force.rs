//! Guessing passwords: what the log says of it, and what the lockout does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::delayed::{answer, hello, say_hello};
use crate::harness::case::{Trial, cases};
use crate::harness::filter::found_by_filter;
use crate::harness::packet::{NOT_AUTHORIZED, Protocol, SERVER_BUSY};
use crate::harness::plugin::Plugin;
use crate::harness::wait_for;

cases! {
    the_filter_for_fail2ban_finds_who_guesses_and_nobody_else:
        theirs_fails("all", "says nothing of refused logins", "guesses that were found"),
    unknown_names_hide_no_guesses: theirs_fails("all", "says nothing of refused logins", "guesses that were found"),
    whom_a_reload_asks_for_is_no_guesser: theirs_fails("all", "says nothing of refused logins", "of the reload"),
    an_address_that_guesses_is_locked_out: theirs_fails("all", "has no such option", "locked out"),
    unknown_users_are_refused_by_option: theirs_fails("all", "has no such option", "refused here"),
    logins_beyond_what_they_may_take_are_told_that_the_broker_is_busy:
        theirs_fails("all", "hashes for as long as there are logins", "told that it is busy"),
    a_flood_of_logins_holds_messages_up_no_longer_than_it_may:
        theirs_fails("all", "has no such option, and does not count", "Unknown command"),
}

fn the_filter_for_fail2ban_finds_who_guesses_and_nobody_else(trial: &Trial) {
    let broker = trial.broker().line("log_type all").start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "allowed", true]]));
    admin.create_client("off");
    admin.fine(&json!({"command": "disableClient", "username": "off"}));
    // Names that try to look like a line of their own, or like another address.
    let forged = ": dynsec: denied | login | address=192.0.2.9 | reason=wrongPassword";
    let mut john = broker.client(forged).login("john", "pw").connect();
    assert_eq!(john.publish("denied", "x"), NOT_AUTHORIZED);
    // The broker has a line of its own for each of these topics, with nothing else on it but a tab.
    let topic = &forged[2..];
    let _ = john.unsubscribe(topic);
    broker.wait_for_log(&format!(": \t{topic}"));
    assert_eq!(broker.client(forged).login("off", "pw").refused(), NOT_AUTHORIZED);
    assert_eq!(broker.client("c").login("nobody", "pw").refused(), NOT_AUTHORIZED);
    for client_id in ["guesser", forged, "a | address=192.0.2.9 | reason=wrongPassword"] {
        assert_eq!(broker.client(client_id).login("john", "guess").refused(), NOT_AUTHORIZED);
    }
    // What is denied is logged at the next tick; a few come while all these are answered.
    for _ in 0..20 {
        admin.fine(&json!({"command": "listClients"}));
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = found_by_filter(&broker.log());
    assert_eq!(found.len(), 3, "guesses that were found: {found:#?}");
    assert!(
        found.iter().all(|line| line
            .ends_with(&format!("address={} | reason=wrongPassword", trial.place.client_address()))),
        "{found:#?}"
    );
}

fn unknown_names_hide_no_guesses(trial: &Trial) {
    let broker = trial.broker().line("log_type all").line("plugin_opt_denial_log_interval 3600").start();
    let mut admin = broker.admin();
    admin.create_client("john");
    for number in 0..300 {
        let unknown = broker.client("d1").login(&format!("unknown-{number}"), "pw");
        assert_eq!(unknown.refused(), NOT_AUTHORIZED);
    }
    for _ in 0..5 {
        assert_eq!(broker.client("guesser").login("john", "guess").refused(), NOT_AUTHORIZED);
    }
    // What is denied is logged at the next tick; a few come while all these are answered.
    for _ in 0..20 {
        admin.fine(&json!({"command": "listClients"}));
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = found_by_filter(&broker.log());
    assert_eq!(found.len(), 5, "guesses that were found: {found:#?}");
}

/// The broker asks for the logins of absent clients, too, each time.
fn whom_a_reload_asks_for_is_no_guesser(trial: &Trial) {
    let mut broker = trial.broker().line("log_type all").line("plugin_opt_unknown_user deny").start();
    let mut admin = broker.admin();
    admin.create_client("john");
    broker.client("john").login("john", "pw").durable_for(300).connect().disconnect();
    admin.fine(&json!({"command": "deleteClient", "username": "john"}));
    broker.reload();
    let of_reload = format!(
        "denied | login | clientid=john | username=john | address={} | reason=clientNotFound | reload",
        trial.place.client_address()
    );
    wait_for("the line of the reload", || broker.log().contains(&of_reload).then_some(()));
    assert_eq!(broker.client("john").login("john", "pw").refused(), NOT_AUTHORIZED);
    let found = wait_for("the line of a guess", || found_by_filter(&broker.log()).pop());
    assert!(found.ends_with("reason=clientNotFound"), "{found}");
    assert_eq!(found_by_filter(&broker.log()).len(), 1, "{}", broker.log());
}

fn an_address_that_guesses_is_locked_out(trial: &Trial) {
    let broker = trial.broker().line("plugin_opt_lockout_failures 3").start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.create_client("jane");
    let login = |username: &str, password: &str| broker.client("any").login(username, password);
    login("jane", "pw").connect().disconnect();
    for _ in 0..3 {
        assert_eq!(login("john", "guess").refused(), Protocol::V5.refusal());
        assert_eq!(login("jane", "guess").refused(), Protocol::V5.refusal());
    }
    let explained = admin.command(&json!({
        "command": "explainLogin", "username": "john", "address": trial.place.client_address(),
    }));
    assert_eq!(explained["data"]["reason"], "lockedOut", "locked out: {explained}");
    assert_eq!(login("john", "pw").refused(), Protocol::V5.refusal());
    login("jane", "pw").connect().round_trip();
    broker.wait_for_log("reason=lockedOut");
}

fn logins_beyond_what_they_may_take_are_told_that_the_broker_is_busy(trial: &Trial) {
    let broker = trial
        .broker()
        .line("plugin_opt_login_work 1")
        .line("plugin_opt_login_mode sync")
        .line("plugin_opt_password_iterations 20000")
        .start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let login = |password| broker.client("any").login("john", password);
    login("pw").connect().disconnect();
    // Half a second of hashing is an address's share for now.
    let busy = if trial.like_2_1() { SERVER_BUSY } else { NOT_AUTHORIZED };
    let is_too_many = |_: &u32| {
        let code = login("guess").refused();
        code != NOT_AUTHORIZED || broker.log().contains("reason=tooManyLogins")
    };
    let tries = if trial.plugin == Plugin::Theirs { 20 } else { 500 };
    assert!((0..tries).find(is_too_many).is_some(), "told that it is busy");
    assert_eq!(login("guess").refused(), busy);
    login("pw").connect().round_trip();
}

fn unknown_users_are_refused_by_option(trial: &Trial) {
    const PASSWORDS: &str = "\
filed:$7$101$99/racmeiHjYy3hu$omjgFIj6iypMVxlMSg+vbGqsGSG1ffs9q+HA3UjJH4bLMxhVVFB95MTdS8OwxpjmkLaw/P7UzuHMBAgiwlkg0A==
";
    let broker = trial
        .broker()
        .line("plugin_opt_unknown_user deny")
        .line("password_file {dir}/passwords")
        .file("passwords", PASSWORDS)
        .start();
    broker.admin().create_client("john");
    broker.client("john").login("john", "pw").connect().round_trip();
    let filed = broker.client("filed").login("filed", "file-pw");
    let answer = filed.try_connect().err();
    assert_eq!(answer, Some(Some(NOT_AUTHORIZED)), "refused here");
}

/// How many passwords were hashed while that many messages went through a flood of wrong ones.
fn hashed_beside_messages(trial: &Trial, work: u32) -> u64 {
    const MESSAGES: usize = 60;
    const CONNECTIONS: usize = 4;
    let broker = trial
        .broker()
        .line(&format!("plugin_opt_login_work {work}"))
        .line("plugin_opt_login_mode sync")
        .line("plugin_opt_password_iterations 50000")
        .start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let rights = ["publishClientSend", "publishClientReceive", "subscribeLiteral"];
    admin.create_client_with("jane", &json!(rights.map(|acltype| json!([acltype, "t", true]))));
    let mut jane = broker.client("jane").login("jane", "pw").connect().subscribed("t");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let (broker, over) = (&broker, &over);
            scope.spawn(move || {
                let bytes = hello(&format!("flood{number}"), "john", "guess", None);
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(answer(&mut say_hello(broker, &bytes)), Some(5));
                }
            });
        }
        for number in 0..MESSAGES {
            jane.publish("t", &number.to_string());
            jane.receives("t", &number.to_string());
        }
        over.store(true, Ordering::Relaxed);
    });
    let metrics = admin.fine(&json!({"command": "getMetrics"}));
    let logins = metrics["logins"].as_array().expect("a list");
    let refused = |reason: &str| {
        logins
            .iter()
            .find(|of| of["reason"] == reason)
            .map_or(0, |of| of["count"].as_u64().expect("a number"))
    };
    assert_eq!(refused("tooManyLogins") > 0, work < 100, "{metrics}");
    refused("wrongPassword")
}

fn a_flood_of_logins_holds_messages_up_no_longer_than_it_may(trial: &Trial) {
    let [bounded, unbounded] = [1, 100].map(|work| hashed_beside_messages(trial, work));
    assert!(
        bounded < unbounded / 2,
        "{bounded} passwords were hashed beside the same messages, not {unbounded}"
    );
}
