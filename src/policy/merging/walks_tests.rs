//! Every client's walks come to count.
#![expect(clippy::arithmetic_side_effects, reason = "where a test overflows it fails")]

use std::collections::HashMap;

use super::*;
use crate::policy::Username;

fn clients(many: usize) -> Vec<Arc<Client>> {
    let client = |number| Client::new(Username::new(format!("c{number}").as_bytes()).unwrap());
    (0..many).map(|number| Arc::new(client(number))).collect()
}

/// What each of these has at a tick.
fn settled(walks: &mut Walks, clients: &[Arc<Client>]) -> Vec<u32> {
    let mut sums = HashMap::new();
    walks.settle(|client, asked| {
        *sums.entry(Arc::as_ptr(client)).or_insert(0) += asked;
        true
    });
    assert!(walks.is_empty());
    clients.iter().map(|client| sums.get(&Arc::as_ptr(client)).copied().unwrap_or(0)).collect()
}

#[test]
fn the_walks_of_a_client_are_summed() {
    let clients = clients(3);
    let mut walks = Walks::default();
    for _ in 0..1_000 {
        walks.note(&clients[0], 3);
        walks.note(&clients[1], 100);
    }
    walks.note(&clients[2], 5);
    assert_eq!(settled(&mut walks, &clients), [1 + 1_000 * 2, 1 + 1_000 * 99, 5]);
    assert_eq!(settled(&mut walks, &clients), [0; 3]);
}

#[test]
fn who_is_not_done_with_stays_and_is_looked_at_when_it_has_walked_again() {
    let clients = clients(2);
    let mut walks = Walks::default();
    let mut seen = Vec::new();
    for _ in 0..3 {
        walks.note(&clients[0], 3);
        walks.settle(|_, asked| {
            seen.push(asked);
            false
        });
        walks.settle(|_, _| panic!("nobody has walked"));
    }
    assert_eq!(seen, [3, 5, 7]);
}

#[test]
fn of_more_clients_than_there_is_room_for_each_has_its_turn_in_whatever_order_they_come() {
    const ROUNDS: u32 = 2_000;
    let clients = clients(1_000);
    let mut walks = Walks::default();
    let mut rounds = vec![0; clients.len()];
    for _ in 0..ROUNDS {
        for client in &clients {
            walks.note(client, 3);
        }
        for (rounds, asked) in rounds.iter_mut().zip(settled(&mut walks, &clients)) {
            *rounds += u32::from(asked > 0);
        }
    }
    // How many have a place follows from their addresses, which differ from run to run.
    let mut crowds = [0; SETS as usize];
    for client in &clients {
        crowds[place(client) as usize] += 1;
    }
    for (client, rounds) in clients.iter().zip(rounds) {
        let fair = ROUNDS * WAYS.min(crowds[place(client) as usize]) / crowds[place(client) as usize];
        assert!(rounds >= fair / 2 && rounds <= fair * 3 / 2, "{rounds} instead of {fair}");
    }
}
