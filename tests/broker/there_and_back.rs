//! A large policy goes from one plugin to the other and back, and back again: only the `plugin` line changes.
//!
//! A case starts with the plugin that is tried, so that both ways round are gone.

mod policy;
mod seen;

use serde_json::json;

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    a_large_policy_goes_there_and_back_twice,
}

/// What has been changed on the way.
#[derive(Default)]
struct Changes {
    created: Vec<String>,
    /// Of the client whose password each step changes.
    password: Option<String>,
}

/// A client without a password at first.
const CHANGING: usize = 5;

impl Changes {
    /// Changes a little of everything; clients whose logins and decisions are compared are left alone.
    fn make(&mut self, admin: &mut Admin) {
        let step = self.created.len();
        let (username, password) = (format!("new-{step}"), format!("new password {step}"));
        let textname = format!("in step {step}");
        admin.all_fine(&json!([
            {"command": "createClient", "username": username, "password": password, "clientid": "new",
             "textname": textname, "roles": [{"rolename": policy::role(step), "priority": 4}],
             "groups": [{"groupname": policy::group(step), "priority": step}]},
            {"command": "createRole", "rolename": username, "textdescription": textname, "acls": [
                {"acltype": "publishClientSend", "topic": "new/#", "priority": -2, "allow": true},
            ]},
            {"command": "createGroup", "groupname": username, "roles": [{"rolename": username}]},
            {"command": "addGroupClient", "groupname": username, "username": username},
            {"command": "modifyRole", "rolename": policy::role(step), "textname": textname},
            {"command": "modifyClient", "username": "sender", "textdescription": textname},
            {"command": "setClientPassword", "username": policy::username(CHANGING), "password": password},
        ]));
        self.created.push(username);
        self.password = Some(password);
    }

    /// What they mean.
    fn in_force(&self, broker: &Broker) {
        for (step, username) in self.created.iter().enumerate() {
            let password = format!("new password {step}");
            let login = |client_id, password: &str| seen::try_login(broker, client_id, username, password);
            assert_eq!(login("new", &password), Some(0), "{username}");
            assert_eq!(login("new", "new password"), Some(NOT_AUTHORIZED), "{username}");
            assert_eq!(login("other", &password), Some(NOT_AUTHORIZED), "{username}");
        }
        if let Some(password) = &self.password {
            assert_eq!(seen::try_login(broker, "any", &policy::username(CHANGING), password), Some(0));
        }
    }
}

fn a_large_policy_goes_there_and_back_twice(trial: &Trial) {
    let like_2_1 = trial.like_2_1();
    let policy = policy::policy(like_2_1).to_string();
    // Many small answers in a row else wait for each other's acknowledgement.
    let quick = "set_tcp_nodelay true";
    let mut broker = trial.broker().anonymous().policy(policy).line(quick).start();
    let logins = seen::logins(&broker);
    let decisions = seen::decisions(&broker, &logins);
    let (refused, allowed, received) = seen::counts(&decisions);
    println!("{} logins, {refused} refusals, {allowed} permissions, {received} messages", logins.len());
    assert!(refused > 1000 && allowed > 500 && received > 100, "{refused}, {allowed}, {received}");
    let let_in = logins.values().filter(|code| **code == Some(0)).count();
    assert!(let_in > 900 && logins.len() - let_in > 300, "{let_in} of {}", logins.len());

    let mut changes = Changes::default();
    let mut plugin = trial.plugin;
    // The first save is the first plugin's, of a file that neither has written.
    save(&mut broker.admin());
    for step in 0..3 {
        let mut admin = broker.admin();
        changes.make(&mut admin);
        let (told, filed) = (seen::told(&mut admin, like_2_1), seen::filed(&broker));
        drop(admin);

        plugin = plugin.other();
        broker.restart_with(plugin);
        let mut admin = broker.admin();
        same(&seen::told(&mut admin, like_2_1), &told, &format!("answers, step {step}, {plugin:?}"));
        changes.in_force(&broker);
        let now = seen::logins(&broker);
        for (login, code) in &logins {
            assert_eq!(now[login], *code, "{login}, step {step}, {plugin:?}");
        }
        let what = format!("step {step}, {plugin:?}");
        seen::same_decisions(&seen::decisions(&broker, &logins), &decisions, &what);
        save(&mut admin);
        same(&[seen::filed(&broker)], &[filed], &format!("file, step {step}, {plugin:?}"));
    }
}

/// Has the policy saved as it is.
fn save(admin: &mut Admin) {
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "temporary"},
        {"command": "deleteRole", "rolename": "temporary"},
    ]));
}

/// Compares large values and shows where they differ.
fn same(now: &[serde_json::Value], before: &[serde_json::Value], what: &str) {
    for (now, before) in now.iter().zip(before) {
        if now == before {
            continue;
        }
        let lines = |value| serde_json::to_string_pretty(value).expect("it can be shown");
        let (now, before) = (lines(now), lines(before));
        let at = now.lines().zip(before.lines()).take_while(|(now, before)| now == before).count();
        let around =
            |text: &str| text.lines().skip(at.saturating_sub(12)).take(20).collect::<Vec<_>>().join("\n");
        panic!("{what}: now\n{}\nbefore\n{}", around(&now), around(&before));
    }
}
