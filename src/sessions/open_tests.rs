use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Known {
    id: usize,
    clientid: u8,
    username: Option<u8>,
    count: Option<u64>,
    address: Option<&'static [u8]>,
}

fn text(number: u8) -> Vec<u8> {
    // The last is longer than what a place keeps.
    let length = [0, 3, 6, 9, 12, MOST_KEPT.saturating_add(1)][usize::from(number)];
    vec![b"abcd"[usize::from(number % 4)]; length]
}

fn sorted(mut numbers: Vec<usize>) -> Vec<usize> {
    numbers.sort_unstable();
    numbers
}

proptest! {
    #[test]
    fn it_finds_what_a_list_would(
        steps in prop::collection::vec((any::<bool>(), 0..12_usize, 0..6_u8, prop::option::of(0..4_u8), any::<bool>()), 0..200),
    ) {
        let (mut open, mut list, mut most) = (Open::default(), Vec::<Known>::new(), 0);
        for (number, (comes, id, clientid, username, logs_in)) in steps.into_iter().enumerate() {
            let is_same =
                |known: &Known| (known.id, known.clientid, known.username) == (id, clientid, username);
            let is_known = comes && list.iter().any(is_same);
            if !is_known {
                list.retain(|known| known.id != id && !(comes && known.clientid == clientid));
            }
            let address = [None, Some(&b"192.0.2.1"[..]), Some(b"::1")][number % 3];
            if comes {
                let (clientid_text, username_text) = (text(clientid), username.map(text));
                let login = Login {
                    session: SessionId(id),
                    username: username_text.as_deref(),
                    clientid: &clientid_text,
                    address,
                    is_others: false,
                };
                let count = logs_in.then_some(number as u64);
                prop_assert_eq!(open.insert(&login, count), !is_known);
                if !is_known {
                    list.push(Known { id, clientid, username, count, address });
                }
            } else {
                open.remove(SessionId(id));
            }
            most = most.max(list.len());
            prop_assert!(open.sessions.len() <= most, "{} for {most}", open.sessions.len());
            prop_assert!(open.vacant.len() <= open.sessions.len());
            prop_assert_eq!(open.len(), list.len());
            prop_assert_eq!(
                sorted(open.ids().map(|id| id.0).collect()),
                sorted(list.iter().map(|known| known.id).collect())
            );
            for id in 0..12 {
                let known = list.iter().find(|known| known.id == id);
                let found = open.get(SessionId(id));
                prop_assert_eq!(found.map(|session| session.login), known.map(|known| known.count));
                if let (Some(found), Some(known)) = (found, known) {
                    prop_assert!(found.is_of(known.username.map(text).as_deref(), &text(known.clientid)));
                    prop_assert_eq!(found.address(), known.address);
                }
            }
            for clientid in 0..6 {
                let known = list.iter().find(|known| known.clientid == clientid);
                let found = open.of_clientid(&text(clientid));
                prop_assert_eq!(found.map(|session| session.id.0), known.map(|known| known.id));
            }
            for username in [None, Some(0), Some(1), Some(2), Some(3)] {
                let known = list.iter().filter(|known| known.username == username).map(|known| known.id);
                let found = open.of(username.map(text).as_deref()).map(|session| session.id.0);
                prop_assert_eq!(sorted(found.collect()), sorted(known.collect()));
            }
        }
    }
}

fn come(open: &mut Open, id: usize, name: &[u8]) {
    let session = SessionId(id);
    let login = Login { session, username: Some(name), clientid: name, address: None, is_others: false };
    assert!(open.insert(&login, Some(1)));
}

#[test]
fn who_comes_back_finds_its_place_unless_another_has_needed_it() {
    let mut open = Open::default();
    let place = |open: &Open, name: &[u8]| open.place_of_clientid(open.keys.hash(name), name);
    come(&mut open, 1, b"ann");
    come(&mut open, 2, b"bob");
    open.remove(SessionId(1));
    open.remove(SessionId(2));
    let (of_ann, of_bob) = (place(&open, b"ann"), place(&open, b"bob"));
    assert!(of_ann.is_some() && of_bob.is_some() && of_ann != of_bob);
    come(&mut open, 3, b"ann");
    assert_eq!(place(&open, b"ann"), of_ann);
    come(&mut open, 4, b"carl");
    assert_eq!((place(&open, b"carl"), place(&open, b"bob")), (of_bob, None));
    assert_eq!((open.len(), open.sessions.len()), (2, 2));
}

#[test]
fn strangers_who_come_and_go_take_no_more_places_than_they_need_at_once() {
    let mut open = Open::default();
    for id in 0..1000 {
        come(&mut open, id, format!("stranger{id}").as_bytes());
        if let Some(left) = id.checked_sub(10) {
            open.remove(SessionId(left));
        }
    }
    assert_eq!((open.len(), open.sessions.len()), (10, 11));
    assert_eq!((open.by_clientid.len(), open.by_username.len()), (11, 11));
}

#[test]
fn of_long_texts_nothing_is_kept() {
    let mut open = Open::default();
    come(&mut open, 1, &[b'a'; MOST_KEPT]);
    open.remove(SessionId(1));
    assert!(open.by_clientid.is_empty() && open.by_username.is_empty());
    assert!(open.sessions.iter().all(|session| session.texts.capacity() <= MOST_KEPT));
}
