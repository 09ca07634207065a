//! What is counted: by a command, and in a file for Prometheus.

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::case::{Trial, cases};
use crate::harness::wait_for;
use crate::websocket::WebSocket;
use crate::wire::{Hello, Wire};

cases! {
    what_happens_is_counted: theirs_fails("all", "has no such command", "Unknown command"),
    who_is_disconnected_is_counted: theirs_fails("all", "has no such command", "Unknown command"),
    whom_others_refuse_is_no_connection: theirs_fails("all", "has no such command", "Unknown command"),
    prometheus_reads_a_file: theirs_fails("all", "has no such option"),
    without_ticks_the_file_is_written_with_each_answer: theirs_fails("all", "has no such option"),
}

fn count(metrics: &Value, list: &str, wanted: &Value) -> Value {
    let mut elements = metrics[list].as_array().unwrap().iter();
    let is_it =
        |element: &&Value| wanted.as_object().unwrap().iter().all(|(name, value)| &element[name] == value);
    elements.find(is_it).map_or(Value::Null, |element| element["count"].clone())
}

fn what_happens_is_counted(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let zero = admin.fine(&json!({"command": "getMetrics"}));
    admin.create_client_with(
        "john",
        &json!([["publishClientSend", "yes", true], ["publishClientSend", "no", false]]),
    );
    broker.client("d1").login("john", "wrong").refused();
    broker.client("d1").login("nobody", "pw").refused();
    let mut john = broker.client("d1").login("john", "pw").connect();
    for topic in ["yes", "yes", "no", "other"] {
        john.publish(topic, "x");
    }
    admin.error(&json!({"command": "deleteRole", "rolename": "none"}));
    let metrics = admin.fine(&json!({"command": "getMetrics"}));
    let more = |list: &str, wanted: Value| {
        count(&metrics, list, &wanted).as_i64().unwrap_or(0)
            - count(&zero, list, &wanted).as_i64().unwrap_or(0)
    };
    let sent = |outcome: &str| more("decisions", json!({"acltype": "publishClientSend", "outcome": outcome}));
    // Six payloads are the administrator's own.
    assert_eq!((sent("allow"), sent("deny"), sent("defer")), (2 + 5, 1, 1), "{metrics}");
    assert_eq!(more("logins", json!({"result": "deny", "reason": "wrongPassword"})), 1);
    assert_eq!(more("logins", json!({"result": "defer", "reason": "clientNotFound"})), 1);
    assert_eq!(more("logins", json!({"result": "allow"})), 1);
    assert_eq!(metrics["commands"], json!({"done": 4, "refused": 1}), "{metrics}");
    assert_eq!(metrics["saves"]["done"], 3, "{metrics}");
    assert_eq!(metrics["queue"], 1, "this one: {metrics}");
    assert_eq!((&metrics["connections"], &metrics["clientCount"]), (&json!(2), &json!(2)));
    assert_eq!(metrics["aclCount"].as_i64().unwrap() - zero["aclCount"].as_i64().unwrap(), 2);
    assert!(!metrics.to_string().contains("john") && !metrics.to_string().contains("127.0.0.1"), "{metrics}");
}

fn who_is_disconnected_is_counted(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for username in ["john", "absent", "never"] {
        admin.create_client(username);
    }
    let count = |admin: &mut Admin| admin.fine(&json!({"command": "getMetrics"}))["disconnects"].clone();
    let has_new_password = |admin: &mut Admin, username: &str| {
        admin.fine(&json!({"command": "setClientPassword", "username": username, "password": "pw"}));
    };
    let john = |id: &str| broker.client(id).login("john", "pw").connect();
    broker.client("d0").login("absent", "pw").durable().connect().disconnect();
    assert_eq!(count(&mut admin), 0);
    for connections in [2, 4] {
        let johns = [john("d1"), john("d2")];
        for username in ["absent", "never", "john"] {
            has_new_password(&mut admin, username);
        }
        for mut john in johns {
            john.disconnected();
        }
        // By now also those who are not there are dealt with, but perhaps for the last.
        assert_eq!(count(&mut admin), connections);
    }
}

const WITH_WEBSOCKETS: &str = "\
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {policy}
listener {port0} 127.0.0.1
listener {port1} 127.0.0.1
protocol websockets
";

fn whom_others_refuse_is_no_connection(trial: &Trial) {
    let broker = trial.broker().configuration(WITH_WEBSOCKETS).start();
    let mut admin = broker.admin();
    for number in 0..3 {
        let (name, other) = (format!("tcp{number}"), format!("websocket{number}"));
        broker.client(&name).login(&name, "pw").refused();
        let hello = Hello { client_id: &other, login: Some((&other, "pw")), will: None };
        assert!(Wire::connect(WebSocket::dial(broker.second_port()), &hello).is_err());
    }
    let mut connections = || admin.fine(&json!({"command": "getMetrics"}))["connections"].as_i64();
    wait_for("the ends of all others", || (connections() == Some(1)).then_some(()));
}

/// The samples of a text as Prometheus reads it.
fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn prometheus_reads_a_file(trial: &Trial) {
    let broker = trial
        .broker()
        .line("plugin_opt_metrics_file {dir}/dynsec.prom")
        .line("plugin_opt_metrics_interval 1")
        .start();
    broker.admin().create_client("john-the-secret");
    broker.client("d1").login("john-the-secret", "wrong").refused();
    let denied = "mosquitto_dynsec_logins_total{result=\"deny\",reason=\"wrongPassword\"}";
    let text = wait_for("the file", || {
        let text = std::fs::read_to_string(broker.folder().join("dynsec.prom")).ok()?;
        assert!(text.ends_with('\n'), "{text}");
        (sample(&text, denied) == Some(1.0)).then_some(text)
    });
    assert_eq!(sample(&text, "mosquitto_dynsec_clients"), Some(2.0), "{text}");
    for private in ["john", "d1", "127.0.0.1", "admin"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    // The thread may be at it: then the new one lies beside it for a moment.
    wait_for("nothing beside it", || (!broker.folder().join("dynsec.prom.new").exists()).then_some(()));
}

const PER_LISTENER: &str = "\
per_listener_settings true
listener {port0} 127.0.0.1
allow_anonymous {anonymous}
plugin {plugin}
plugin_opt_config_file {policy}
plugin_opt_metrics_file {dir}/dynsec.prom
";

fn without_ticks_the_file_is_written_with_each_answer(trial: &Trial) {
    let broker = trial.broker().configuration(PER_LISTENER).start();
    broker.admin().create_client("john");
    wait_for("the file", || broker.folder().join("dynsec.prom").exists().then_some(()));
}
