//! Who has walked between two ticks, and how many roles were asked.
//!
//! The walks of one client are summed, so that none takes the room of others. Of more clients than there is room for each has the
//! same chance to be noted, whatever the order in which they come round after round.

use std::mem;
use std::sync::Arc;

use crate::policy::{Client, Policy};

/// Where a client may be noted follows from the address of its record.
const SETS: u32 = u64::BITS;
/// How many there is room for at each place.
const WAYS: u32 = 4;
/// How many links may be looked at for each role that was asked: that takes some ten instructions for each, and after a change
/// some hundred.
pub(super) const LINKS_OF_A_ROLE: usize = 4;

/// Clients whose roles had to be asked one by one, up to 256 of them.
#[derive(Debug)]
pub struct Walks {
    // INVARIANT: `SETS` of them.
    sets: Vec<Set>,
    /// Into which of them something was noted since the last tick.
    touched: u64,
    /// What the next chance is drawn from.
    seed: u64,
}

#[derive(Debug, Default)]
struct Set {
    /// Each with how many roles were asked, as if it had been in one walk.
    clients: [Option<(Arc<Client>, u32)>; WAYS as usize],
    /// How many others have come since the last tick.
    others: u32,
}

impl Default for Walks {
    fn default() -> Self {
        Self { sets: (0..SETS).map(|_| Set::default()).collect(), touched: 0, seed: 0 }
    }
}

impl Walks {
    /// Whether nothing was noted since the last tick.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.touched == 0
    }

    /// A client has walked.
    pub fn note(&mut self, client: &Arc<Client>, asked: u32) {
        let number = place(client);
        self.touched |= 1 << number;
        let Some(set) = self.sets.get_mut(number as usize) else { return };
        let mut free = None;
        for (way, noted) in set.clients.iter_mut().enumerate() {
            match noted {
                Some((other, sum)) if Arc::ptr_eq(other, client) => {
                    *sum = sum.saturating_add(asked.saturating_sub(1));
                    return;
                }
                Some(_) => {}
                None => free = free.or(Some(way)),
            }
        }
        let way = free.unwrap_or_else(|| {
            set.others = set.others.saturating_add(1);
            self.seed = self.seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let drawn = ((self.seed >> 33) as u32).checked_rem(WAYS.saturating_add(set.others));
            drawn.unwrap_or(WAYS) as usize
        });
        if let Some(noted) = set.clients.get_mut(way) {
            *noted = Some((Arc::clone(client), asked));
        }
    }

    /// Forgets who has walked.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.settle(|_, _| true);
    }

    /// At a tick: those who have walked since the last one, with how many roles were asked of each, also before, as if that had been
    /// in one walk. Who is not done with stays noted.
    fn settle(&mut self, mut is_done: impl FnMut(&Arc<Client>, u32) -> bool) {
        let mut touched = mem::take(&mut self.touched);
        while touched != 0 {
            let number = touched.trailing_zeros();
            touched &= !(1 << number);
            let Some(set) = self.sets.get_mut(number as usize) else { continue };
            set.others = 0;
            for noted in &mut set.clients {
                if noted.as_ref().is_some_and(|(client, asked)| is_done(client, *asked)) {
                    *noted = None;
                }
            }
        }
    }
}

impl Policy {
    /// Merges roles of clients that had to be asked one by one, as far as it is worth it and by filing that many ACLs at most. Says
    /// how many were filed.
    pub fn merge(&mut self, walks: &mut Walks, most: usize) -> usize {
        let mut left = most;
        walks.settle(|client, asked| {
            if self.is_worth_a_look(client, asked) {
                self.merge_walked(client, asked, &mut left);
                return true;
            }
            // It stays until it is, unless nobody else has that record any more.
            Arc::strong_count(client) == 1
        });
        most.saturating_sub(left)
    }

    /// Whether so many roles of a client were asked that its links may be looked at.
    fn is_worth_a_look(&self, client: &Client, asked: u32) -> bool {
        let most = LINKS_OF_A_ROLE.saturating_mul(asked as usize);
        let own = client.roles.iter().len().saturating_add(client.groups.iter().len());
        let of_group = |link| self.linked_group(link).map_or(0, |group| group.roles.iter().len());
        own <= most
            && client.groups.iter().map(|link| of_group(&link.name)).fold(own, usize::saturating_add) <= most
    }
}

/// The number of a client's set.
fn place(client: &Arc<Client>) -> u32 {
    let address = Arc::as_ptr(client).addr() as u64;
    let mixed = address.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 58) as u32
}

#[cfg(test)]
#[path = "walks_tests.rs"]
mod tests;
