//! `acl_file` and `password_file` beside the plugin: what it leaves open, they decide, and nothing else.

use serde_json::json;

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NOT_AUTHORIZED, Protocol};

cases! {
    the_acl_file_decides_where_no_rule_does,
    the_acl_file_cannot_lift_a_deny,
    the_acl_file_cannot_take_what_a_rule_gives,
    the_acl_file_decides_for_users_of_the_password_file,
    the_acl_file_decides_for_anonymous_clients,
    the_acl_file_can_open_the_control_topic,
    the_password_file_lets_in_whom_the_policy_does_not_know,
    the_password_file_cannot_lift_a_refusal,
    the_password_file_decides_for_a_client_without_a_password_in_2_0,
    whom_the_password_file_let_in_before_its_client_was_made_is_disconnected,
    many_whom_the_password_file_let_in_before_their_clients_were_made_are_disconnected,
}

/// `filed` and `both`, password `file-pw`.
const PASSWORDS: &str = "\
filed:$7$101$99/racmeiHjYy3hu$omjgFIj6iypMVxlMSg+vbGqsGSG1ffs9q+HA3UjJH4bLMxhVVFB95MTdS8OwxpjmkLaw/P7UzuHMBAgiwlkg0A==
both:$7$101$inweXIYiQMQPT+Eq$sFDRg/EDh48OJ+mOWOvNtzLHi6z7+f1gV4u2uIJMZukDe++K0xY02teNf9I2wbqbWGCQPv0dflAyVICBnjNevQ==
";

const ACLS: &str = "\
topic write anybody

user john
topic readwrite file/#
topic write denied
topic read $CONTROL/dynamic-security/v1/response
topic write $CONTROL/dynamic-security/v1

user filed
topic readwrite file/#
";

fn beside_an_acl_file(trial: &Trial) -> (Broker, Admin) {
    let broker = trial
        .broker()
        .anonymous()
        .file("acls", ACLS)
        .file("passwords", PASSWORDS)
        .line("acl_file {dir}/acls")
        .line("password_file {dir}/passwords")
        .start();
    let admin = broker.admin();
    (broker, admin)
}

fn the_acl_file_decides_where_no_rule_does(trial: &Trial) {
    let (broker, mut admin) = beside_an_acl_file(trial);
    admin.create_client("john");
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        // The file has no rules about subscribing, so it allows that.
        assert_eq!(john.subscribe("#"), 1);
        john.publish("file/x", "1");
        john.publish("other", "2");
        john.receives("file/x", "1");
        john.received_nothing();
    }
}

fn the_acl_file_cannot_lift_a_deny(trial: &Trial) {
    let (broker, mut admin) = beside_an_acl_file(trial);
    let acls = json!([["publishClientSend", "denied", false], ["subscribePattern", "#", false]]);
    admin.create_client_with("john", &acls);
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.publish("denied", "x"), NOT_AUTHORIZED);
    assert_ne!(john.publish("file/x", "x"), NOT_AUTHORIZED);
    assert_eq!(john.subscribe("file/x"), NOT_AUTHORIZED);
}

fn the_acl_file_cannot_take_what_a_rule_gives(trial: &Trial) {
    let (broker, mut admin) = beside_an_acl_file(trial);
    admin.create_client_with("john", &json!([["publishClientSend", "given", true]]));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_ne!(john.publish("given", "x"), NOT_AUTHORIZED);
    // Nor what the default gives.
    let allow = json!([{"acltype": "publishClientSend", "allow": true}]);
    admin.fine(&json!({"command": "setDefaultACLAccess", "acls": allow}));
    assert_ne!(john.publish("else", "x"), NOT_AUTHORIZED);
}

fn the_acl_file_decides_for_users_of_the_password_file(trial: &Trial) {
    let (broker, mut admin) = beside_an_acl_file(trial);
    // A username that the policy does not know is not subject to its defaults.
    let allow = json!([{"acltype": "publishClientSend", "allow": true}]);
    admin.fine(&json!({"command": "setDefaultACLAccess", "acls": allow}));
    let mut filed = broker.client("filed").login("filed", "file-pw").connect();
    assert_eq!(filed.subscribe("file/#"), 1);
    assert_eq!(filed.publish("other", "x"), NOT_AUTHORIZED);
    assert!(filed.publish("file/x", "x") < 0x80);
    filed.receives("file/x", "x");
}

fn the_acl_file_decides_for_anonymous_clients(trial: &Trial) {
    let (broker, mut admin) = beside_an_acl_file(trial);
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "r", "acls": [
            {"acltype": "publishClientSend", "topic": "grouped", "allow": true},
        ]},
        {"command": "createGroup", "groupname": "g", "roles": [{"rolename": "r"}]},
        {"command": "setAnonymousGroup", "groupname": "g"},
    ]));
    let mut any = broker.client("any").connect();
    assert!(any.publish("anybody", "x") < 0x80);
    assert!(any.publish("grouped", "x") < 0x80);
    assert_eq!(any.publish("other", "x"), NOT_AUTHORIZED);
}

