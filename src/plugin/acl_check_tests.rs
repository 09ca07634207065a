//! Whose roles come to be merged.

use std::fmt::Write as _;

use super::*;
use crate::broker::tests::Silent;
use crate::options::PluginOptions;
use crate::plugin::EachTime;
use crate::policy::Subject;

/// Clients with roles that have more ACLs than are merged, and one, `small`, with a hundred roles of ten ACLs.
fn policy(too_large: usize) -> String {
    let role = |name: String, acls: usize| {
        let acl =
            |index| format!(r#"{{"acltype":"publishClientSend","topic":"{name}/{index}","allow":true}}"#);
        let acls: Vec<String> = (0..acls).map(acl).collect();
        format!(r#"{{"rolename":"{name}","acls":[{}]}}"#, acls.join(","))
    };
    let links = |prefix: &str, many: usize| {
        let link = |number| format!(r#"{{"rolename":"{prefix}{number}"}}"#);
        (0..many).map(link).collect::<Vec<_>>().join(",")
    };
    let mut clients = String::new();
    for number in 0..too_large {
        write!(clients, r#"{{"username":"large{number}","roles":[{}]}},"#, links("l", 3)).unwrap();
    }
    write!(clients, r#"{{"username":"small","roles":[{}]}}"#, links("s", 100)).unwrap();
    let large = (0..3).map(|number| role(format!("l{number}"), 3_500));
    let roles: Vec<String> = large.chain((0..100).map(|number| role(format!("s{number}"), 10))).collect();
    format!(r#"{{"clients":[{clients}],"groups":[],"roles":[{}]}}"#, roles.join(","))
}

#[test]
fn who_asks_after_many_whose_roles_are_too_large_comes_to_be_merged() {
    const ROUNDS: usize = 40;
    for holders in [1, 300] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        std::fs::write(&path, policy(holders)).unwrap();
        let plugin = Plugin::start(&PluginOptions::new(path), Arc::new(Silent), BrokerFamily::V2_1).unwrap();
        let walks = |username: &str, topic: &str| {
            let subject = Subject::known(Some(username.as_bytes()), Some(b"dev"));
            let request = AclRequest { subject, action: Action::PublishClientSend, topic: topic.as_bytes() };
            assert_eq!(plugin.on_acl_check(SessionId(1), request, &EachTime, &()), Effect::Defer);
            !plugin.walks.lock().is_empty()
        };
        let mut rounds = 0;
        plugin.on_tick();
        while walks("small", &format!("alone/{rounds}")) {
            // It is noted as the last of its round only.
            plugin.walks.lock().clear();
            assert!(rounds < ROUNDS, "not after {rounds} rounds, among {holders}");
            for check in 0..300 {
                assert!(walks(&format!("large{}", check % holders), &format!("none/{rounds}/{check}")));
            }
            walks("small", &format!("last/{rounds}"));
            plugin.on_tick();
            rounds += 1;
        }
        assert!(rounds > 0);
    }
}
