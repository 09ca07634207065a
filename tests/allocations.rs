//! An ACL check allocates nothing, whether it is decided by an index, by what was remembered, or by merged roles, and whether
//! its denial is logged or not.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use mosquitto_dynsec::broker::{Broker, BrokerFamily, LogLevel, PublishError};
use mosquitto_dynsec::options::{DenialLogOption, PluginOptions};
use mosquitto_dynsec::plugin::{EachTime, Plugin, SessionId};
use mosquitto_dynsec::policy::{AclRequest, Action, Effect, Subject};

/// The system's allocator, which counts what each thread asks of it.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // Fails only while the thread ends.
    let _ = COUNT.try_with(|count| count.set(count.get().wrapping_add(1)));
}

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller guarantees.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as the caller guarantees.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller guarantees.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct SilentBroker;

impl Broker for SilentBroker {
    fn log(&self, _: LogLevel, _: &[u8]) {}

    fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
        Ok(())
    }

    fn kick_username(&self, _: &[u8]) {}

    fn kick_clientid(&self, _: &[u8]) {}
}

/// Two clients, one with one role and one with five, of all types of ACL and shapes, 100 of them deep or malformed.
fn policy() -> String {
    let role = |number: usize| {
        let acls: Vec<String> =
            ["publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern"]
                .iter()
                .flat_map(|acl_type| {
                    let topics = (0..40).flat_map(move |index| {
                        [
                            format!("site/{number}/{index}/state"),
                            format!("site/{number}/+/{index}"),
                            format!("%c/{number}/{index}/#"),
                            format!("{}{number}/{index}", "a/".repeat(20)),
                            format!("x/#/{number}/{index}"),
                        ]
                    });
                    topics.map(move |topic| {
                        format!(r#"{{"acltype":"{acl_type}","topic":"{topic}","allow":true}}"#)
                    })
                })
                .collect();
        format!(r#"{{"rolename":"r{number}","acls":[{}]}}"#, acls.join(","))
    };
    let roles: Vec<String> = (0..5).map(role).collect();
    let links: Vec<String> = (0..5).map(|number| format!(r#"{{"rolename":"r{number}"}}"#)).collect();
    format!(
        r#"{{"clients":[{{"username":"one","roles":[{{"rolename":"r0"}}]}},{{"username":"many","roles":[{}]}}],
            "groups":[],"roles":[{}],"defaultACLAccess":{{"publishClientReceive":true}}}}"#,
        links.join(","),
        roles.join(",")
    )
}

#[test]
fn no_acl_check_allocates() {
    for log in [DenialLogOption::Off, DenialLogOption::All] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        fs::write(&path, policy()).unwrap();
        let mut options = PluginOptions::new(path);
        options.denial_log.what = log;
        let plugin = Plugin::start(&options, Arc::new(SilentBroker), BrokerFamily::V2_0).unwrap();
        let topics = [
            "site/0/7/state",
            "site/4/x/9",
            "dev/3/1/deep/er",
            "none/of/them",
            "a/a",
            "$CONTROL/x",
            "+/#",
            "site/+/7/state",
        ];
        let deep = format!("{}0/5", "a/".repeat(20));
        // Without a tick there would be no log to wait for.
        plugin.on_tick();
        let mut allowed = 0_u32;
        // Roles are merged after the first round, decisions are remembered after the second.
        for round in 0..4 {
            for username in ["one", "many", "unknown"] {
                for action in Action::ALL {
                    for topic in topics.iter().copied().chain([deep.as_str()]) {
                        let subject = Subject::known(Some(username.as_bytes()), Some(b"dev"));
                        let request = AclRequest { subject, action, topic: topic.as_bytes() };
                        let before = COUNT.get();
                        let effect = plugin.on_acl_check(SessionId(1), request, &EachTime, || None);
                        let after = COUNT.get();
                        assert_eq!(
                            after.wrapping_sub(before),
                            0,
                            "round {round}: {username} {action:?} {topic}"
                        );
                        allowed = u32::from(effect == Effect::Allow).saturating_add(allowed);
                    }
                }
            }
            plugin.on_tick();
        }
        assert!(allowed > 20, "nothing was allowed: {allowed}");
    }
}
