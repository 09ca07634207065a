//! Files that the real tools wrote: `tests/data`.

use std::io;

use super::{assert_same, assert_survives_saving, load, write};
use crate::policy::{AclType, Action, Compat, Password};
use crate::store::write_to;

const INIT_2_0: &[u8] = include_bytes!("../../../tests/data/2.0.11-init.json");
const BROKER_2_0: &[u8] = include_bytes!("../../../tests/data/2.0.11-broker.json");
const INIT_2_1: &[u8] = include_bytes!("../../../tests/data/2.1.2-init.json");
const BROKER_2_1: &[u8] = include_bytes!("../../../tests/data/2.1.2-broker.json");

/// What `tests/data/README.md` says that the brokers were told.
fn assert_is_the_sample(file: &[u8], compat: Compat) {
    let (policy, issues) = load(file, compat);
    let issues: Vec<String> = issues.iter().map(ToString::to_string).collect();
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert!(issues[0].ends_with("is not a valid topic filter"), "{issues:?}");

    let alice = policy.client(b"alice").unwrap();
    assert_eq!(alice.clientid().unwrap().as_bytes(), b"alice-1");
    assert_eq!(alice.text_name().unwrap().as_bytes(), b"Alice");
    assert_eq!(alice.text_description().unwrap().as_bytes(), b"tab\there");
    let roles: Vec<_> = alice.roles.iter().map(|link| (link.name.as_bytes(), link.priority.get())).collect();
    assert_eq!(roles, [(&b"sensor"[..], 7), ("été".as_bytes(), -1)]);
    let groups: Vec<_> =
        alice.groups.iter().map(|link| (link.name.as_bytes(), link.priority.get())).collect();
    assert_eq!(groups, [(&b"devices"[..], 4)]);
    let Password::Hash(hash) = &alice.password else { panic!("{alice:?}") };
    assert!(hash.verify(b"wonderland"));
    assert!(!hash.verify(b"wonderlanD"));
    assert!(!alice.disabled);
    assert_eq!(policy.client(b"bob").unwrap().password, Password::None);
    assert!(policy.client(b"carol").unwrap().disabled);
    let Password::Hash(hash) = &policy.client(b"admin").unwrap().password else { panic!() };
    assert!(hash.verify(b"adminpass"));

    let members: Vec<_> = policy.members(b"devices").map(|(client, _)| client.username.as_bytes()).collect();
    assert_eq!(members, [&b"alice"[..], b"bob"]);
    assert_eq!(policy.anonymous_group().unwrap().name.as_bytes(), b"guests");
    let sensor = policy.role(b"sensor").unwrap();
    let topics: Vec<_> = sensor
        .acls(AclType::PublishClientSend)
        .iter()
        .map(|acl| (&*acl.topic, acl.priority.get(), acl.allow))
        .collect();
    assert_eq!(topics, [(&b"site/#"[..], 5, false), (b"site/%c/+", -1, true)]);
    for action in Action::ALL {
        assert!(policy.default_access().allows(action));
    }
}

#[test]
fn what_a_2_0_broker_wrote_is_written_alike() {
    assert_is_the_sample(BROKER_2_0, Compat::V2_0);
    let (policy, _) = load(BROKER_2_0, Compat::V2_0);
    assert_eq!(String::from_utf8(write(&policy)).unwrap(), String::from_utf8_lossy(BROKER_2_0));
}

#[test]
fn what_a_2_1_broker_wrote_is_written_alike() {
    assert_is_the_sample(BROKER_2_1, Compat::V2_1);
    let (policy, _) = load(BROKER_2_1, Compat::V2_1);
    assert_eq!(String::from_utf8(write(&policy)).unwrap(), String::from_utf8_lossy(BROKER_2_1));
}

#[test]
fn a_file_goes_from_one_version_to_the_other_and_back() {
    for (file, from, to) in
        [(BROKER_2_0, Compat::V2_0, Compat::V2_1), (BROKER_2_1, Compat::V2_1, Compat::V2_0)]
    {
        let (there, _) = load(file, to);
        let (back, _) = load(write(&there), from);
        let (before, _) = load(file, from);
        if from == Compat::V2_1 {
            assert_same(&before, &back);
        } else {
            // Only the priority that 2.1 clamps is another one in between, and it stays in the file.
            assert!(before.clients().eq(back.clients()));
            for policy in [before, back] {
                let acls = policy.role(b"sensor").unwrap().acls(AclType::SubscribePattern);
                assert_eq!(acls.find(b"x/#/y").unwrap().priority.get(), i32::MAX);
            }
        }
    }
}

