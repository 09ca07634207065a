//! Who is let in, over MQTT 3.1.1 and 5.0, and with which code the others are refused.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, Protocol};
use crate::harness::raw::RawConnect;

cases! {
    the_right_password_is_accepted,
    a_wrong_password_is_refused,
    an_unknown_username_is_refused,
    a_missing_or_empty_password_is_refused,
    a_client_without_a_password_is_refused_until_it_has_one,
    a_password_is_compared_to_its_last_byte,
    a_disabled_client_is_refused_until_it_is_enabled,
    a_client_id_binds_the_login_to_it,
    a_changed_password_replaces_the_old_one,
    a_deleted_client_is_refused,
    no_username_is_refused_where_anonymous_clients_are,
    no_username_is_accepted_where_anonymous_clients_are,
    a_username_does_not_become_anonymous,
    usernames_are_compared_byte_by_byte,
}

fn the_right_password_is_accepted(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client("john");
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol).login("john", "pw");
        connector.connect().round_trip();
    }
}

fn a_wrong_password_is_refused(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client("john");
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol);
        for password in ["wrong", "p", "pw2", "PW", "pw "] {
            let code = connector.clone().login("john", password).refused();
            assert_eq!(code, protocol.refusal(), "{password}");
        }
    }
}

fn an_unknown_username_is_refused(trial: &Trial) {
    let broker = trial.broker().start();
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol).login("nobody", "pw");
        assert_eq!(connector.refused(), protocol.refusal());
    }
}

fn a_missing_or_empty_password_is_refused(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client("john");
    for protocol in BOTH {
        for password in [None, Some(&b""[..])] {
            let connect = RawConnect { protocol, client_id: b"any", username: Some(b"john"), password };
            let code = connect.answer(broker.port());
            assert_eq!(code, Some(protocol.refusal()), "{password:?}");
        }
    }
}

fn a_client_without_a_password_is_refused_until_it_has_one(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.fine(&json!({"command": "createClient", "username": "john"}));
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol);
        for password in ["", "pw"] {
            let code = connector.clone().login("john", password).refused();
            assert_eq!(code, protocol.refusal(), "{password}");
        }
    }
    let command = json!({"command": "setClientPassword", "username": "john", "password": "pw"});
    admin.fine(&command);
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol);
        connector.login("john", "pw").connect().round_trip();
    }
}

fn a_password_is_compared_to_its_last_byte(trial: &Trial) {
    let broker = trial.broker().start();
    let long = "ä".repeat(500);
    let command = json!({"command": "createClient", "username": "john", "password": long});
    broker.admin().fine(&command);
    let connector = broker.client("any");
    connector.clone().login("john", &long).connect().round_trip();
    let nearly = format!("{}b", "ä".repeat(499));
    assert_eq!(connector.login("john", &nearly).refused(), Protocol::V5.refusal());
}

fn a_disabled_client_is_refused_until_it_is_enabled(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let disabled = |admin: &mut crate::harness::admin::Admin| {
        let data = admin.fine(&json!({"command": "getClient", "username": "john"}));
        data["client"].get("disabled").cloned()
    };
    assert_eq!(disabled(&mut admin), None);

    admin.fine(&json!({"command": "disableClient", "username": "john"}));
    assert_eq!(disabled(&mut admin), Some(json!(true)));
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol).login("john", "pw");
        assert_eq!(connector.refused(), protocol.refusal());
    }

    admin.fine(&json!({"command": "enableClient", "username": "john"}));
    assert_eq!(disabled(&mut admin), None);
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol).login("john", "pw");
        connector.connect().round_trip();
    }
}

fn a_client_id_binds_the_login_to_it(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let created = json!({
        "command": "createClient", "username": "john", "password": "pw", "clientid": "his",
    });
    admin.fine(&created);
    let may_connect = |client_id: &str, allowed: bool| {
        for protocol in BOTH {
            let connector = broker.client(client_id).protocol(protocol).login("john", "pw");
            if allowed {
                connector.connect().round_trip();
            } else {
                assert_eq!(connector.refused(), protocol.refusal(), "{client_id}");
            }
        }
    };
    may_connect("his", true);
    may_connect("hers", false);
    may_connect("HIS", false);

    admin.fine(&json!({"command": "setClientId", "username": "john", "clientid": "hers"}));
    may_connect("his", false);
    may_connect("hers", true);

    // Without a client id, and with an empty one, the binding goes.
    admin.fine(&json!({"command": "setClientId", "username": "john"}));
    may_connect("his", true);
    admin.fine(&json!({"command": "setClientId", "username": "john", "clientid": "hers"}));
    may_connect("his", false);
    admin.fine(&json!({"command": "setClientId", "username": "john", "clientid": ""}));
    may_connect("his", true);
}

fn a_changed_password_replaces_the_old_one(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let john = |password: &str| broker.client("any").login("john", password);

    let command = json!({"command": "setClientPassword", "username": "john", "password": "second"});
    admin.fine(&command);
    assert_eq!(john("pw").refused(), Protocol::V5.refusal());
    john("second").connect().round_trip();

    admin.fine(&json!({"command": "modifyClient", "username": "john", "password": "third"}));
    assert_eq!(john("second").refused(), Protocol::V5.refusal());
    john("third").connect().round_trip();

    // An empty one is no change.
    admin.fine(&json!({"command": "modifyClient", "username": "john", "password": ""}));
    john("third").connect().round_trip();
}

fn a_deleted_client_is_refused(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.fine(&json!({"command": "deleteClient", "username": "john"}));
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol).login("john", "pw");
        assert_eq!(connector.refused(), protocol.refusal());
    }
}

fn no_username_is_refused_where_anonymous_clients_are(trial: &Trial) {
    let broker = trial.broker().start();
    for protocol in BOTH {
        assert_eq!(broker.client("any").protocol(protocol).refused(), protocol.refusal());
        let empty = RawConnect { protocol, client_id: b"any", username: Some(b""), password: Some(b"pw") };
        assert_eq!(empty.answer(broker.port()), Some(protocol.refusal()));
    }
}

fn no_username_is_accepted_where_anonymous_clients_are(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    for protocol in BOTH {
        broker.client("any").protocol(protocol).connect().round_trip();
    }
}

fn a_username_does_not_become_anonymous(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    broker.admin().create_client("john");
    for protocol in BOTH {
        for (username, password) in [("nobody", "pw"), ("nobody", ""), ("john", "wrong"), ("john", "")] {
            let connector = broker.client("any").protocol(protocol);
            let code = connector.login(username, password).refused();
            assert_eq!(code, protocol.refusal(), "{username} {password}");
        }
    }
}

fn usernames_are_compared_byte_by_byte(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client("jöhn");
    broker.client("any").login("jöhn", "pw").connect().round_trip();
    for username in ["Jöhn", "jöhn ", "jöh", "jo\u{308}hn"] {
        let code = broker.client("any").login(username, "pw").refused();
        assert_eq!(code, Protocol::V5.refusal(), "{username}");
    }
}
