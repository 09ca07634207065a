use super::*;

fn attempt_from(clientid: &str, session: usize, address: &str) -> Attempt {
    Attempt {
        session: SessionId(session),
        clientid: clientid.as_bytes().into(),
        username: (*b"ann").into(),
        address: Some(address.as_bytes().into()),
        password: Plaintext::new(b"pw"),
        hash: PasswordHash::from_encoded(b"$6$AAECAwQFBgcICQoL$nJi904LR9MHJuWsrxoeU9OYCwKeAwjEX7WYcVbBePPtrX4Wvr0lZ3vRYd/exlGmyC2Y9jK1b1PhAE1Rwd9Srdw==").unwrap(),
        client: None,
        reason: "wrongPassword",
    }
}

fn attempt(clientid: &str, session: usize) -> Attempt {
    attempt_from(clientid, session, "192.0.2.1")
}

/// Verifies what is next.
fn work(pending: &Pending, found: Found) -> bool {
    let Some((generation, attempt)) = pending.next() else { return false };
    pending.found(generation, attempt, found);
    true
}

#[test]
fn an_attempt_is_answered_once_and_becomes_a_connection() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    assert!(pending.knows(b"x") && pending.is_waiting(Some(b"ann"), None));
    assert!(work(&pending, Found::Right));
    assert_eq!(pending.take_found().unwrap().found, Found::Right);
    assert!(pending.take_found().is_none());
    assert!(pending.connected(SessionId(1), b"x").is_none(), "that is not decided yet");
    pending.let_in(b"x");
    assert!(pending.connected(SessionId(2), b"x").is_none(), "another connection");
    assert_eq!(*pending.connected(SessionId(1), b"x").unwrap().username, *b"ann");
    assert!(!pending.knows(b"x"));
}

#[test]
fn a_verdict_on_an_attempt_before_is_void() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    let (generation, first) = pending.next().unwrap();
    // It has left, and comes again.
    assert!(pending.begin(attempt("x", 2)));
    pending.found(generation, first, Found::Right);
    assert!(pending.take_found().is_none());
    assert!(work(&pending, Found::Wrong));
    assert_eq!(pending.take_found().unwrap().attempt.session, SessionId(2));
}

#[test]
fn an_attempt_that_was_followed_by_another_login_is_not_even_verified() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    pending.void(b"x");
    assert!(!work(&pending, Found::Right));
    assert!(pending.knows(b"x"), "its will may still be asked about");
    assert!(!pending.is_waiting(Some(b"ann"), Some(b"x")));
}

#[test]
fn who_was_answered_is_remembered_for_some_ticks() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    assert!(pending.begin(attempt("y", 2)));
    assert!(work(&pending, Found::Wrong));
    assert_eq!(*pending.take_found().unwrap().attempt.clientid, *b"x");
    for _ in 0..10 {
        pending.tick();
    }
    assert!(pending.knows(b"x"));
    for _ in 0..100 {
        pending.tick();
    }
    assert!(!pending.knows(b"x"));
    assert!(pending.knows(b"y"), "it still waits");
}

#[test]
fn addresses_take_turns() {
    let pending = Pending::default();
    for number in 0..100 {
        assert!(pending.begin(attempt_from(&format!("flood{number}"), number, "192.0.2.66")));
    }
    assert!(pending.begin(attempt_from("home", 1000, "192.0.2.1")));
    let next = || pending.next().unwrap().1.clientid;
    assert_eq!(*next(), *b"flood0");
    assert_eq!(*next(), *b"home");
    assert_eq!(*next(), *b"flood1");
}

#[test]
fn a_flood_leaves_room_for_others_and_all_of_it_is_bounded() {
    let pending = Pending::default();
    let mut taken = 0;
    while pending.begin(attempt_from(&format!("flood{taken}"), taken, "192.0.2.66")) {
        taken += 1;
    }
    assert!((20_000..40_000).contains(&taken), "{taken}");
    assert!(pending.state.lock().waiting <= MOST / 2);
    for address in 0..100 {
        for number in 0..10_000 {
            let clientid = format!("{address}-{number}");
            if !pending.begin(attempt_from(&clientid, number, &format!("10.0.0.{address}"))) {
                break;
            }
        }
    }
    assert!(pending.state.lock().waiting <= MOST);
    while work(&pending, Found::Wrong) {}
    assert_eq!(pending.state.lock().waiting, 0);
    assert!(pending.state.lock().queues.is_empty());
}

#[test]
fn workers_are_counted() {
    let pending = Pending::default();
    assert!(!pending.wants_worker(2), "there is nothing to do");
    assert!(pending.begin(attempt("x", 1)));
    assert!(pending.is_stuck());
    assert!(pending.wants_worker(2) && pending.wants_worker(2) && !pending.wants_worker(2));
    assert!(!pending.is_stuck());
    assert!(work(&pending, Found::Wrong));
    assert!(!work(&pending, Found::Wrong) && !work(&pending, Found::Wrong));
    assert!(pending.begin(attempt("x", 1)));
    assert!(pending.wants_worker(1));
}
