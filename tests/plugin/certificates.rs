//! Clients that their certificates have let in: no login is asked for them.

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::plugin::{Actor, Delay, EachTime, LoginAnswer, Peer, Plugin, SessionId};
use mosquitto_dynsec::policy::{AclRequest, Action, Effect, LoginRequest, Subject};
use serde_json::{Value, json};

use crate::disk::{Mood, Moody};
use crate::host::{Place, command, login_as, settle};
use crate::pipeline::send;

fn place() -> Place {
    let rights = json!([
        {"acltype": "publishClientSend", "topic": "t", "allow": true},
        {"acltype": "publishClientReceive", "topic": "t", "allow": true},
    ]);
    Place::with(&json!({
        "clients": [{"username": "ann", "roles": [{"rolename": "r"}]}],
        "roles": [{"rolename": "r", "acls": rights}],
    }))
}

/// A client that is connected by its certificate.
struct Certified;

impl Peer for Certified {
    fn address(&self) -> Option<&[u8]> {
        None
    }

    fn has_certificate(&self) -> bool {
        true
    }
}

fn may(plugin: &Plugin, action: Action, username: &str, clientid: &str, peer: &impl Peer) -> Effect {
    let subject = Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()));
    plugin.on_acl_check(SessionId(1), AclRequest { subject, action, topic: b"t" }, &EachTime, peer)
}

fn may_send(plugin: &Plugin, username: &str, clientid: &str) -> Effect {
    may(plugin, Action::PublishClientSend, username, clientid, &Certified)
}

fn fine(place: &Place, plugin: &Plugin, name: &str, more: Value) {
    let mut asked = more;
    asked["command"] = json!(name);
    assert_eq!(command(place, plugin, &asked), json!({"command": name}));
}

/// How many were disconnected by the next ticks.
fn kicked(place: &Place, plugin: &Plugin) -> usize {
    (0..3).for_each(|_| plugin.on_tick());
    std::mem::take(&mut *place.host.kicked.lock().unwrap())
}

#[test]
fn a_certificate_of_a_disabled_client_grants_nothing_and_is_disconnected() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a1"), &Certified);
    assert_eq!(may_send(&plugin, "ann", "a1"), Effect::Allow);
    fine(&place, &plugin, "disableClient", json!({"username": "ann"}));
    assert_eq!(kicked(&place, &plugin), 1);
    for _ in 0..3 {
        assert_eq!(may_send(&plugin, "ann", "a1"), Effect::Deny);
        assert_eq!(may(&plugin, Action::PublishClientReceive, "ann", "a1", &Certified), Effect::Deny);
    }
    assert_eq!(kicked(&place, &plugin), 1, "once is enough");
    plugin.on_disconnect(SessionId(1));
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a2"), &Certified);
    assert_eq!(kicked(&place, &plugin), 1, "before it has done anything");
    fine(&place, &plugin, "enableClient", json!({"username": "ann"}));
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a2"), &Certified);
    assert_eq!(may_send(&plugin, "ann", "a1"), Effect::Allow);
    assert_eq!(kicked(&place, &plugin), 0);
}

#[test]
fn a_certificate_of_a_deleted_client_grants_nothing_and_is_disconnected() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    fine(&place, &plugin, "deleteClient", json!({"username": "ann"}));
    assert_eq!(kicked(&place, &plugin), 1);
    assert_eq!(may_send(&plugin, "ann", "a1"), Effect::Deny);
    assert_eq!(kicked(&place, &plugin), 1);
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a2"), &Certified);
    assert_eq!(kicked(&place, &plugin), 1, "before it has done anything");
    fine(&place, &plugin, "createClient", json!({"username": "ann", "roles": [{"rolename": "r"}]}));
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a2"), &Certified);
    assert_eq!(may_send(&plugin, "ann", "a1"), Effect::Allow);
    assert_eq!(kicked(&place, &plugin), 0);
}

#[test]
fn a_deleted_client_is_not_forgotten_when_a_panic_has_the_policy_read_again() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    fine(&place, &plugin, "createClient", json!({"username": "bob", "roles": [{"rolename": "r"}]}));
    fine(&place, &plugin, "deleteClient", json!({"username": "ann"}));
    disk.set(Mood::Waits);
    send(&plugin, &[json!({"command": "deleteClient", "username": "bob"})]);
    disk.until_a_save_waits(&plugin);
    assert_eq!(["ann", "bob"].map(|name| may_send(&plugin, name, "c")), [Effect::Deny; 2]);
    disk.set(Mood::Fails);
    // As the boundary does when a callback has panicked.
    plugin.answer_after_panic(&Actor::default());
    assert_eq!(place.logged("again what is on the disk").len(), 1);
    assert_eq!(["ann", "bob"].map(|name| may_send(&plugin, name, "c")), [Effect::Deny, Effect::Allow]);
}

