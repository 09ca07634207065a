//! What a login takes, and what is remembered of it.

use std::num::NonZero;
use std::thread;

use super::*;
use crate::broker::BrokerFamily;
use crate::broker::tests::Silent;
use crate::logins::{HashingBudget, VerifiedLogins};
use crate::options::PluginOptions;
use crate::policy::Subject;

/// Of the password `pw`, with 101 iterations; new hashes have 1000.
const HASH: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";

fn started(change: impl FnOnce(&mut PluginOptions)) -> Plugin {
    let mut clients: Vec<String> = ["ann", "bob", "carl", "dan", "eve"]
        .map(|name| format!(r#"{{"username": "{name}", "encoded_password": "{HASH}"}}"#))
        .to_vec();
    clients.extend(
        [r#"{"username": "off", "disabled": true}"#, r#"{"username": "without"}"#].map(str::to_owned),
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    std::fs::write(&file, format!(r#"{{"clients": [{}]}}"#, clients.join(", "))).unwrap();
    let mut options = PluginOptions::new(file);
    change(&mut options);
    let plugin = Plugin::start(&options, Arc::new(Silent), BrokerFamily::V2_1).unwrap();
    plugin.on_tick();
    plugin
}

fn request<'a>(name: &'a str, password: &'a str) -> LoginRequest<'a> {
    let subject = Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
    LoginRequest { subject, address: Some(b"192.0.2.1"), password: Some(password.as_bytes()) }
}

#[test]
fn from_the_start_a_name_without_a_password_takes_the_work_of_one_that_has_one() {
    let plugin = started(|_| ());
    for name in ["ann", "off", "without", "unknown"] {
        let hash = plugin.plan(&plugin.policy.read(), &request(name, "pw"), false).hash;
        assert_eq!(hash.and_then(|hash| hash.iterations()), Some(101), "{name}");
    }
}

#[test]
fn who_is_connected_is_remembered_however_many_others_log_in() {
    for delay in [Delay::Impossible, Delay::Safe] {
        let mut plugin = started(|_| ());
        plugin.verifier.verified = Arc::new(VerifiedLogins::with_room_for(2));
        let log_in = |session, name, delay| {
            let _ = plugin.on_login(SessionId(session), &request(name, "pw"), delay);
            while plugin.has_login_pending(Some(name.as_bytes()), None) {
                plugin.on_tick();
                thread::yield_now();
            }
        };
        // A password that was verified before is a hit.
        let hits = || plugin.metrics.counts().login_cache.0;
        let others_come_and_go = || {
            for (session, name) in (2..).zip(["bob", "carl", "dan", "eve"]) {
                log_in(session, name, delay);
                plugin.on_disconnect(SessionId(session));
            }
        };
        log_in(1, "ann", Delay::Impossible);
        others_come_and_go();
        assert_eq!(hits(), 0, "{delay:?}");
        log_in(1, "ann", Delay::Impossible);
        assert_eq!(hits(), 1, "{delay:?}: she has been here all the time");
        plugin.on_disconnect(SessionId(1));
        others_come_and_go();
        let before = hits();
        log_in(1, "ann", Delay::Impossible);
        assert_eq!(hits(), before, "{delay:?}: there is room for two");
    }
}

/// Whether a password is hashed for a login that is not let in, and what that is answered.
fn hashes_for(plugin: &mut Plugin, name: &str) -> (bool, Effect) {
    plugin.hashing_budget = HashingBudget::new(99);
    let effect = plugin.on_basic_auth(SessionId(7), &request(name, "guess"));
    (plugin.hashing_budget.was_touched(), effect)
}

/// Else its time would tell which names are the policy's.
#[test]
fn where_a_name_with_a_password_is_locked_out_no_other_is_hashed_for_either() {
    let mut plugin = started(|options| options.lockout_failures = NonZero::new(5));
    for (name, effect) in
        [("ann", Effect::Deny), ("off", Effect::Deny), ("without", Effect::Deny), ("unknown", Effect::Defer)]
    {
        let tries = [(); 7].map(|()| hashes_for(&mut plugin, name));
        assert_eq!(
            tries,
            [true, true, true, true, true, false, false].map(|hashes| (hashes, effect)),
            "{name}"
        );
    }
    assert_eq!(hashes_for(&mut plugin, "another"), (true, Effect::Defer));
    let (locked_out, deferred) = {
        let logins = plugin.metrics.counts().logins;
        let count =
            |reason| logins.iter().filter(|(_, of, _)| *of == Some(reason)).map(|of| of.2).sum::<u64>();
        (count("lockedOut"), count("clientNotFound"))
    };
    assert_eq!((locked_out, deferred), (6, 8), "who is left to others is not locked out");
}
