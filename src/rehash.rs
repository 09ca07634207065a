//! Passwords that are hashed again when their clients log in (`plugin_opt_rehash_on_login`): only then is a
//! password there to be hashed.
//!
//! The client's own login gets the answer that it gets anyway. What comes of it is saved at the next tick,
//! for all logins since the last one together. It is no command: nobody is disconnected, and `changeIndex`
//! does not count it. What cannot be saved is left as it was, until the next login.

use parking_lot::Mutex;

use crate::password::{Iterations, PasswordHash};
use crate::policy::{Client, Policy, Username};

/// The hashes that are to be replaced.
#[derive(Debug)]
pub(crate) struct Rehash {
    /// The iterations of new passwords; `None` if no password is hashed again.
    iterations: Option<Iterations>,
    waiting: Mutex<Vec<NewHash>>,
}

/// A client that has logged in with a password, which `hash` is of.
#[derive(Clone, Copy)]
pub(crate) struct LoggedIn<'a> {
    pub(crate) client: &'a Client,
    pub(crate) hash: &'a PasswordHash,
    pub(crate) password: &'a [u8],
}

/// A new hash of a password, and the one that it was verified with.
#[derive(Clone, Debug)]
pub(crate) struct NewHash {
    username: Username,
    old: PasswordHash,
    new: PasswordHash,
}

impl Rehash {
    pub(crate) fn new(wanted: bool, iterations: Iterations) -> Self {
        Self { iterations: wanted.then_some(iterations), waiting: Mutex::default() }
    }

    /// Whether a password with that hash is to be hashed again. Until that is done it is verified at each of its client's own
    /// logins that may take the work, also where it was before: should it come to nothing at this one, it is tried at the next.
    pub(crate) fn is_due(&self, hash: &PasswordHash) -> bool {
        self.iterations.is_some_and(|of_new| better(hash, of_new).is_some())
    }

    /// Clients have logged in. Those whose passwords are to have the same iterations are hashed at once, calling `give_way` now
    /// and then ([`PasswordHash::create_each`]).
    pub(crate) fn after_logins(&self, logins: &[LoggedIn<'_>], give_way: fn()) {
        let Some(of_new) = self.iterations else { return };
        let wanted = logins.iter().filter_map(|login| Some((better(login.hash, of_new)?, login)));
        let due: Vec<(Iterations, &LoggedIn<'_>)> = {
            let waiting = self.waiting.lock();
            let waits = |client: &Client| waiting.iter().any(|other| other.username == client.username);
            wanted.filter(|(_, login)| !waits(login.client)).collect()
        };
        for alike in due.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((iterations, _)) = alike.first() else { continue };
            let passwords: Vec<&[u8]> = alike.iter().map(|(_, login)| login.password).collect();
            // Without randomness the old hashes do.
            let Ok(hashes) = PasswordHash::create_each(&passwords, *iterations, give_way) else { return };
            let new = alike.iter().zip(hashes).map(|((_, login), new)| NewHash {
                username: login.client.username.clone(),
                old: login.hash.clone(),
                new,
            });
            self.waiting.lock().extend(new);
        }
    }

    /// What has come together since this was last asked.
    pub(crate) fn take(&self) -> Vec<NewHash> {
        if self.iterations.is_none() { Vec::new() } else { std::mem::take(&mut *self.waiting.lock()) }
    }
}

/// Replaces the hashes of those clients whose passwords have not been changed since, and says whose.
pub(crate) fn put(policy: &mut Policy, hashes: Vec<NewHash>) -> Vec<Username> {
    let put = |NewHash { username, old, new }| policy.put_rehashed(&username, &old, new).then_some(username);
    hashes.into_iter().filter_map(put).collect()
}