#[test]
fn a_name_that_never_was_a_client_is_left_to_others() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    // Not made after all: what is undone never was.
    let payload = json!({"commands": [
        {"command": "createClient", "username": "eve"},
        {"command": "deleteClient", "username": "eve"},
    ]});
    let home = place.policy_path().parent().unwrap().to_owned();
    let elsewhere = place.directory.path().join("elsewhere");
    std::fs::rename(&home, &elsewhere).unwrap();
    plugin.on_control(&mosquitto_dynsec::plugin::Actor::default(), payload.to_string().as_bytes());
    settle(&place, &plugin);
    std::fs::rename(&elsewhere, &home).unwrap();
    // Those whom what is undone may have let in are disconnected in the next ticks.
    kicked(&place, &plugin);
    for name in ["eve", "nobody"] {
        plugin.on_connect(SessionId(1), Some(name.as_bytes()), Some(b"e1"), &Certified);
        assert_eq!(may_send(&plugin, name, "e1"), Effect::Defer);
    }
    assert_eq!(kicked(&place, &plugin), 0);
}

#[test]
fn a_deleted_name_that_others_let_in_is_left_to_them() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    fine(&place, &plugin, "deleteClient", json!({"username": "ann"}));
    kicked(&place, &plugin);
    assert_eq!(login_as(&plugin, "a1", "ann", "of the password file"), Effect::Defer);
    plugin.on_connect(SessionId(3), Some(b"ann"), Some(b"a1"), &());
    assert_eq!(may(&plugin, Action::PublishClientSend, "ann", "a1", &()), Effect::Defer);
    assert_eq!(kicked(&place, &plugin), 0);
    // Beside it, a certificate of that name is still refused.
    plugin.on_connect(SessionId(4), Some(b"ann"), Some(b"a2"), &Certified);
    kicked(&place, &plugin);
    assert_eq!(may_send(&plugin, "ann", "a2"), Effect::Deny);
    assert_eq!(kicked(&place, &plugin), 1);
    // What only the broker keeps is not disconnected, and nobody for it.
    assert_eq!(may_send(&plugin, "ann", "absent"), Effect::Deny);
    // Only as a will that may be its certificate's.
    assert_eq!(may(&plugin, Action::PublishClientSend, "ann", "absent", &()), Effect::Deny);
    assert_eq!(may(&plugin, Action::PublishClientReceive, "ann", "absent", &()), Effect::Defer);
    assert_eq!(kicked(&place, &plugin), 0);
}

#[test]
fn a_deleted_name_that_a_plugin_before_this_one_lets_in_is_left_to_others() {
    for family in [BrokerFamily::V2_1, BrokerFamily::V2_0] {
        let place = place();
        let plugin = place.start(family, |_| ()).unwrap();
        plugin.on_tick();
        fine(&place, &plugin, "deleteClient", json!({"username": "ann"}));
        kicked(&place, &plugin);
        if family == BrokerFamily::V2_1 {
            plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a1"), &());
        } else {
            plugin.on_unrecorded(SessionId(1), b"ann", true);
        }
        for action in [Action::Subscribe, Action::PublishClientSend, Action::PublishClientReceive] {
            assert_eq!(may(&plugin, action, "ann", "a1", &()), Effect::Defer, "{family:?} {action:?}");
        }
        assert_eq!(kicked(&place, &plugin), 0, "{family:?}");
    }
}

#[test]
fn a_disabled_name_that_a_plugin_before_this_one_lets_in_may_nothing_all_the_same() {
    for family in [BrokerFamily::V2_1, BrokerFamily::V2_0] {
        let place = place();
        let plugin = place.start(family, |_| ()).unwrap();
        plugin.on_tick();
        fine(&place, &plugin, "disableClient", json!({"username": "ann"}));
        kicked(&place, &plugin);
        if family == BrokerFamily::V2_1 {
            plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a1"), &());
            assert_eq!(kicked(&place, &plugin), 1, "before it has done anything");
        }
        assert_eq!(may(&plugin, Action::PublishClientSend, "ann", "a1", &()), Effect::Deny, "{family:?}");
        assert_eq!(kicked(&place, &plugin), 1, "{family:?}");
    }
}

