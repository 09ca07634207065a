//! Guessing passwords: what the log says of it, and what the lockout does.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::{NOT_AUTHORIZED, Protocol, SERVER_BUSY};
use crate::harness::plugin::Plugin;

cases! {
    the_filter_for_fail2ban_finds_who_guesses_and_nobody_else:
        theirs_fails("all", "says nothing of refused logins", "guesses that were found"),
    an_address_that_guesses_is_locked_out: theirs_fails("all", "has no such option", "locked out"),
    unknown_users_are_refused_by_option: theirs_fails("all", "has no such option", "refused here"),
    logins_beyond_what_they_may_take_are_told_that_the_broker_is_busy:
        theirs_fails("all", "hashes for as long as there are logins", "told that it is busy"),
}

/// The lines of a log that the filter in docs/logins.md matches, as fail2ban sees them: it cuts the time off.
fn found_by_filter(log: &str) -> Vec<String> {
    let docs = include_str!("../../docs/logins.md");
    let filter =
        docs.lines().find_map(|line| line.strip_prefix("failregex = ")).expect("a filter is in the docs");
    let filter = filter.replace("<ADDR>", "[0-9a-f.:]+");
    let lines: Vec<&str> =
        log.lines().map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
    let mut grep = Command::new("grep")
        .args(["-P", &filter])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a grep");
    grep.stdin.take().expect("piped").write_all(lines.join("\n").as_bytes()).expect("grep reads");
    let output = grep.wait_with_output().expect("grep ends");
    assert!(output.stderr.is_empty());
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
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
