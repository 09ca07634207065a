//! Whom 2.0 asks about without a login or a certificate.

use super::*;

#[test]
fn who_is_noted_is_known_without_a_record() {
    let mut sessions = Sessions::default();
    let noted = sessions.noted();
    let ann = SessionId(0x7f00_0001_2340);
    let is_noted = || noted.has(ann, false, || Some(b"ann"));
    // Each time it turns out to be somebody else or nobody, or may be by now.
    let becomes_known: [fn(&mut Sessions, SessionId); 5] = [
        |sessions, ann| sessions.ended(ann),
        |sessions, ann| log_in(sessions, ann.0, Some("carl"), "c"),
        |sessions, ann| act_with_certificate(sessions, ann.0, "ann", "a"),
        |sessions, ann| sessions.asked_of_unrecorded(ann, b"bob", false),
        |sessions, _| {
            disconnect(sessions, [user("ann")]);
            assert_eq!(all_due(sessions), [by_name("ann")]);
        },
    ];
    for becomes_known in becomes_known {
        sessions.ended(ann);
        assert!(!is_noted());
        sessions.asked_of_unrecorded(ann, b"ann", false);
        assert!(is_noted());
        becomes_known(&mut sessions, ann);
        assert!(!is_noted());
    }
}

/// How many rounds it takes to disconnect a thousand who are known, where that many all together have been.
fn rounds_of(all: usize) -> usize {
    let mut sessions = Sessions::default();
    let names: Vec<String> = (0..all).map(|number| format!("u{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        log_in(&mut sessions, number, Some(name), name);
    }
    for (number, name) in names.iter().enumerate().skip(1000) {
        sessions.ended(SessionId(number));
        // Its session is sent something.
        sessions.asked_of_unrecorded(SessionId(number), name.as_bytes(), false);
    }
    disconnect(&mut sessions, [crowd_of(all)]);
    assert_eq!(tick(&mut sessions), []);
    let mut rounds = vec![tick(&mut sessions)];
    while sessions.has_ready() {
        rounds.push(more(&mut sessions));
    }
    let mut kicks = rounds.concat();
    let known = kicks.get(..1000).unwrap();
    assert!(known.iter().all(|kick| matches!(kick, Kick::ClientId(_))));
    while sessions.has_due() {
        let late = tick(&mut sessions);
        assert!(late.len() <= 1);
        kicks.extend(late);
    }
    assert_eq!(kicks.len(), all);
    rounds.len()
}

#[test]
fn who_is_there_does_not_wait_for_names_of_which_perhaps_nobody_is() {
    assert_eq!(rounds_of(2000), rounds_of(1000));
}

#[test]
fn who_acts_does_not_wait_behind_who_perhaps_is_not_there() {
    let mut sessions = Sessions::default();
    for number in 0..200 {
        sessions.asked_of_unrecorded(SessionId(number), format!("u{number}").as_bytes(), false);
    }
    disconnect(&mut sessions, [crowd()]);
    sessions.asked_of_unrecorded(SessionId(7), b"u7", true);
    tick(&mut sessions);
    let mut kicks = tick(&mut sessions);
    while sessions.has_ready() {
        kicks.extend(more(&mut sessions));
    }
    assert_eq!(kicks.first(), Some(&by_name("u7")));
    // One that waits behind is uninvited, too; in which order they wait is chance.
    let waits = (0..200).map(|number| format!("u{number}")).find(|name| !kicks.contains(&by_name(name)));
    let waits = waits.unwrap();
    sessions.disconnect_uninvited(waits.as_bytes(), b"x");
    let next = tick(&mut sessions);
    assert_eq!(next.first(), Some(&by_name(&waits)));
    kicks.extend(next);
    while sessions.has_due() {
        kicks.extend(tick(&mut sessions));
    }
    let all: BTreeSet<_> = kicks.iter().collect();
    assert_eq!((kicks.len(), all.len()), (200, 200));
}
