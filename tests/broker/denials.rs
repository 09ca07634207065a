//! The denial log: who was denied what, and why, in lines that a program can read.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

cases! {
    what_is_denied_is_logged_with_the_reason: theirs_fails("all", "logs no reasons"),
    denied_logins_are_logged_with_the_reason: theirs_fails("all", "logs no reasons"),
    names_cannot_forge_a_line: theirs_fails("all", "logs no reasons"),
    denials_are_summed_up: theirs_fails("all", "logs no reasons"),
    without_ticks_denials_are_logged_at_once: theirs_fails("all", "logs no reasons"),
    whoever_reads_the_log_over_mqtt_reads_denials: theirs_fails("all", "logs no reasons"),
    what_was_counted_is_logged_when_the_broker_ends: theirs_fails("all", "logs no reasons"),
    the_denial_log_can_be_turned_off: theirs_fails("all", "has no such option"),
}

fn what_is_denied_is_logged_with_the_reason(trial: &Trial) {
    let broker = trial.broker().line("plugin_opt_denial_log all").start();
    let mut admin = broker.admin();
    let rights = json!([
        ["publishClientSend", "door/#", false, 5],
        ["subscribePattern", "#", true],
        ["publishClientReceive", "secret/#", false],
        ["publishClientReceive", "#", true, -1],
        ["subscribeLiteral", "secret/+", false],
    ]);
    admin.create_client_with("john", &rights);
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "staff", "roles": [{"rolename": "john"}]},
        {"command": "createClient", "username": "jane", "password": "pw", "groups": [{"groupname": "staff"}]},
        {"command": "setDefaultACLAccess", "acls": [{"acltype": "publishClientReceive", "allow": true}]},
    ]));
    let mut john = broker.client("d1").login("john", "pw").connect().subscribed("secret/1");
    assert_eq!(john.publish("door/1", "open"), NOT_AUTHORIZED);
    assert_eq!(john.publish("window/1", "open"), NOT_AUTHORIZED);
    assert_eq!(john.subscribe("secret/+"), NOT_AUTHORIZED);
    assert_eq!(john.publish("$CONTROL/dynamic-security/v1", "{}"), NOT_AUTHORIZED);
    assert_eq!(broker.client("d2").login("jane", "pw").connect().publish("door/1", "open"), NOT_AUTHORIZED);
    admin.create_role("sender", &json!([["publishClientSend", "secret/#", true]]));
    admin.fine(&json!({"command": "addClientRole", "username": "admin", "rolename": "sender"}));
    let mut admin = broker.client("any").login(ADMIN, ADMIN_PASSWORD).connect();
    admin.publish("secret/1", "x");
    john.received_nothing();
    let d1 = "clientid=d1 | username=john | address=127.0.0.1";
    for line in [
        format!("| publishClientSend | {d1} | topic=door/1 | reason=acl | role=john | acl=door/#"),
        format!("| publishClientSend | {d1} | topic=window/1 | reason=defaultACLAccess | deferred"),
        format!("| subscribe | {d1} | topic=secret/+ | reason=acl | role=john | acl=secret/+"),
        format!("| publishClientSend | {d1} | topic=$CONTROL/dynamic-security/v1 | reason=defaultACLAccess | deferred"),
        "| publishClientSend | clientid=d2 | username=jane | address=127.0.0.1 | topic=door/1 | reason=acl | role=john \
         | group=staff | acl=door/#"
            .to_owned(),
        format!("| publishClientReceive | {d1} | topic=secret/1 | reason=acl | role=john | acl=secret/#"),
    ] {
        let line = line.replace("127.0.0.1", trial.place.client_address());
        let found = broker.wait_for_log(&format!("dynsec: denied {line}"));
        assert!(found.ends_with(&line), "{found}");
    }
}

fn denied_logins_are_logged_with_the_reason(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.all_fine(&json!([
        {"command": "createClient", "username": "john", "password": "pw"},
        {"command": "createClient", "username": "bound", "password": "pw", "clientid": "elsewhere"},
        {"command": "createClient", "username": "off", "password": "pw"},
        {"command": "disableClient", "username": "off"},
        {"command": "createClient", "username": "nopw"},
    ]));
    for (username, password) in
        [("john", "wrong"), ("john", ""), ("bound", "pw"), ("off", "pw"), ("nopw", "pw"), ("nobody", "pw")]
    {
        broker.client("d1").login(username, password).refused();
    }
    let no_password = if trial.like_2_1() { "noPassword" } else { "noPassword | deferred" };
    for (username, reason) in [
        ("john", "wrongPassword"),
        ("john", "missingPassword | deferred"),
        ("bound", "clientidMismatch"),
        ("off", "clientDisabled"),
        ("nopw", no_password),
        ("nobody", "clientNotFound | deferred"),
    ] {
        let line =
            format!("| login | clientid=d1 | username={username} | address=127.0.0.1 | reason={reason}");
        let line = line.replace("127.0.0.1", trial.place.client_address());
        let found = broker.wait_for_log(&format!("dynsec: denied {line}"));
        assert!(found.ends_with(&line), "{found}");
    }
}

