use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Known {
    id: usize,
    clientid: u8,
    username: Option<u8>,
    count: Option<u64>,
}

fn text(number: u8) -> Vec<u8> {
    vec![b"abcd"[usize::from(number % 4)]; usize::from(number) * 3]
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
        let (mut open, mut list) = (Open::default(), Vec::<Known>::new());
        for (number, (comes, id, clientid, username, logs_in)) in steps.into_iter().enumerate() {
            list.retain(|known| known.id != id && !(comes && known.clientid == clientid));
            if comes {
                let (clientid_text, username_text) = (text(clientid), username.map(text));
                let login = Login {
                    session: SessionId(id),
                    username: username_text.as_deref(),
                    clientid: &clientid_text,
                    address: logs_in.then_some(b"192.0.2.1"),
                    is_others: false,
                };
                let count = logs_in.then_some(number as u64);
                open.insert(&login, count);
                list.push(Known { id, clientid, username, count });
            } else {
                open.remove(SessionId(id));
            }
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
                    prop_assert_eq!(found.address().is_some(), known.count.is_some());
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