/// The iterations that a hash should have; `None` if it does as it is: if every C plugin can read it and
/// it has as many as new ones get. It never gets fewer than it had, and stays where it has more than are made.
fn better(hash: &PasswordHash, of_new: Iterations) -> Option<Iterations> {
    let has = hash.iterations().unwrap_or_default();
    if hash.is_read_by_2_0() && has >= of_new.get() {
        return None;
    }
    if has > Iterations::MAX.get() {
        return None;
    }
    Some(Iterations::try_from(has).map_or(of_new, |has| has.max(of_new)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Compat, Password};

    const LONG_SALT_101: &str = "$7$101$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$bjfmK+rHVjYIU8g+zpNOWQFyrJyLFolfGFZPWhA6mO/EpkV26D+0zAxQxU5vWtiKEaqE9OQTQPIIqGj/o9gJ5A==";
    const LONG_SALT_5000: &str = "$7$5000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$y8VpTFe/hEClgOwdiZSAh5nnkkkTcgiaZ55rDHibYeYrCKV22iLqUF7YUwPmli76WBv7dWKCDr0vwV0Sts3KQQ==";
    const SHORT_SALT_101: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
    const SHORT_SALT_2000: &str = "$7$2000$AAECAwQFBgcICQoL$VVKCphzebjtZao21UoQDaqqv7Xit7Rg0zvI/Q4gZg7JI6otIcczTdBWQViJ4w6KTmspL4QcEM6KlfUVJKLt0Fg==";
    const SHA512: &str = "$6$AAECAwQFBgcICQoL$nJi904LR9MHJuWsrxoeU9OYCwKeAwjEX7WYcVbBePPtrX4Wvr0lZ3vRYd/exlGmyC2Y9jK1b1PhAE1Rwd9Srdw==";
    const ARGON2ID: &str = "$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgc$meeKRQ";

    fn hash(encoded: &str) -> PasswordHash {
        PasswordHash::from_encoded(encoded.as_bytes()).unwrap()
    }

    fn policy_with(encoded: &str) -> Policy {
        let mut policy = Policy::new(Compat::V2_0);
        let client = Client::new(Username::new(b"ann").unwrap());
        policy.put_client(Client { password: Password::Hash(hash(encoded)), ..client }).unwrap();
        policy.keep();
        policy
    }

    fn log_in(rehash: &Rehash, client: &Client, old: &str) {
        rehash.after_logins(&[LoggedIn { client, hash: &hash(old), password: b"pw" }], || ());
    }

    /// The client's hash after a login that let it in.
    fn after_login(rehash: &Rehash, policy: &mut Policy, old: &str) -> (Vec<Username>, PasswordHash) {
        let client = policy.client(b"ann").unwrap().clone();
        log_in(rehash, &client, old);
        let names = put(policy, rehash.take());
        let Password::Hash(hash) = policy.client(b"ann").unwrap().password.clone() else { panic!() };
        (names, hash)
    }

    #[test]
    fn what_2_0_cannot_read_or_is_weaker_is_hashed_again_and_never_weaker() {
        let of_new = Iterations::DEFAULT;
        for (encoded, iterations) in [
            (LONG_SALT_101, Some(1000)),
            (LONG_SALT_5000, Some(5000)),
            (SHORT_SALT_101, Some(1000)),
            (SHORT_SALT_2000, None),
            (&LONG_SALT_101.replace("$101$", "$10000000$"), Some(10_000_000)),
            (&LONG_SALT_101.replace("$101$", "$20000000$"), None),
            (SHA512, Some(1000)),
            (ARGON2ID, Some(1000)),
        ] {
            assert_eq!(better(&hash(encoded), of_new).map(Iterations::get), iterations, "{encoded}");
        }
    }

    #[test]
    fn the_new_hash_is_of_the_same_password_and_good() {
        let rehash = Rehash::new(true, Iterations::MIN);
        for old in [LONG_SALT_101, SHA512] {
            let mut policy = policy_with(old);
            let (names, new) = after_login(&rehash, &mut policy, old);
            assert_eq!(names, [Username::new(b"ann").unwrap()]);
            assert!(new.verify(b"pw") && new.is_read_by_2_0() && new != hash(old));
            assert_eq!(policy.change_index(), 0);
            assert_eq!(after_login(&rehash, &mut policy, old), (vec![], new), "once is enough");
        }
    }

    #[test]
    fn it_has_to_be_asked_for() {
        let rehash = Rehash::new(false, Iterations::MIN);
        let mut policy = policy_with(SHA512);
        assert_eq!(after_login(&rehash, &mut policy, SHA512), (vec![], hash(SHA512)));
    }

    #[test]
    fn a_password_that_was_changed_since_stays() {
        let rehash = Rehash::new(true, Iterations::MIN);
        let mut policy = policy_with(SHORT_SALT_2000);
        // The login was one with an older password.
        assert_eq!(after_login(&rehash, &mut policy, SHA512), (vec![], hash(SHORT_SALT_2000)));
        let client = policy.client(b"ann").unwrap().clone();
        log_in(&rehash, &client, SHA512);
        policy.remove_client(&client.username);
        assert_eq!(put(&mut policy, rehash.take()), []);
    }

    #[test]
    fn many_logins_of_a_client_hash_its_password_once() {
        let rehash = Rehash::new(true, Iterations::MIN);
        let policy = policy_with(SHA512);
        for _ in 0..3 {
            log_in(&rehash, policy.client(b"ann").unwrap(), SHA512);
        }
        assert_eq!(rehash.take().len(), 1);
    }

    #[test]
    fn of_several_logins_each_gets_a_hash_of_its_own_password_with_its_iterations() {
        let rehash = Rehash::new(true, Iterations::MIN);
        let names = ["ann", "bob", "carl", "dan", "eve"];
        let clients = names.map(|name| Client::new(Username::new(name.as_bytes()).unwrap()));
        log_in(&rehash, &clients[3], SHA512);
        let old = [LONG_SALT_101, SHORT_SALT_2000, LONG_SALT_5000, SHA512, LONG_SALT_101].map(hash);
        let logins: Vec<LoggedIn<'_>> = std::iter::zip(&clients, &old)
            .zip(names)
            .map(|((client, hash), name)| LoggedIn { client, hash, password: name.as_bytes() })
            .collect();
        rehash.after_logins(&logins, || ());
        let hashes = rehash.take();
        // Dan's waited already; bob's is good as it is.
        let of = |name: &str| hashes.iter().find(|hash| hash.username.as_bytes() == name.as_bytes());
        assert_eq!((hashes.len(), of("bob").is_none()), (4, true));
        assert!(of("dan").unwrap().new.verify(b"pw"));
        for (name, old, iterations) in [("ann", &old[0], 101), ("carl", &old[2], 5000), ("eve", &old[4], 101)]
        {
            let NewHash { old: replaced, new, .. } = of(name).unwrap();
            assert_eq!((replaced, new.iterations()), (old, Some(iterations)), "{name}");
            assert!(new.verify(name.as_bytes()), "{name}");
        }
    }
}
