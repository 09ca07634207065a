//! An ACL check allocates nothing, whether it is decided by an index, by what was remembered, or by merged roles, and whether
//! its denial is logged or not. A command allocates what it takes itself, however much of the file was set aside.

#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use mosquitto_dynsec::broker::{Broker, BrokerFamily, LogLevel, PublishError};
use mosquitto_dynsec::options::{CompatOption, DenialLogOption, PluginOptions};
use mosquitto_dynsec::plugin::{Actor, EachTime, Plugin, SessionId};
use mosquitto_dynsec::policy::{AclRequest, Action, Effect, Subject};

/// The system's allocator, which counts what each thread asks of it.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// How many bytes were asked for.
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    // Fails only while the thread ends.
    let _ = COUNT.try_with(|count| count.set(count.get().wrapping_add(1)));
    let _ = BYTES.try_with(|count| count.set(count.get().wrapping_add(bytes as u64)));
}

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller guarantees.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0);
        // SAFETY: as the caller guarantees.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
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

/// Lets the client with five roles ask until they are merged, and says how much the busiest tick allocated.
fn merge_roles(plugin: &Plugin) -> u64 {
    let mut most = 0;
    for tick in 0..150 {
        for check in 0..200 {
            let subject = Subject::known(Some(b"many"), Some(b"dev"));
            let topic = format!("none/{tick}/{check}");
            let request =
                AclRequest { subject, action: Action::PublishClientReceive, topic: topic.as_bytes() };
            assert_eq!(plugin.on_acl_check(SessionId(1), request, &EachTime, &()), Effect::Allow);
        }
        let before = COUNT.get();
        plugin.on_tick();
        most = most.max(COUNT.get().wrapping_sub(before));
    }
    let before = COUNT.get();
    plugin.on_tick();
    assert_eq!(COUNT.get(), before, "nothing is left to be merged");
    most
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
        let filed = merge_roles(&plugin);
        assert!(filed > 100, "merging roles allocates, and only {filed} allocations were counted");
        // Decisions are remembered after the second round.
        for round in 0..4 {
            for username in ["one", "many", "unknown"] {
                for action in Action::ALL {
                    for topic in topics.iter().copied().chain([deep.as_str()]) {
                        let subject = Subject::known(Some(username.as_bytes()), Some(b"dev"));
                        let request = AclRequest { subject, action, topic: topic.as_bytes() };
                        let before = COUNT.get();
                        let effect = plugin.on_acl_check(SessionId(1), request, &EachTime, &());
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

/// A file of so many clients with everything twice, as 2.0.11 can write it, all of them in one group, which names as many that
/// there are not, as does one of them roles.
fn doubled(clients: usize) -> String {
    let list = |each: &dyn Fn(usize) -> String| (0..clients).map(each).collect::<Vec<_>>().join(",");
    let records =
        list(&|number| format!(r#"{{"username":"c{number}","textname":"a client like all others"}}"#));
    let members = list(&|number| format!(r#"{{"username":"c{number}"}},{{"username":"missing{number}"}}"#));
    let roles = list(&|number| format!(r#"{{"rolename":"missing{number}"}}"#));
    let acls = list(&|number| format!(r#"{{"acltype":"publishClientSend","topic":"t/{number}"}}"#));
    let group = format!(r#"{{"groupname":"g","clients":[{members}]}}"#);
    let role = format!(r#"{{"rolename":"r","acls":[{acls},{acls}]}}"#);
    format!(
        r#"{{"clients":[{records},{records},{{"username":"holder","roles":[{roles}]}}],"groups":[{group},{group}],
            "roles":[{role},{role}]}}"#
    )
}

/// How many bytes a thread asks for to run a payload of a tenth as many of these commands as there are clients.
fn bytes_for(clients: usize, command: impl Fn(usize) -> String) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.json");
    fs::write(&path, doubled(clients)).unwrap();
    let mut options = PluginOptions::new(path);
    options.compat = CompatOption::V2_0;
    let plugin = Plugin::start(&options, Arc::new(SilentBroker), BrokerFamily::V2_0).unwrap();
    // A tick, so that another thread saves.
    plugin.on_tick();
    let commands: Vec<String> = (0..clients / 10).map(command).collect();
    let payload = format!(r#"{{"commands":[{}]}}"#, commands.join(","));
    let before = BYTES.get();
    plugin.on_control(&Actor::default(), payload.as_bytes());
    let bytes = BYTES.get().wrapping_sub(before);
    while !plugin.is_idle() {
        std::thread::yield_now();
        plugin.on_tick();
    }
    bytes
}

#[test]
fn commands_allocate_in_proportion_to_their_number_whatever_was_set_aside() {
    type Command = fn(usize) -> String;
    let commands: [Command; 6] = [
        |number| format!(r#"{{"command":"deleteClient","username":"c{number}"}}"#),
        |number| format!(r#"{{"command":"disableClient","username":"c{number}"}}"#),
        |number| format!(r#"{{"command":"createClient","username":"missing{number}"}}"#),
        |number| format!(r#"{{"command":"createRole","rolename":"missing{number}"}}"#),
        |number| format!(r#"{{"command":"createGroup","groupname":"missing{number}"}}"#),
        |number| {
            format!(
                r#"{{"command":"removeRoleACL","rolename":"r","acltype":"publishClientSend","topic":"t/{number}"}}"#
            )
        },
    ];
    for command in commands {
        let (few, many) = (bytes_for(300, command), bytes_for(3000, command));
        assert!(many < few * 20, "ten times as many took {few} and {many} bytes: {}", command(0));
    }
}
