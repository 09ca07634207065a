#[path = "unrecorded_tests.rs"]
mod unrecorded_tests;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::disconnects::BY_ID;
use super::*;
use crate::control::Disconnect;
use crate::policy::{Client, Compat, Extra, Link, Links, Policy, Priority, Role, RoleName, Username};

fn user(name: &str) -> Disconnect {
    Disconnect::Username(Username::new(name.as_bytes()).unwrap())
}

fn log_in(sessions: &mut Sessions, session: usize, username: Option<&str>, clientid: &str) {
    sessions.logged_in(&Login {
        session: SessionId(session),
        username: username.map(str::as_bytes),
        clientid: clientid.as_bytes(),
        address: Some(b"127.0.0.1"),
        is_others: false,
    });
}

/// A login that others decide on.
fn ask_to_log_in(sessions: &mut Sessions, session: usize, username: &str, clientid: &str) {
    sessions.add_undecided(&Login {
        session: SessionId(session),
        username: Some(username.as_bytes()),
        clientid: clientid.as_bytes(),
        address: None,
        is_others: false,
    });
}

fn disconnect<const N: usize>(sessions: &mut Sessions, whom: [Disconnect; N]) {
    sessions.disconnect_later(whom, sessions.logins());
}

fn next(sessions: &mut Sessions) -> Vec<Kick> {
    std::iter::from_fn(|| sessions.next()).collect()
}

fn tick(sessions: &mut Sessions) -> Vec<Kick> {
    sessions.tick();
    next(sessions)
}

fn more(sessions: &mut Sessions) -> Vec<Kick> {
    sessions.more();
    next(sessions)
}

fn all_due(sessions: &mut Sessions) -> Vec<Kick> {
    sessions.all_due();
    next(sessions)
}

fn by_id(clientid: &str) -> Kick {
    Kick::ClientId(clientid.as_bytes().to_vec())
}

fn by_name(name: &str) -> Kick {
    Kick::Username(name.as_bytes().to_vec())
}

#[test]
fn disconnects_come_on_the_second_tick() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    disconnect(&mut sessions, [user("ann")]);
    assert_eq!(tick(&mut sessions), []);
    assert_eq!(tick(&mut sessions), [by_id("a1")]);
    assert_eq!(tick(&mut sessions), []);
}

#[test]
fn who_came_back_in_between_stays() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    log_in(&mut sessions, 2, Some("ann"), "a2");
    disconnect(&mut sessions, [user("ann")]);
    sessions.ended(SessionId(1));
    log_in(&mut sessions, 3, Some("ann"), "a1");
    tick(&mut sessions);
    assert_eq!(tick(&mut sessions), [by_id("a2")]);
}

#[test]
fn who_takes_over_a_client_id_is_a_new_connection() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    disconnect(&mut sessions, [user("ann")]);
    log_in(&mut sessions, 2, Some("ann"), "a1");
    assert_eq!(all_due(&mut sessions), [], "the broker has ended the first");
    sessions.ended(SessionId(1));
    disconnect(&mut sessions, [user("ann")]);
    assert_eq!(all_due(&mut sessions), [by_id("a1")], "its end does not hide the second");
}

#[test]
fn who_came_between_the_change_and_its_answer_stays() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    let logins = sessions.logins();
    log_in(&mut sessions, 2, Some("ann"), "a2");
    sessions.disconnect_later([user("ann")], logins);
    assert!(sessions.has_due());
    assert_eq!(all_due(&mut sessions), [by_id("a1")]);
    assert!(!sessions.has_due());
}

#[test]
fn a_password_asked_again_is_no_new_login() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    disconnect(&mut sessions, [user("ann")]);
    log_in(&mut sessions, 1, Some("ann"), "a1");
    assert_eq!(all_due(&mut sessions), [by_id("a1")]);
}

