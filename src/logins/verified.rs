//! [`VerifiedLogins`]: passwords that were verified once, so that a client that comes back costs no hashing.
//!
//! Of a password there is only a keyed hash (SipHash-2-4 with 128 bits, the key random for each process),
//! which nobody is shown. The [`LoginStamp`] of its client is hashed with it, so that an entry ends with that
//! client's password, client id or disabled flag, not with its roles.
//!
//! Thousands may come back at the same moment, so an entry is small, and finding one looks at nothing else.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hasher as _;

use hashbrown::HashTable;
use parking_lot::Mutex;
use siphasher::sip128::SipHasher24;
use subtle::ConstantTimeEq as _;

use crate::policy::{LoginStamp, TextKeys, Username};

/// How many clients are remembered that are not connected.
const MOST: usize = 100_000;
/// How many entries are looked at when one has to go.
const LOOKED_AT: usize = 8;

/// The passwords that were verified, one for each client.
pub(crate) struct VerifiedLogins {
    /// `None` where the system gives no random bytes: then nothing is remembered.
    hasher: Option<SipHasher24>,
    most: usize,
    keys: TextKeys,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_name: HashTable<Entry>,
    /// Every name that is in `by_name`, once; the one at the front is the next that may go.
    order: VecDeque<Username>,
}

/// The keyed hash of a password and its client's stamp.
type Tag = [u64; 2];

struct Entry {
    /// Should two names have the same one, which nobody can bring about, their clients' stamps differ, and so their tags.
    hash_of_name: u64,
    tag: Tag,
}

impl VerifiedLogins {
    pub(crate) fn new() -> Self {
        Self::with_room_for(MOST)
    }

    /// [`Self::new`], for so many that are not connected.
    pub(crate) fn with_room_for(most: usize) -> Self {
        let mut key = [0; 16];
        let hasher = getrandom::fill(&mut key).is_ok().then(|| SipHasher24::new_with_key(&key));
        Self { hasher, most, keys: TextKeys::of_process(), entries: Mutex::default() }
    }

    /// Whether this password of the client was verified, and nothing has changed since.
    pub(crate) fn matches(&self, username: &[u8], password: &[u8], stamp: LoginStamp) -> bool {
        let Some(tag) = self.tag(password, stamp) else { return false };
        let hash = self.keys.hash(username);
        let entries = self.entries.lock();
        let entry = entries.by_name.find(hash, |entry| entry.hash_of_name == hash);
        entry.is_some_and(|entry| is_equal(entry.tag, tag))
    }

    /// The password was verified while the client had that stamp. Who is connected is kept, whatever else
    /// has to go.
    pub(crate) fn remember(
        &self,
        username: &Username,
        password: &[u8],
        stamp: LoginStamp,
        is_connected: impl Fn(&[u8]) -> bool,
    ) {
        let Some(tag) = self.tag(password, stamp) else { return };
        let hash = self.keys.hash(username.as_bytes());
        let mut entries = self.entries.lock();
        let entries = &mut *entries;
        if let Some(known) = entries.by_name.find_mut(hash, |entry| entry.hash_of_name == hash) {
            known.tag = tag;
        } else {
            let entry = Entry { hash_of_name: hash, tag };
            entries.by_name.insert_unique(hash, entry, |entry| entry.hash_of_name);
            entries.order.push_back(username.clone());
        }
        if entries.by_name.len() <= self.most {
            return;
        }
        for _ in 0..LOOKED_AT {
            let Some(oldest) = entries.order.pop_front() else { return };
            if !is_connected(oldest.as_bytes()) {
                let hash = self.keys.hash(oldest.as_bytes());
                if let Ok(entry) = entries.by_name.find_entry(hash, |entry| entry.hash_of_name == hash) {
                    entry.remove();
                }
                return;
            }
            entries.order.push_back(oldest);
        }
    }

    fn tag(&self, password: &[u8], stamp: LoginStamp) -> Option<Tag> {
        let mut hasher = self.hasher?;
        hasher.write_u64(stamp.number());
        let hash = hasher.hash(password);
        Some([hash.h1, hash.h2])
    }
}

/// In a time that does not depend on where they differ.
fn is_equal([a, b]: Tag, [c, d]: Tag) -> bool {
    (a ^ c | b ^ d).ct_eq(&0).into()
}

