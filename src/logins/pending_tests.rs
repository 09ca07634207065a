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
        reason: NotLoggedIn::WrongPassword,
    }
}

fn attempt(clientid: &str, session: usize) -> Attempt {
    attempt_from(clientid, session, "192.0.2.1")
}

/// Verifies what is next.
fn work(pending: &Pending, found: Found) -> bool {
    let Some((generation, attempt)) = next(pending) else { return false };
    pending.found(generation, attempt, found);
    true
}

/// What is next where no more than one is.
fn next(pending: &Pending) -> Option<(u64, Attempt)> {
    let mut attempts = pending.next();
    let first = attempts.pop();
    assert!(attempts.is_empty());
    first
}

/// Attempts with hashes of so many iterations each, for one worker.
fn with_iterations(iterations: &[u32]) -> Pending {
    let pending = Pending::default();
    for (number, iterations) in (0..).zip(iterations) {
        let hash = PasswordHash::of_none((*iterations).try_into().unwrap());
        assert!(pending.begin(Attempt { hash, ..attempt(&number.to_string(), number) }));
    }
    assert!(pending.wants_worker(1));
    pending
}

/// The client ids of what is taken together, until there is nothing more.
fn taken(pending: &Pending) -> Vec<String> {
    let of_attempts = |attempts: Vec<(u64, Attempt)>| {
        attempts.iter().map(|(_, attempt)| attempt.clientid.escape_ascii().to_string()).collect::<String>()
    };
    std::iter::from_fn(|| Some(pending.next()).filter(|attempts| !attempts.is_empty()))
        .map(of_attempts)
        .collect()
}

#[test]
fn as_many_are_taken_as_are_hashed_at_once_and_wait() {
    // One, where the processor has no way to hash several.
    let lanes = at_once(usize::MAX, 1);
    for number in 1..=8 {
        let taken = taken(&with_iterations(&vec![101; number]));
        assert!("01234567".starts_with(&taken.concat()));
        let mut left = number;
        for attempts in taken {
            // Two are not worth it.
            assert_eq!(attempts.len(), if left < 3 { 1 } else { left.min(lanes) }, "{left} of {number}");
            left -= attempts.len();
        }
        assert_eq!(left, 0);
    }
}

#[test]
fn what_is_taken_together_has_the_same_iterations() {
    let taken = taken(&with_iterations(&[101, 101, 101, 1000, 1000, 101, 101, 101, 101, 101]));
    assert_eq!(taken.concat(), "0123456789");
    if at_once(usize::MAX, 1) == 4 {
        assert_eq!(taken, ["012", "34", "5678", "9"]);
    }
}

#[test]
fn workers_share_what_waits() {
    let pending = with_iterations(&[101; 6]);
    assert!(pending.wants_worker(2));
    assert_eq!(pending.next().len(), at_once(6, 2));
    assert!(pending.wants_worker(3) && pending.wants_worker(4));
    assert_eq!(pending.next().len(), 1);
}

#[test]
fn an_attempt_is_answered_once_and_becomes_a_connection() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    assert!(pending.is_no_login(SessionId(1)) && pending.is_waiting(Some(b"ann"), None));
    assert!(work(&pending, Found::Right));
    assert_eq!(pending.take_found().unwrap().found, Found::Right);
    assert!(pending.take_found().is_none());
    pending.let_in(SessionId(1));
    assert!(pending.came(SessionId(2)).is_none(), "another connection");
    let let_in = pending.came(SessionId(1)).unwrap();
    assert_eq!((&*let_in.clientid, &*let_in.username), (&b"x"[..], &b"ann"[..]));
    assert!(!pending.is_no_login(SessionId(1)));
    assert!(pending.came(SessionId(1)).is_none());
}

/// The broker tells of no end, but gives the memory of a connection to another.
#[test]
fn an_attempt_whose_connection_is_anothers_is_not_even_verified() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    assert!(pending.begin(attempt("y", 1)));
    assert!(pending.begin(attempt("z", 2)));
    assert!(pending.came(SessionId(2)).is_none());
    assert_eq!(*next(&pending).unwrap().1.clientid, *b"y");
    assert!(next(&pending).is_none());
    let state = pending.state.lock();
    assert_eq!((state.waiting, state.by_session.len(), state.by_clientid.len()), (0, 1, 1));
}

#[test]
fn a_verdict_that_is_not_told_yet_does_not_let_another_connection_in() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    assert!(work(&pending, Found::Right));
    assert!(pending.came(SessionId(1)).is_none());
    assert!(pending.take_found().is_none());
}

#[test]
fn a_verdict_on_an_attempt_before_is_void() {
    let pending = Pending::default();
    assert!(pending.begin(attempt("x", 1)));
    let (generation, first) = next(&pending).unwrap();
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
    assert!(pending.is_no_login(SessionId(1)), "its will may still be asked about");
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
    assert!(pending.is_no_login(SessionId(1)));
    for _ in 0..100 {
        pending.tick();
    }
    assert!(!pending.is_no_login(SessionId(1)));
    assert!(pending.is_no_login(SessionId(2)), "it still waits");
}

#[test]
fn addresses_take_turns() {
    let pending = Pending::default();
    for number in 0..100 {
        assert!(pending.begin(attempt_from(&format!("flood{number}"), number, "192.0.2.66")));
    }
    assert!(pending.begin(attempt_from("home", 1000, "192.0.2.1")));
    let next = || next(&pending).unwrap().1.clientid;
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