#[test]
fn a_name_without_logins_is_disconnected_by_name() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("bob"), "b");
    disconnect(&mut sessions, [user("certificate")]);
    assert_eq!(all_due(&mut sessions), [by_name("certificate")]);
}

fn act_with_certificate(sessions: &mut Sessions, session: usize, username: &str, clientid: &str) {
    sessions.noticed(&Login {
        session: SessionId(session),
        username: Some(username.as_bytes()),
        clientid: clientid.as_bytes(),
        address: None,
        is_others: false,
    });
}

#[test]
fn certificates_of_a_name_are_disconnected_with_its_logins() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    act_with_certificate(&mut sessions, 2, "ann", "a2");
    disconnect(&mut sessions, [user("ann")]);
    assert_eq!(all_due(&mut sessions), [by_name("ann")], "there may be more that have not shown themselves");
    disconnect(&mut sessions, [user("ann")]);
    log_in(&mut sessions, 3, Some("ann"), "a3");
    assert_eq!(all_due(&mut sessions), [by_id("a2"), by_id("a1")], "who came since stays");
}

#[test]
fn a_certificate_shows_no_second_connection_of_who_logged_in() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    act_with_certificate(&mut sessions, 1, "ann", "a1");
    assert_eq!(sessions.connections(b"ann", None).len(), 1);
    sessions.ended(SessionId(1));
    assert_eq!(sessions.connections(b"ann", None), []);
}

#[test]
fn anonymous_clients_are_disconnected_by_id() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, None, "x");
    disconnect(&mut sessions, [Disconnect::Anonymous]);
    assert_eq!(all_due(&mut sessions), [by_id("x")]);
    sessions.ended(SessionId(1));
    disconnect(&mut sessions, [Disconnect::Anonymous]);
    assert_eq!(all_due(&mut sessions), [], "a socket without a name yet is nobody's business");
}

#[test]
fn of_a_crowd_those_are_disconnected_who_were_there() {
    let mut policy = Policy::new(Compat::V2_1);
    let role = RoleName::new(b"r").unwrap();
    policy.put_role(Role::new(role.clone()));
    let link = Link { name: role.clone(), priority: Priority::DEFAULT_LINK, extra: Extra::default() };
    let roles = Links::from_given([link]);
    for number in 0..5000 {
        let username = Username::new(format!("u{number}").as_bytes()).unwrap();
        policy.put_client(Client { roles: roles.clone(), ..Client::new(username) }).unwrap();
    }
    let (holders, crowd) = policy.concerned(&HashSet::from([role.clone()]), &HashSet::new());
    assert!(holders.clients.is_empty());
    policy.remove_role(&role);
    let mut sessions = Sessions::default();
    for number in 0..3000 {
        log_in(&mut sessions, number, Some(&format!("u{number}")), &format!("c{number}"));
    }
    log_in(&mut sessions, 9001, Some("other"), "other");
    log_in(&mut sessions, 9002, None, "anonymous");
    disconnect(&mut sessions, [Disconnect::Crowd(Arc::new(crowd.unwrap()))]);
    log_in(&mut sessions, 9003, Some("u4000"), "later");
    sessions.ended(SessionId(1));
    log_in(&mut sessions, 1, Some("u1"), "c1");
    sessions.ended(SessionId(2));
    assert_eq!(tick(&mut sessions), []);
    let mut all: BTreeSet<_> = tick(&mut sessions).into_iter().collect();
    while sessions.has_ready() {
        let kicks = more(&mut sessions);
        assert!(kicks.len() <= BY_ID);
        all.extend(kicks);
    }
    assert_eq!(all.len(), 2998);
    for spared in ["c1", "c2", "other", "anonymous", "later"] {
        assert!(!all.contains(&by_id(spared)), "{spared}");
    }
}