#[test]
fn what_mosquitto_ctrl_made_is_read() {
    for (file, compat) in [
        (INIT_2_0, Compat::V2_0),
        (INIT_2_0, Compat::V2_1),
        (INIT_2_1, Compat::V2_0),
        (INIT_2_1, Compat::V2_1),
    ] {
        let (policy, issues) = load(file, compat);
        assert_eq!(issues, []);
        let admin = policy.client(b"admin").unwrap();
        assert_eq!(admin.text_name().unwrap().as_bytes(), b"Dynsec admin user", "`textName`");
        let Password::Hash(hash) = &admin.password else { panic!() };
        assert!(hash.verify(b"adminpass"));
        assert!(admin.roles.iter().next().is_some());
        assert!(policy.default_access().allows(Action::PublishClientReceive));
        assert!(!policy.default_access().allows(Action::Subscribe));
        assert_survives_saving(&policy, &issues);
    }
}

#[test]
fn a_large_policy_is_written_in_pieces() {
    /// Takes so many pieces, each of which it can hold.
    struct Pieces(Vec<Vec<u8>>, usize);
    impl io::Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.len() == self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let element = |number: usize| format!(r#"{{"acltype":"subscribeLiteral","topic":"a/{number}"}}"#);
    let acls: Vec<String> = (0..10_000).map(element).collect();
    let clients: Vec<String> =
        (0..10_000).map(|number| format!(r#"{{"username":"c{number}","textname":"\u00e9"}}"#)).collect();
    let members: Vec<String> = (0..10_000).map(|number| format!(r#"{{"username":"c{number}"}}"#)).collect();
    let [acls, clients, members] = [acls, clients, members].map(|elements| elements.join(","));
    let file = format!(
        r#"{{"clients":[{clients}],"groups":[{{"groupname":"g","clients":[{members}]}}],
            "roles":[{{"rolename":"r","acls":[{acls}]}}]}}"#
    );
    let snapshot = load(file, Compat::V2_0).0.snapshot();
    let mut pieces = Pieces(Vec::new(), usize::MAX);
    write_to(&snapshot, &mut pieces).unwrap();
    let lengths: Vec<usize> = pieces.0.iter().map(Vec::len).collect();
    assert!(lengths.len() > 10 && lengths.iter().all(|length| *length < 66_000), "{lengths:?}");
    assert_eq!(pieces.0.concat(), crate::store::write(&snapshot));
    for most in [0, 1, lengths.len() - 1] {
        let error = write_to(&snapshot, &mut Pieces(Vec::new(), most)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn clients_and_members_are_found_in_whatever_order_they_stand() {
    // In order, in reverse, in steps, and in no order; each number once.
    let mixed = |n: usize| usize::from(u8::try_from(n).unwrap().reverse_bits() >> 1);
    let orders: [fn(usize) -> usize; 4] = [|n| n, |n| 127 - n, |n| n * 3 % 128, mixed];
    let name = |number: &usize| format!("c{number:03}");
    let objects = |numbers: &[usize]| {
        let objects = numbers.iter().map(|number| format!(r#"{{"username":"{}"}}"#, name(number)));
        objects.collect::<Vec<_>>().join(",")
    };
    for (clients, members) in orders.iter().flat_map(|one| orders.map(|other| (one, other))) {
        let mut clients: Vec<usize> = (0..128).map(clients).collect();
        let mut members: Vec<usize> = (0..128).filter(|n| n % 10 != 7).map(members).collect();
        let mut wanted = members.clone();
        wanted.sort_unstable();
        // Two more, that are there already.
        clients.insert(60, clients[50]);
        members.push(members[20]);
        let (clients, members) = (objects(&clients), objects(&members));
        let file =
            format!(r#"{{"clients":[{clients}],"groups":[{{"groupname":"g","clients":[{members}]}}]}}"#);
        let (policy, issues) = load(&file, Compat::V2_1);
        assert_eq!(issues.len(), 2, "{file}");
        let all: Vec<usize> = (0..128).collect();
        assert!(
            policy.clients().map(|client| client.username.to_string()).eq(all.iter().map(name)),
            "{file}"
        );
        assert!(all.iter().all(|number| policy.client(name(number).as_bytes()).is_some()), "{file}");
        let in_group = policy.members(b"g").map(|(client, _)| client.username.to_string());
        assert!(in_group.eq(wanted.iter().map(name)), "{file}");
    }
}
