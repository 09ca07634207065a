//! Topics and filters: the index decides as the walk over one ACL after another.
//!
//! The first byte chooses the rules, the next line is the client's id. Of each further line the first byte says
//! what it is: odd, a topic that is asked for; even, the filter of an ACL. The higher bits choose the kind.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mosquitto_dynsec::policy::{
    Acl, AclRequest, AclType, Action, Client, Compat, Extra, Link, Links, Policy, Priority, Role, RoleName,
    Subject, Username, is_mqtt_utf8, is_valid_filter,
};

const USERNAME: &[u8] = b"ann";

fuzz_target!(|data: &[u8]| {
    let Some((&choice, text)) = data.split_first() else { return };
    let compat = match choice % 3 {
        0 => Compat::V2_0,
        1 => Compat::V2_0_21,
        _ => Compat::V2_1,
    };
    let mut lines = text.split(|&byte| byte == b'\n');
    let clientid = lines.next().unwrap_or_default();
    let (mut acls, mut asked) = (Vec::new(), Vec::new());
    for line in lines {
        let Some((&kind, topic)) = line.split_first() else { continue };
        let _ = (is_valid_filter(topic, compat), is_mqtt_utf8(topic));
        let which = usize::from(kind >> 1);
        if kind % 2 == 1 {
            asked.push((Action::ALL[which % Action::ALL.len()], topic));
        } else {
            let priority = Priority::new(i32::from(kind >> 5) - 3, compat);
            acls.push((AclType::ALL[which % AclType::ALL.len()], Acl::new(topic, priority, kind & 16 == 0)));
        }
    }
    let policy = policy(acls, compat);
    for (action, topic) in asked {
        let subject = Subject::known(Some(USERNAME), Some(clientid));
        let request = AclRequest { subject, action, topic };
        let (found, walked) = (policy.authorize(&request), policy.authorize_by_walking(&request));
        assert_eq!(format!("{found:?}"), format!("{walked:?}"), "{action:?} {}", topic.escape_ascii());
    }
});

/// A client with a role of these ACLs, half of them added one by one, and every fifth taken away again.
fn policy(acls: Vec<(AclType, Acl)>, compat: Compat) -> Policy {
    let mut policy = Policy::new(compat);
    let name = RoleName::new(b"r").expect("a name");
    let mut role = Role::new(name.clone());
    let half = acls.len() / 2;
    role.set_acls(acls[..half].to_vec(), compat);
    policy.put_role(role);
    for (acl_type, acl) in &acls[half..] {
        if policy.acl(b"r", *acl_type, &acl.topic).is_none() {
            let mut role = Role::clone(policy.role(b"r").expect("it is there"));
            role.add_acl(*acl_type, acl.clone());
            policy.put_role(role);
        }
    }
    for (acl_type, acl) in acls.iter().step_by(5) {
        if let Some(acl) = policy.acl(b"r", *acl_type, &acl.topic).cloned() {
            let mut role = Role::clone(policy.role(b"r").expect("it is there"));
            role.remove_acl(*acl_type, &acl);
            policy.put_role(role);
        }
    }
    let link = Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() };
    let client = Client::new(Username::new(USERNAME).expect("a name"));
    policy.put_client(Client { roles: Links::from_given([link]), ..client }).expect("the role is there");
    policy
}