#[test]
fn the_session_that_a_deleted_client_has_left_is_left_to_others_but_not_its_certificate() {
    for family in [BrokerFamily::V2_1, BrokerFamily::V2_0] {
        let place = place();
        let plugin = place.start(family, |_| ()).unwrap();
        plugin.on_tick();
        fine(&place, &plugin, "deleteClient", json!({"username": "ann"}));
        kicked(&place, &plugin);
        for _ in 0..3 {
            assert_eq!(may(&plugin, Action::PublishClientReceive, "ann", "a1", &()), Effect::Defer);
        }
        assert_eq!(kicked(&place, &plugin), 0, "the broker would look at every socket for each message");
        for action in [Action::PublishClientReceive, Action::Subscribe] {
            assert_eq!(may(&plugin, action, "ann", "a1", &Certified), Effect::Deny);
            assert_eq!(kicked(&place, &plugin), 1);
        }
    }
}

#[test]
fn who_logged_in_and_is_disabled_gets_the_answer_but_sends_nothing_more() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    fine(&place, &plugin, "setClientPassword", json!({"username": "ann", "password": "pw"}));
    kicked(&place, &plugin);
    assert_eq!(login_as(&plugin, "a1", "ann", "pw"), Effect::Allow);
    fine(&place, &plugin, "disableClient", json!({"username": "ann"}));
    assert_eq!(may(&plugin, Action::PublishClientSend, "ann", "a1", &()), Effect::Deny);
    assert_eq!(may(&plugin, Action::PublishClientReceive, "ann", "a1", &()), Effect::Allow);
    assert_eq!(kicked(&place, &plugin), 1);
}

#[test]
fn the_session_of_a_disabled_client_gets_its_messages_and_does_nothing_else() {
    for (family, disconnects) in [(BrokerFamily::V2_1, 0), (BrokerFamily::V2_0, 1)] {
        let place = place();
        let plugin = place.start(family, |_| ()).unwrap();
        plugin.on_tick();
        fine(&place, &plugin, "disableClient", json!({"username": "ann"}));
        kicked(&place, &plugin);
        assert_eq!(may(&plugin, Action::PublishClientReceive, "ann", "a1", &()), Effect::Allow);
        assert_eq!(kicked(&place, &plugin), disconnects, "2.0 does not show everybody who is connected");
        assert_eq!(may(&plugin, Action::PublishClientSend, "ann", "a1", &()), Effect::Deny);
        assert_eq!(may(&plugin, Action::Subscribe, "ann", "a1", &()), Effect::Deny);
    }
}

#[test]
fn what_waits_for_a_disabled_client_is_not_for_its_certificate() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    fine(&place, &plugin, "disableClient", json!({"username": "ann"}));
    kicked(&place, &plugin);
    // It is asked about before the client is connected, as far as the broker tells.
    let subject = Subject::known(Some(b"ann"), Some(b"a1"));
    let request = AclRequest { subject, action: Action::PublishClientReceive, topic: b"t" };
    assert_eq!(plugin.on_acl_check(SessionId(1), request, &EachTime, &Certified), Effect::Deny);
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a1"), &Certified);
    assert_eq!(kicked(&place, &plugin), 1);
    plugin.on_disconnect(SessionId(1));
    assert_eq!(plugin.on_acl_check(SessionId(1), request, &EachTime, &()), Effect::Allow);
}

#[test]
fn whose_login_waits_is_not_disconnected_with_who_has_a_certificate_of_that_name() {
    // It takes long to verify.
    const HASH: &str = "$7$300000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$bjfmK+rHVjYIU8g+zpNOWQFyrJyLFolfGFZPWhA6mO/EpkV26D+0zAxQxU5vWtiKEaqE9OQTQPIIqGj/o9gJ5A==";
    let role = json!([{"rolename": "r"}]);
    let place = Place::with(&json!({
        "clients": [{"username": "ann", "encoded_password": HASH, "roles": role}],
        "roles": [{"rolename": "r"}],
    }));
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    plugin.on_tick();
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"with-certificate"), &Certified);
    let subject = Subject::known(Some(b"ann"), Some(b"waits"));
    let request = LoginRequest { subject, address: None, password: Some(b"pw") };
    assert_eq!(plugin.on_login(SessionId(2), &request, Delay::Safe), LoginAnswer::Later);
    fine(&place, &plugin, "removeClientRole", json!({"username": "ann", "rolename": "r"}));
    assert_eq!(kicked(&place, &plugin), 1);
    assert_eq!(*place.host.kicked_names.lock().unwrap(), ["with-certificate"]);
}
