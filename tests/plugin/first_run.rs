//! A start without a policy: whether one is made, and what is said about it.

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::options::ConfigInitOption;
use mosquitto_dynsec::policy::Effect;
use serde_json::json;

use crate::host::{Place, command, login};

#[test]
fn a_policy_is_made_on_2_1_unless_that_is_forbidden_and_on_2_0_only_if_asked_for() {
    for (family, option, makes) in [
        (BrokerFamily::V2_0, ConfigInitOption::Auto, false),
        (BrokerFamily::V2_0, ConfigInitOption::Make, true),
        (BrokerFamily::V2_1, ConfigInitOption::Auto, true),
        (BrokerFamily::V2_1, ConfigInitOption::Refuse, false),
    ] {
        let place = Place::new();
        let started = place.start(family, |options| options.config_init = option);
        if makes {
            started.unwrap();
            assert_eq!(place.names(), ["policy.json", "policy.json.pw"]);
            continue;
        }
        let Err(error) = started else { panic!("it started") };
        let expected = format!("there is no `{}`; `mosquitto_ctrl", place.policy_path().display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(place.names(), Vec::<String>::new());
    }
}

#[test]
fn random_passwords_let_in_and_are_not_logged() {
    let place = Place::new();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    let beside = place.policy_path().with_file_name("policy.json.pw");
    let text = std::fs::read_to_string(&beside).unwrap();
    for (username, line) in ["admin", "democlient"].iter().zip(text.lines()) {
        let password = line.strip_prefix(username).unwrap().trim();
        assert_eq!(login(&plugin, username, password), Effect::Allow);
        assert_eq!(login(&plugin, username, "other"), Effect::Deny);
        assert_eq!(place.logged(password), []);
    }
    let [(LogLevel::Notice, line)] = &place.logged("made a policy")[..] else { panic!() };
    assert!(line.contains(beside.to_str().unwrap()), "{line}");
    assert_eq!(place.logged("loaded").len(), 1);
}

#[test]
fn the_next_start_takes_what_is_there() {
    let place = Place::new();
    drop(place.start(BrokerFamily::V2_1, |_| ()).unwrap());
    let policy = place.policy();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    assert_eq!(place.policy(), policy);
    assert_eq!(place.logged("made a policy").len(), 1);
    let answer = command(&place, &plugin, &json!({"command": "createRole", "rolename": "r"}));
    assert_eq!(answer, json!({"command": "createRole"}));
    assert_eq!(place.policy()["changeIndex"], 1);
    assert_eq!(place.policy()["roles"].as_array().unwrap().len(), 8);
}

#[test]
fn a_password_file_is_told_of_and_may_be_too_open() {
    for (mode, warnings) in [(0o600, 0), (0o644, 1)] {
        let place = Place::new();
        let file = place.directory.path().join("init");
        std::fs::write(&file, "hunter2-hunter2\n").unwrap();
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&file, permissions).unwrap();
        let set = |options: &mut mosquitto_dynsec::options::PluginOptions| {
            options.password_init_file = Some(file.clone());
        };
        let plugin = place.start(BrokerFamily::V2_1, set).unwrap();
        assert_eq!(login(&plugin, "admin", "hunter2-hunter2"), Effect::Allow);
        assert_eq!(place.names(), ["policy.json"]);
        assert_eq!(place.logged(file.to_str().unwrap()).len(), 1 + warnings);
        assert_eq!(place.logged("chmod 600").len(), warnings);
        assert_eq!(place.logged("hunter2"), []);
    }
}

#[test]
fn a_password_that_cannot_be_had_stops_the_start() {
    let place = Place::new();
    let file = place.directory.path().join("none");
    let started = place.start(BrokerFamily::V2_1, |options| options.password_init_file = Some(file.clone()));
    let Err(error) = started else { panic!("it started") };
    let (policy, file) = (place.policy_path(), file.display());
    let expected = format!(
        "there is no `{}`, and none could be made: cannot read the first password from `{file}`: \
         No such file or directory (os error 2)",
        policy.display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(place.names(), Vec::<String>::new());
}

#[test]
fn a_file_that_is_there_is_never_made_anew() {
    for content in ["", "not json", "{}"] {
        let place = Place::new();
        std::fs::write(place.policy_path(), content).unwrap();
        let started = place.start(BrokerFamily::V2_1, |options| options.config_init = ConfigInitOption::Make);
        assert_eq!(started.is_ok(), content == "{}");
        assert_eq!(std::fs::read_to_string(place.policy_path()).unwrap(), content);
        assert_eq!(place.names(), ["policy.json"]);
    }
}