fn the_acl_file_can_open_the_control_topic(trial: &Trial) {
    let (broker, mut admin) = beside_an_acl_file(trial);
    admin.create_client("john");
    let mut john = Admin::connect(broker.client("john").login("john", "pw"));
    assert_eq!(john.fine(&json!({"command": "listGroups"}))["totalCount"], 0);
}

fn beside_a_password_file(trial: &Trial, anonymous: bool) -> (Broker, Admin) {
    let mut setup = trial.broker().file("passwords", PASSWORDS).line("password_file {dir}/passwords");
    if anonymous {
        setup = setup.anonymous();
    }
    let broker = setup.start();
    let admin = broker.admin();
    (broker, admin)
}

fn the_password_file_lets_in_whom_the_policy_does_not_know(trial: &Trial) {
    for anonymous in [false, true] {
        let (broker, _) = beside_a_password_file(trial, anonymous);
        for protocol in BOTH {
            let connector = broker.client("any").protocol(protocol);
            connector.clone().login("filed", "file-pw").connect().round_trip();
            for (username, password) in [("filed", "wrong"), ("filed", ""), ("nobody", "file-pw")] {
                let code = connector.clone().login(username, password).refused();
                assert_eq!(code, protocol.refusal(), "{username} {password}");
            }
            let nameless = connector.try_connect();
            assert_eq!(nameless.is_ok(), anonymous);
        }
        // Nothing is granted to who the policy does not know.
        let mut filed = broker.client("filed").login("filed", "file-pw").connect();
        assert_eq!(filed.publish("t", "x"), NOT_AUTHORIZED);
    }
}

fn the_password_file_cannot_lift_a_refusal(trial: &Trial) {
    let (broker, mut admin) = beside_a_password_file(trial, false);
    admin.create_client("both");
    let both = broker.client("any");
    both.clone().login("both", "pw").connect().round_trip();
    let refused = |password: &str| {
        let code = both.clone().login("both", password).refused();
        assert_eq!(code, Protocol::V5.refusal(), "{password}");
    };
    refused("file-pw");
    admin.fine(&json!({"command": "disableClient", "username": "both"}));
    refused("file-pw");
    refused("pw");
    admin.fine(&json!({"command": "enableClient", "username": "both"}));
    admin.fine(&json!({"command": "setClientId", "username": "both", "clientid": "his"}));
    refused("file-pw");
    refused("pw");
}

fn the_password_file_decides_for_a_client_without_a_password_in_2_0(trial: &Trial) {
    let (broker, mut admin) = beside_a_password_file(trial, false);
    admin.fine(&json!({"command": "createClient", "username": "both"}));
    let entered = broker.client("any").login("both", "file-pw").try_connect().is_ok();
    assert_eq!(entered, !trial.like_2_1());
    assert_eq!(broker.client("any").login("both", "wrong").refused(), Protocol::V5.refusal());
}

fn whom_the_password_file_let_in_before_its_client_was_made_is_disconnected(trial: &Trial) {
    let (broker, mut admin) = beside_a_password_file(trial, false);
    let connect = |clientid, password| broker.client(clientid).login("filed", password).connect();
    let [first, mut second, mut third] =
        ["dev1", "dev2", "dev3"].map(|clientid| connect(clientid, "file-pw"));
    admin.create_role("r", &json!([["subscribePattern", "secret/#", true]]));
    let role = json!([{"rolename": "r"}]);
    admin.fine(&json!({"command": "createClient", "username": "filed", "password": "pw", "roles": role}));
    assert_eq!(second.subscribe("secret/#"), 1);
    // One of them comes back, as the client that it is now.
    first.disconnect();
    let mut first = connect("dev1", "pw");
    admin.fine(&json!({"command": "removeClientRole", "username": "filed", "rolename": "r"}));
    for device in [&mut first, &mut second, &mut third] {
        device.disconnected();
    }
}

fn many_whom_the_password_file_let_in_before_their_clients_were_made_are_disconnected(trial: &Trial) {
    let (_, hash) = PASSWORDS.lines().next().and_then(|line| line.split_once(':')).expect("it has a line");
    let usernames: Vec<String> = (0..=100).map(|number| format!("user{number}")).collect();
    let lines: Vec<String> = usernames.iter().map(|username| format!("{username}:{hash}\n")).collect();
    let broker =
        trial.broker().file("passwords", lines.concat()).line("password_file {dir}/passwords").start();
    let mut admin = broker.admin();
    let connect = |username: &String| broker.client(username).login(username, "file-pw").connect();
    let mut clients: Vec<_> = usernames.iter().map(connect).collect();
    let group = json!([{"groupname": "g"}]);
    let mut commands = vec![
        json!({"command": "createRole", "rolename": "r"}),
        json!({"command": "createGroup", "groupname": "g", "roles": [{"rolename": "r"}]}),
    ];
    let client = |username| json!({"command": "createClient", "username": username, "groups": group});
    commands.extend(usernames.iter().map(client));
    admin.all_fine(&json!(commands));
    admin.fine(&json!({"command": "removeGroupRole", "groupname": "g", "rolename": "r"}));
    for client in &mut clients {
        client.disconnected();
    }
}