fn names_cannot_forge_a_line(trial: &Trial) {
    let broker = trial.broker().start();
    let name = "john | address=10.0.0.1";
    broker.client("d1 | username=jane").login(name, "pw").refused();
    let address = trial.place.client_address();
    broker.wait_for_log(&format!(
        "| clientid=d1 \\x7c username=jane | username=john \\x7c address=10.0.0.1 | address={address} |",
    ));
}

fn denials_are_summed_up(trial: &Trial) {
    let broker = trial.broker().line("plugin_opt_denial_log_interval 1").start();
    broker.admin().create_client("john");
    let mut john = broker.client("d1").login("john", "pw").connect();
    for _ in 0..20 {
        john.publish("t", "x");
    }
    broker.wait_for_log("dynsec: denied | publishClientSend | clientid=d1");
    let sums = |log: &str| -> usize {
        let again = log.lines().filter(|line| line.contains("dynsec: denied again | publishClientSend"));
        again.filter_map(|line| line.rsplit_once("times=")?.1.parse::<usize>().ok()).sum()
    };
    crate::harness::wait_for("the sums", || (sums(&broker.log()) == 19).then_some(()));
    let log = broker.log();
    assert_eq!(log.matches("dynsec: denied | publishClientSend").count(), 1, "{log}");
}

const PER_LISTENER: &str = "\
per_listener_settings true
listener {port0} 127.0.0.1
allow_anonymous {anonymous}
plugin {plugin}
plugin_opt_config_file {policy}
";

fn without_ticks_denials_are_logged_at_once(trial: &Trial) {
    let broker = trial.broker().configuration(PER_LISTENER).start();
    broker.admin().create_client("john");
    broker.client("d1").login("john", "wrong").refused();
    broker.wait_for_log("dynsec: denied | login | clientid=d1");
    let mut john = broker.client("d1").login("john", "pw").connect();
    john.publish("t", "x");
    broker.wait_for_log("dynsec: denied | publishClientSend | clientid=d1");
}

fn whoever_reads_the_log_over_mqtt_reads_denials(trial: &Trial) {
    let broker = trial
        .broker()
        .line("log_dest topic")
        .line("plugin_opt_denial_log all")
        .line("plugin_opt_denial_log_interval 1")
        .start();
    let mut admin = broker.admin();
    admin.create_client_with("blind", &json!([["subscribePattern", "$SYS/#", true]]));
    admin.create_client_with(
        "reader",
        &json!([["subscribePattern", "$SYS/#", true], ["publishClientReceive", "$SYS/#", true]]),
    );
    admin.fine(&json!({"command": "setDefaultACLAccess",
                       "acls": [{"acltype": "publishClientReceive", "allow": false}]}));
    // Whatever is logged, this one is denied to read it: no line may come of that.
    let mut blind = broker.client("blind").login("blind", "pw").connect().subscribed("$SYS/broker/log/#");
    let mut reader = broker.client("reader").login("reader", "pw").connect().subscribed("$SYS/broker/log/N");
    broker.client("d1").login("nobody", "pw").refused();
    while !reader.receive().text().contains("dynsec: denied | login | clientid=d1 | username=nobody") {}
    blind.received_nothing();
    assert!(!broker.log().contains("topic=$SYS/broker/log"), "{}", broker.log());
}

fn the_denial_log_can_be_turned_off(trial: &Trial) {
    let broker = trial.broker().line("plugin_opt_denial_log false").start();
    broker.client("d1").login("nobody", "pw").refused();
    let broker_with_less = trial.broker().line("plugin_opt_denial_log_deferred false").start();
    broker_with_less.admin().create_client("john");
    broker_with_less.client("d1").login("nobody", "pw").refused();
    broker_with_less.client("d2").login("john", "wrong").refused();
    broker_with_less.wait_for_log("dynsec: denied | login | clientid=d2");
    for broker in [broker, broker_with_less] {
        broker.admin().client().round_trip();
        assert!(!broker.log().contains("clientNotFound"), "{}", broker.log());
    }
}

/// Also where the broker's log goes to clients too, of whom there are none any more then.
fn what_was_counted_is_logged_when_the_broker_ends(trial: &Trial) {
    let mut broker = trial.broker().line("log_dest topic").start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let _reader =
        broker.client("reader").login(ADMIN, ADMIN_PASSWORD).connect().subscribed("$SYS/broker/log/#");
    let mut john = broker.client("d1").login("john", "pw").connect();
    for _ in 0..3 {
        assert_eq!(john.publish("door/1", "open"), NOT_AUTHORIZED);
    }
    broker.wait_for_log("dynsec: denied | publishClientSend | clientid=d1");
    broker.stop();
    let log = broker.log();
    let summary =
        log.lines().find(|line| line.contains("dynsec: denied again | publishClientSend | clientid=d1"));
    assert!(summary.is_some_and(|line| line.ends_with(" | times=2")), "{log}");
}