#[test]
fn many_are_disconnected_a_few_at_a_tick() {
    let mut sessions = Sessions::default();
    for number in 0..500 {
        log_in(&mut sessions, number, Some("ann"), &format!("a{number}"));
    }
    disconnect(&mut sessions, [user("ann")]);
    assert_eq!(tick(&mut sessions), []);
    let mut all = tick(&mut sessions);
    let mut times = 1;
    while sessions.has_ready() {
        let kicks = more(&mut sessions);
        assert!(kicks.len() <= BY_ID);
        all.extend(kicks);
        times += 1;
    }
    assert_eq!((all.len(), times), (500, 500_usize.div_ceil(BY_ID)));
    assert!(!sessions.has_due());
}

#[test]
fn the_uninvited_are_disconnected_once_and_nobody_else() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    let others = Login {
        session: SessionId(2),
        username: Some(b"bob"),
        clientid: b"b1",
        address: None,
        is_others: true,
    };
    sessions.logged_in(&others);
    assert_eq!(sessions.kind(b"ann", b"a1"), Kind::LoggedIn);
    assert_eq!(sessions.kind(b"bob", b"b1"), Kind::LetInByOthers);
    assert_eq!(sessions.kind(b"bob", b"a1"), Kind::Unseen);
    act_with_certificate(&mut sessions, 3, "bob", "b2");
    for _ in 0..3 {
        sessions.disconnect_uninvited(b"eve", b"e1");
        sessions.disconnect_uninvited(b"bob", b"b2");
        sessions.disconnect_uninvited(b"bob", b"absent");
        sessions.disconnect_uninvited(b"bob", b"a1");
    }
    assert_eq!(tick(&mut sessions), [by_id("b2"), by_name("eve")]);
    assert_eq!(tick(&mut sessions), []);
}

#[test]
fn connections_are_those_of_the_name_and_id() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "a1");
    log_in(&mut sessions, 2, Some("ann"), "a2");
    assert_eq!(sessions.connections(b"ann", None).len(), 2);
    let address = Some(b"127.0.0.1".to_vec());
    assert_eq!(sessions.connections(b"ann", Some(b"a2")), [Connection { address }]);
    assert!(sessions.connections(b"bob", None).is_empty());
}

#[test]
fn a_name_waits_once_and_who_comes_meanwhile_stays() {
    let mut sessions = Sessions::default();
    for _ in 0..3 {
        disconnect(&mut sessions, [user("ann"), user("bob"), user("carl"), user("dora")]);
        sessions.disconnect_uninvited(b"dora", b"d");
    }
    // The uninvited did not have to wait.
    assert_eq!(tick(&mut sessions), [by_name("dora")]);
    assert_eq!(tick(&mut sessions), [by_name("ann"), by_name("bob")]);
    log_in(&mut sessions, 1, Some("carl"), "c1");
    assert_eq!(tick(&mut sessions), [by_name("dora")]);
    assert!(!sessions.has_due());
    sessions.disconnect_uninvited(b"carl", b"c");
    log_in(&mut sessions, 2, Some("carl"), "c2");
    assert_eq!(tick(&mut sessions), [], "the name may be used again");
    assert!(!sessions.has_due());
}

/// Of `u0` to `u199`.
fn crowd() -> Disconnect {
    crowd_of(200)
}

/// Of `u0` and so on.
fn crowd_of(count: usize) -> Disconnect {
    let mut policy = Policy::new(Compat::V2_1);
    let role = RoleName::new(b"r").unwrap();
    policy.put_role(Role::new(role.clone()));
    let link = Link { name: role.clone(), priority: Priority::DEFAULT_LINK, extra: Extra::default() };
    let roles = Links::from_given([link]);
    for number in 0..count {
        let username = Username::new(format!("u{number}").as_bytes()).unwrap();
        policy.put_client(Client { roles: roles.clone(), ..Client::new(username) }).unwrap();
    }
    let (_, crowd) = policy.concerned(&HashSet::from([role]), &HashSet::new());
    Disconnect::Crowd(Arc::new(crowd.unwrap()))
}