// Neither the key nor what was hashed with it.
impl fmt::Debug for VerifiedLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedLogins").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::PasswordHash;
    use crate::policy::{
        Client, ClientId, Compat, LoginRequest, LoginVerdict, Password, Policy, Subject, Text,
    };

    fn name(name: &str) -> Username {
        Username::new(name.as_bytes()).unwrap()
    }

    const HASHES: [&str; 2] = [
        "$6$AAECAwQFBgcICQoL$nJi904LR9MHJuWsrxoeU9OYCwKeAwjEX7WYcVbBePPtrX4Wvr0lZ3vRYd/exlGmyC2Y9jK1b1PhAE1Rwd9Srdw==",
        "$6$BBECAwQFBgcICQoL$nJi904LR9MHJuWsrxoeU9OYCwKeAwjEX7WYcVbBePPtrX4Wvr0lZ3vRYd/exlGmyC2Y9jK1b1PhAE1Rwd9Srdw==",
    ];

    fn ann(hash: &str) -> Client {
        let hash = PasswordHash::from_encoded(hash.as_bytes()).unwrap();
        Client { password: Password::Hash(hash), ..Client::new(name("ann")) }
    }

    fn policy() -> Policy {
        let mut policy = Policy::new(Compat::V2_1);
        policy.put_client(ann(HASHES[0])).unwrap();
        policy.keep();
        policy
    }

    fn stamp(policy: &Policy) -> LoginStamp {
        policy.login_stamp(b"ann").unwrap()
    }

    #[test]
    fn only_the_same_password_of_the_same_client_matches() {
        let (logins, stamp) = (VerifiedLogins::new(), stamp(&policy()));
        logins.remember(&name("ann"), b"pw", stamp, |_| true);
        assert!(logins.matches(b"ann", b"pw", stamp));
        for (username, password) in [("ann", "p"), ("ann", "pw2"), ("ann", ""), ("bob", "pw"), ("an", "npw")]
        {
            assert!(
                !logins.matches(username.as_bytes(), password.as_bytes(), stamp),
                "{username} {password}"
            );
        }
        logins.remember(&name("ann"), b"new", stamp, |_| true);
        assert!(!logins.matches(b"ann", b"pw", stamp), "one for each client");
        assert!(logins.matches(b"ann", b"new", stamp));
    }

    #[test]
    fn an_entry_ends_with_what_the_login_depends_on_and_only_with_that() {
        type Change = fn(&mut Policy);
        let cases: [(&str, bool, Change); 7] = [
            ("password", false, |policy| policy.put_client(ann(HASHES[1])).unwrap()),
            ("disabled", false, |policy| {
                policy.put_client(Client { disabled: true, ..ann(HASHES[0]) }).unwrap();
            }),
            ("disabled and enabled", false, |policy| {
                policy.put_client(Client { disabled: true, ..ann(HASHES[0]) }).unwrap();
                policy.put_client(ann(HASHES[0])).unwrap();
            }),
            ("client id", false, |policy| {
                let clientid = Some(ClientId::new(b"x").unwrap());
                policy.put_client(ann(HASHES[0]).with_clientid(clientid)).unwrap();
            }),
            ("deleted and made again", false, |policy| {
                policy.remove_client(&name("ann"));
                policy.put_client(ann(HASHES[0])).unwrap();
            }),
            ("a change undone", false, |policy| {
                let mark = policy.mark();
                policy.put_client(ann(HASHES[1])).unwrap();
                policy.undo_to(mark);
            }),
            ("text", true, |policy| {
                let text_name = Some(Text::new(b"Ann"));
                policy.put_client(ann(HASHES[0]).with_text_name(text_name)).unwrap();
            }),
        ];
        for (what, stays, change) in cases {
            let (logins, mut policy) = (VerifiedLogins::new(), policy());
            logins.remember(&name("ann"), b"pw", stamp(&policy), |_| true);
            change(&mut policy);
            assert_eq!(logins.matches(b"ann", b"pw", stamp(&policy)), stays, "{what}");
        }
    }

    #[test]
    fn a_verdict_carries_the_stamp_of_the_client() {
        let policy = policy();
        let subject = Subject::known(Some(b"ann"), Some(b"x"));
        let request = LoginRequest { subject, address: None, password: Some(b"pw") };
        let LoginVerdict::Verify { stamp: of_verdict, .. } = policy.authenticate(&request) else { panic!() };
        assert_eq!(of_verdict, stamp(&policy));
        assert_ne!(of_verdict, stamp(&self::policy()), "another policy is another client");
    }

    #[test]
    fn who_is_connected_is_not_forgotten_for_others() {
        let (logins, stamp) = (VerifiedLogins::with_room_for(10), stamp(&policy()));
        for number in 0..5 {
            logins.remember(&name(&format!("connected{number}")), b"pw", stamp, |_| false);
        }
        let is_connected = |username: &[u8]| username.starts_with(b"connected");
        for number in 0..100 {
            logins.remember(&name(&format!("gone{number}")), b"pw", stamp, is_connected);
            let (named, ordered) = {
                let entries = logins.entries.lock();
                (entries.by_name.len(), entries.order.len())
            };
            assert!(named <= 10 && named == ordered);
        }
        for number in 0..5 {
            assert!(logins.matches(format!("connected{number}").as_bytes(), b"pw", stamp));
        }
        assert!(!logins.matches(b"gone0", b"pw", stamp));
        assert!(logins.matches(b"gone99", b"pw", stamp));
    }

    #[test]
    fn nothing_of_a_password_is_shown() {
        let logins = VerifiedLogins::new();
        logins.remember(&name("ann"), b"pw", stamp(&policy()), |_| true);
        assert!(!format!("{logins:?}").contains("ann"));
    }
}
