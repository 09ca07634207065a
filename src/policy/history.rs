//! The history of a policy: points in it, what is forgotten of it, and whom it concerns to go back in it.

use std::collections::HashSet;

use super::deleted_but_named::Name;
use super::journal::Replaced;
use super::{Action, Crowd, DefaultAccess, GroupName, Holders, Mark, Policy, RoleName, Username};

/// What a part of the history is about.
#[derive(Default)]
struct Touched {
    clients: HashSet<Username>,
    groups: HashSet<GroupName>,
    roles: HashSet<RoleName>,
    anonymous: bool,
    /// The default access as it was before each change of it.
    default_access: Vec<DefaultAccess>,
}

impl Policy {
    /// A number that is another after each change, and in each policy: what was decided is decided again
    /// while it is the same.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.keys().first_generation().wrapping_add(self.journal.steps())
    }

    /// The present point in the policy's history.
    #[must_use]
    pub fn mark(&mut self) -> Mark {
        self.journal.mark()
    }

    /// Whether anything was changed since.
    #[must_use]
    pub fn changed_since(&self, mark: Mark) -> bool {
        self.journal.goes_beyond(mark)
    }

    /// Forgets the history: what is, stays, and all marks are void.
    pub fn keep(&mut self) {
        self.journal.clear();
    }

    /// Forgets the history up to a mark: what was changed before it stays, and older marks are void.
    pub fn keep_to(&mut self, mark: Mark) {
        self.journal.forget_before(mark);
    }

    /// Takes the policy back to what it was then.
    pub fn undo_to(&mut self, mark: Mark) {
        let (mut clients, mut groups) = (Vec::new(), Vec::new());
        while let Some(replaced) = self.journal.pop_beyond(mark) {
            match replaced {
                Replaced::Client { name, old, was_deleted } => {
                    drop(self.swap_client(&name, old.as_ref()));
                    if !was_deleted {
                        self.deleted_usernames.remove(&name);
                    }
                    clients.push(name);
                }
                Replaced::Hash(old) => {
                    self.swap_hash(&old);
                    clients.push(old.username.clone());
                }
                Replaced::Group(name, old) => {
                    drop(self.swap_group(&name, old.as_ref()));
                    groups.push(name);
                }
                Replaced::Role(name, old) => drop(self.swap_role(&name, old)),
                Replaced::DefaultAccess(old) => self.default_access = old,
                Replaced::AnonymousGroup(old) => self.anonymous_group = old,
                Replaced::ChangeIndex(old) => self.change_index = old,
                Replaced::Extra(old) => self.extra = old,
                Replaced::DeletedButNamed(Name::Role(name)) => self.deleted_but_named.forget_role(&name),
                Replaced::DeletedButNamed(Name::Client(name)) => self.deleted_but_named.forget_client(&name),
                Replaced::AllDeletedButNamed(old) => self.deleted_but_named = old,
            }
        }
        self.dropped_later.keep_none_beyond(self.journal.end_mark());
        self.note_all(&clients, &groups);
    }

    /// Takes the policy back to what it was at the mark, and says whose rights or login that changes,
    /// be it that they got them by it or that they had lost them.
    ///
    /// The default access is nobody's own: that some of it is denied again concerns everybody, since anybody may have
    /// used it. That some of it was denied for a while has let nobody in and concerns nobody, as when a command sets it.
    pub fn take_back(&mut self, mark: Mark) -> (Holders, Option<Crowd>) {
        let mut touched = Touched::default();
        for replaced in self.journal.beyond(mark) {
            match replaced {
                Replaced::Client { name, .. } => _ = touched.clients.insert(name.clone()),
                Replaced::Group(name, _) => _ = touched.groups.insert(name.clone()),
                Replaced::Role(name, _) => _ = touched.roles.insert(name.clone()),
                Replaced::AnonymousGroup(_) => touched.anonymous = true,
                Replaced::DefaultAccess(before) => touched.default_access.push(*before),
                // A new hash is of the same password.
                Replaced::Hash(_)
                | Replaced::ChangeIndex(_)
                | Replaced::Extra(_)
                | Replaced::DeletedButNamed(_)
                | Replaced::AllDeletedButNamed(_) => {}
            }
        }
        touched.default_access.push(self.default_access());
        let mut concerned =
            Holders { clients: touched.clients.iter().cloned().collect(), ..Holders::default() };
        concerned.anonymous = touched.anonymous;
        self.add_holders(&touched.roles, &touched.groups, &mut concerned);
        self.undo_to(mark);
        self.add_holders(&touched.roles, &touched.groups, &mut concerned);
        let present = self.default_access();
        let was_wider = Action::ALL.into_iter().any(|action| {
            !present.allows(action) && touched.default_access.iter().any(|access| access.allows(action))
        });
        concerned.anonymous |= was_wider;
        (concerned, was_wider.then(|| self.all_clients()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{Iterations, PasswordHash};
    use crate::policy::{Client, Compat, Extra, Group, Link, Links, Password, Priority, Role, Text};

    fn name(name: &str) -> Username {
        Username::new(name.as_bytes()).unwrap()
    }

    fn linked<N>(name: N) -> Link<N> {
        Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() }
    }

    /// `ann` has the role `r` through the group `g`, `bob` has it himself, `eve` has nothing.
    fn policy() -> Policy {
        let mut policy = Policy::new(Compat::V2_1);
        let (role, group) = (RoleName::new(b"r").unwrap(), GroupName::new(b"g").unwrap());
        policy.put_role(Role::new(role.clone()));
        let roles = Links::from_given([linked(role.clone())]);
        policy.put_group(Group { roles: roles.clone(), ..Group::new(group.clone()) }).unwrap();
        let groups = Links::from_given([linked(group)]);
        policy.put_client(Client { groups, ..Client::new(name("ann")) }).unwrap();
        policy.put_client(Client { roles, ..Client::new(name("bob")) }).unwrap();
        policy.put_client(Client::new(name("eve"))).unwrap();
        policy.keep();
        policy
    }

    fn concerned(change: impl FnOnce(&mut Policy)) -> Vec<String> {
        let mut policy = policy();
        let mark = policy.mark();
        change(&mut policy);
        let (holders, crowd) = policy.take_back(mark);
        assert!(crowd.is_none());
        assert!(!policy.changed_since(mark));
        let anonymous = holders.anonymous.then(|| "anonymous".to_owned());
        holders.clients.iter().map(ToString::to_string).chain(anonymous).collect()
    }

    #[test]
    fn who_was_changed_made_or_deleted_is_concerned() {
        assert_eq!(concerned(|policy| policy.put_client(Client::new(name("new"))).unwrap()), ["new"]);
        assert_eq!(concerned(|policy| policy.remove_client(&name("eve"))), ["eve"]);
        assert_eq!(concerned(|policy| policy.set_change_index(7)), Vec::<String>::new());
    }

    #[test]
    fn so_are_the_holders_before_and_after() {
        let role = RoleName::new(b"r").unwrap();
        assert_eq!(concerned(|policy| policy.remove_role(&role)), ["ann", "bob"]);
        assert_eq!(concerned(|policy| policy.put_role(Role::new(role.clone()))), ["ann", "bob"]);
        let links = Links::from_given([linked(role.clone())]);
        let gives = |policy: &mut Policy| {
            policy.put_client(Client { roles: links, ..Client::new(name("eve")) }).unwrap();
            policy.put_role(Role::new(role));
        };
        assert_eq!(concerned(gives), ["ann", "bob", "eve"]);
    }

    #[test]
    fn so_are_anonymous_clients_by_their_group() {
        let group = GroupName::new(b"g").unwrap();
        assert_eq!(concerned(|policy| policy.set_anonymous_group(&group).unwrap()), ["anonymous"]);
    }

    #[test]
    fn a_default_access_that_was_wider_for_a_while_concerns_everybody() {
        let wider = |policy: &mut Policy, action| {
            policy.set_default_access(policy.default_access().with(action, true));
        };
        let narrower = |policy: &mut Policy, action| {
            policy.set_default_access(policy.default_access().with(action, false));
        };
        let mut policy = policy();
        wider(&mut policy, Action::Unsubscribe);
        let mark = policy.mark();
        narrower(&mut policy, Action::Unsubscribe);
        let (holders, crowd) = policy.take_back(mark);
        assert!(holders == Holders::default() && crowd.is_none(), "that let nobody in");
        wider(&mut policy, Action::Subscribe);
        narrower(&mut policy, Action::Subscribe);
        let (holders, crowd) = policy.take_back(mark);
        assert!(holders.anonymous && holders.clients.is_empty());
        let crowd: Vec<_> = crowd.iter().flat_map(Crowd::usernames).map(ToString::to_string).collect();
        assert_eq!(crowd, ["ann", "bob", "eve"]);
    }

    #[test]
    fn a_new_hash_of_the_same_password_concerns_nobody_and_leaves_the_login_stamp_also_when_it_is_undone() {
        let of = |salt: &str| {
            let hash = format!(
                "$6${salt}$nJi904LR9MHJuWsrxoeU9OYCwKeAwjEX7WYcVbBePPtrX4Wvr0lZ3vRYd/exlGmyC2Y9jK1b1PhAE1Rwd9Srdw=="
            );
            PasswordHash::from_encoded(hash.as_bytes()).unwrap()
        };
        let (old, new, other) = (of("AAECAwQFBgcICQoL"), of("BBECAwQFBgcICQoL"), of("CCECAwQFBgcICQoL"));
        let hash = |policy: &Policy| policy.client(b"ann").unwrap().password.clone();
        let mut policy = policy();
        let with_hash = |policy: &Policy, hash: &PasswordHash| {
            let client = Client::clone(policy.client(b"ann").unwrap());
            Client { password: Password::Hash(hash.clone()), ..client }
        };
        policy.put_client(with_hash(&policy, &old)).unwrap();
        let stamp = policy.login_stamp(b"ann");
        let (mark, generation) = (policy.mark(), policy.generation());
        assert!(!policy.put_rehashed(&name("ann"), &other, new.clone()), "it has another password by now");
        assert!(!policy.put_rehashed(&name("nobody"), &old, new.clone()));
        assert!(policy.put_rehashed(&name("ann"), &old, new.clone()) && policy.changed_since(mark));
        assert_ne!(policy.generation(), generation);
        assert_eq!((policy.login_stamp(b"ann"), hash(&policy)), (stamp, Password::Hash(new.clone())));
        let (concerned, crowd) = policy.take_back(mark);
        assert!(concerned == Holders::default() && crowd.is_none());
        assert_eq!((policy.login_stamp(b"ann"), hash(&policy)), (stamp, Password::Hash(old.clone())));

        // Changes before and behind it, all in one go, are undone in their order.
        policy.put_client(with_hash(&policy, &new)).unwrap();
        assert!(policy.put_rehashed(&name("ann"), &new, old.clone()));
        policy.put_client(with_hash(&policy, &other)).unwrap();
        assert!(policy.put_rehashed(&name("ann"), &other, new.clone()));
        policy.remove_client(&name("ann"));
        let (concerned, crowd) = policy.take_back(mark);
        assert_eq!(
            (concerned.clients.into_iter().collect::<Vec<_>>(), crowd.is_none()),
            (vec![name("ann")], true)
        );
        assert_eq!(hash(&policy), Password::Hash(old.clone()));
        assert!(!policy.was_deleted(b"ann"));

        // A password that was good for a while has a stamp that does not come back.
        let texts = with_hash(&policy, &old).with_text_name(Some(Text::new(b"text")));
        policy.put_client(texts).unwrap();
        assert!(policy.put_rehashed(&name("ann"), &old, new));
        policy.put_client(with_hash(&policy, &other)).unwrap();
        let stamp = policy.login_stamp(b"ann");
        policy.undo_to(mark);
        assert_eq!(hash(&policy), Password::Hash(old));
        assert_ne!(policy.login_stamp(b"ann"), stamp);
    }

    #[test]
    fn a_hash_that_is_undone_brings_no_link_back_that_was_taken_out_meanwhile() {
        let mut policy = policy();
        let [old, new] =
            ["old", "new"].map(|text| PasswordHash::create(text.as_bytes(), Iterations::MIN).unwrap());
        let bob = Client::clone(policy.client(b"bob").unwrap());
        policy.put_client(Client { password: Password::Hash(old.clone()), ..bob }).unwrap();
        policy.remove_role(&RoleName::new(b"r").unwrap());
        policy.keep();
        let mark = policy.mark();
        assert!(policy.put_rehashed(&name("bob"), &old, new));
        while policy.sweep(256) {}
        let (concerned, _) = policy.take_back(mark);
        assert!(concerned == Holders::default());
        while policy.sweep(256) {}
        let bob = Client::clone(policy.client(b"bob").unwrap());
        assert_eq!((bob.roles.iter().len(), &bob.password), (0, &Password::Hash(old)));
        // Nothing in it leads nowhere.
        policy.put_client(bob).unwrap();
    }

    #[test]
    fn what_is_kept_up_to_a_mark_is_not_undone() {
        let mut policy = policy();
        policy.put_client(Client::new(name("one"))).unwrap();
        let saved = policy.mark();
        policy.put_client(Client::new(name("two"))).unwrap();
        policy.put_client(Client::new(name("one"))).unwrap();
        policy.keep_to(saved);
        let (holders, _) = policy.take_back(saved);
        assert_eq!(holders.clients.len(), 2);
        assert!(policy.client(b"one").is_some() && policy.client(b"two").is_none());
        // The history goes on where it ended.
        let mark = policy.mark();
        assert_eq!(mark, saved);
        policy.remove_client(&name("one"));
        policy.undo_to(mark);
        assert!(policy.client(b"one").is_some());
    }
}