#[test]
fn of_a_crowd_those_are_disconnected_too_of_whom_it_is_not_decided() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("u1"), "x");
    log_in(&mut sessions, 4, Some("another"), "y");
    ask_to_log_in(&mut sessions, 2, "u2", "x");
    ask_to_log_in(&mut sessions, 3, "other", "y");
    disconnect(&mut sessions, [crowd()]);
    assert_eq!(all_due(&mut sessions), [by_id("x"), by_name("u2")]);
    sessions.connected(SessionId(2));
    assert!(sessions.is_open(SessionId(2)) && !sessions.is_open(SessionId(1)), "2.1 has told of it");
    sessions.ended(SessionId(4));
    assert!(sessions.is_open(SessionId(3)), "nobody else has its client id");
    sessions.ended(SessionId(3));
    sessions.ended(SessionId(2));
    assert_eq!(sessions.count(), 0);
}

#[test]
fn of_those_who_ask_for_a_client_id_only_the_last_may_still_come() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 1, Some("ann"), "x");
    log_in(&mut sessions, 2, Some("bob"), "b");
    ask_to_log_in(&mut sessions, 3, "bob", "x");
    ask_to_log_in(&mut sessions, 4, "carl", "x");
    disconnect(&mut sessions, [user("bob")]);
    assert_eq!(all_due(&mut sessions), [by_id("b")], "2.1 does not tell of the end of one that waits");
    sessions.ended(SessionId(1));
    assert!(sessions.is_open(SessionId(4)));
}

#[test]
fn a_name_is_disconnected_by_name_as_long_as_one_of_it_may_be_there_that_is_not_known() {
    let mut sessions = Sessions::default();
    let disconnected = |sessions: &mut Sessions| {
        disconnect(sessions, [user("ann")]);
        all_due(sessions)
    };
    log_in(&mut sessions, 1, Some("ann"), "a1");
    sessions.asked_of_unrecorded(SessionId(2), b"ann", true);
    sessions.asked_of_unrecorded(SessionId(3), b"bob", true);
    assert_eq!(disconnected(&mut sessions), [by_name("ann")]);
    assert_eq!(disconnected(&mut sessions), [by_id("a1")], "the other one is not there any more");
    // Each time another one is suspected, and turns out to be somebody else or nobody.
    let becomes_known: [fn(&mut Sessions); 4] = [
        |sessions| sessions.ended(SessionId(2)),
        |sessions| log_in(sessions, 2, Some("carl"), "c"),
        |sessions| ask_to_log_in(sessions, 2, "carl", "a1"),
        |sessions| sessions.asked_of_unrecorded(SessionId(2), b"bob", true),
    ];
    for becomes_known in becomes_known {
        sessions.ended(SessionId(2));
        sessions.asked_of_unrecorded(SessionId(2), b"ann", true);
        sessions.asked_of_unrecorded(SessionId(2), b"ann", true);
        becomes_known(&mut sessions);
        assert_eq!(disconnected(&mut sessions), [by_id("a1")]);
    }
    act_with_certificate(&mut sessions, 2, "bob", "b");
    disconnect(&mut sessions, [user("bob")]);
    assert_eq!(all_due(&mut sessions), [by_name("bob")], "the third is still of that name");
}

#[test]
fn of_a_crowd_the_names_are_disconnected_of_whom_not_all_are_known() {
    let mut sessions = Sessions::default();
    log_in(&mut sessions, 500, Some("u1"), "x");
    for number in 100..300 {
        sessions.asked_of_unrecorded(SessionId(number), format!("u{number}").as_bytes(), true);
    }
    disconnect(&mut sessions, [crowd()]);
    assert_eq!(tick(&mut sessions), []);
    let mut all: BTreeSet<_> = tick(&mut sessions).into_iter().collect();
    while sessions.has_ready() {
        all.extend(more(&mut sessions));
    }
    let names = (100..200).map(|number| by_name(&format!("u{number}")));
    assert_eq!(all, names.chain([by_id("x")]).collect());
}
