//! Who may publish, subscribe, and be sent what: [`Plugin::on_acl_check`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::live_policy::Locked;
use super::login::HTTP_API;
use super::{Plugin, PolicyLock, SessionId};
use crate::broker::BrokerFamily;
use crate::denials::AskedAgain;
use crate::injection::panic_point;
use crate::memo::Key;
use crate::policy::{AclRequest, Action, Client, Decision, Effect, Hashed, Policy, Reason};
use crate::sessions::Kind;

/// How many ACLs are filed at one tick: less than half a millisecond.
const MOST_FILED: usize = 1_024;

/// What can be asked about the client of a check, and seldom has to be.
pub trait Peer {
    /// Its network address.
    fn address(&self) -> Option<&[u8]>;

    /// Whether it is connected and has shown a certificate.
    fn has_certificate(&self) -> bool;

    /// Whether it may have shown one, also where that cannot be told.
    fn may_have_certificate(&self) -> bool {
        self.has_certificate()
    }
}

/// A client of which no more is known.
impl Peer for () {
    fn address(&self) -> Option<&[u8]> {
        None
    }

    fn has_certificate(&self) -> bool {
        false
    }
}

impl Plugin {
    /// A client wants to publish, subscribe or unsubscribe, or is about to be sent a message. `peer` is asked
    /// only where the log is to name its address, or it may not be connected. Where the policy is wanted, `lock` says how it is locked.
    #[inline]
    pub fn on_acl_check(
        &self,
        session: SessionId,
        request: AclRequest<'_>,
        lock: &impl PolicyLock,
        peer: &impl Peer,
    ) -> Effect {
        if self.broken.load(Ordering::Acquire) {
            return Effect::Deny;
        }
        if request.subject.username.is_none() && self.is_of_no_login(session) {
            return Effect::Deny;
        }
        let hashed = Hashed::new(request, &self.text_keys);
        let generation = self.policy.generation();
        let key = Key::of(&hashed, session.0);
        if let Some(effect) = self.memo.get(key, &request, generation) {
            if !self.denials.wants(request.action, effect, request.topic) {
                self.metrics.decided(request.action as usize, effect as usize);
                if effect != Effect::Allow {
                    self.after_a_denial(request.action);
                }
                return effect;
            }
            // All by value, so that whoever is allowed need not put it where it could be pointed to.
            if self.note_denied_again(hashed, key, (effect, generation), lock, peer) {
                return effect;
            }
        }
        self.decide(hashed, key, lock, peer)
    }

    /// Notes a denial that is remembered, as it was decided by a policy of that generation, and to be logged; false if the policy
    /// is another by now.
    #[inline(never)]
    fn note_denied_again(
        &self,
        hashed: Hashed<'_>,
        key: Key,
        (effect, generation): (Effect, u64),
        lock: &impl PolicyLock,
        peer: &impl Peer,
    ) -> bool {
        let action = hashed.request.action;
        let id = self.memo.id_of_kept(key);
        if !self.denials.note_again(id) && !self.note_remembered(id, &hashed, generation, lock, peer) {
            return false;
        }
        self.metrics.decided(action as usize, effect as usize);
        self.after_a_denial(action);
        true
    }

    /// The same of what the log does not know: it knows it by that `id` from now on.
    #[cold]
    fn note_remembered(
        &self,
        id: u64,
        hashed: &Hashed<'_>,
        generation: u64,
        lock: &impl PolicyLock,
        peer: &impl Peer,
    ) -> bool {
        lock.with(self, |Locked { policy, .. }| {
            let is_same = policy.generation() == generation;
            if is_same {
                self.note_denial(policy, hashed, Some(id), peer);
            }
            is_same
        })
    }

    /// [`Self::on_acl_check`] of what is not remembered.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    fn decide(&self, hashed: Hashed<'_>, key: Key, lock: &impl PolicyLock, peer: &impl Peer) -> Effect {
        let action = hashed.request.action;
        let effect = lock.with(self, |Locked { policy, in_turn }| {
            panic_point("an ACL check, the policy being read");
            let mut walked = None;
            let (mut effect, is_barred) = policy
                .authorize_saying(&hashed, &mut walked, |decision| (decision.effect, is_barred(&decision)));
            if let Some((client, asked)) = walked {
                self.note_walk(client, asked);
            }
            // What becomes of the barred depends on how they came in, too.
            if !is_barred {
                self.memo.put(key, &hashed.request, policy.generation(), effect);
            }
            if effect != Effect::Allow
                && (is_barred || self.denials.wants(action, effect, hashed.request.topic))
            {
                effect = self.deny(policy, &hashed, (effect, is_barred), peer);
            }
            self.metrics.decided_by(in_turn, action as usize, effect as usize);
            effect
        });
        if effect != Effect::Allow {
            self.after_a_denial(action);
        }
        effect
    }

    /// What becomes of a request that is not allowed, and is to be logged or of the barred, and what was decided of it.
    #[inline(never)]
    fn deny(
        &self,
        policy: &Policy,
        hashed: &Hashed<'_>,
        (effect, is_barred): (Effect, bool),
        peer: &impl Peer,
    ) -> Effect {
        if !is_barred {
            self.note_denial(policy, hashed, None, peer);
            return effect;
        }
        let request = &hashed.request;
        let decision = self.decision_on_the_barred(policy, request, policy.authorize(request), peer);
        if self.denials.wants(request.action, decision.effect, request.topic) {
            // Others decide about the barred, besides the policy.
            let asked = AskedAgain { generation: None, id: None };
            self.denials.note_action(hashed, asked, || decision, || peer.address());
        }
        decision.effect
    }

    /// Notes what this policy does not allow, and is to be logged; it may be remembered by an `id`. Why is asked for once more if
    /// the log does not know, so that checks need not say.
    fn note_denial(&self, policy: &Policy, hashed: &Hashed<'_>, id: Option<u64>, peer: &impl Peer) {
        let asked = AskedAgain { generation: Some(policy.generation()), id };
        self.denials.note_action(hashed, asked, || policy.authorize(&hashed.request), || peer.address());
    }

    /// Logs what was denied, where it is not logged at a tick. The broker may be in the middle of a delivery: nothing is logged
    /// from there.
    fn after_a_denial(&self, action: Action) {
        if action != Action::PublishClientReceive {
            self.log_denials_without_ticks();
        }
    }

    /// Logins keep the disabled and the deleted out. Who is connected all the same has its certificate or a pre-shared
    /// key, is on its way out, or was let in by others: by a plugin before this one also without a login here.
    #[cold]
    fn decision_on_the_barred<'a>(
        &self,
        policy: &'a Policy,
        request: &AclRequest<'_>,
        decision: Decision<'a>,
        peer: &impl Peer,
    ) -> Decision<'a> {
        let username = request.subject.username.unwrap_or_default();
        let clientid = request.subject.clientid.get().unwrap_or_default();
        let mut sessions = self.sessions.lock();
        let kind = match sessions.kind(username, clientid) {
            // 2.1 asks about what waits for a client, and sends that, before it tells that the client has connected.
            Kind::Unseen if peer.has_certificate() => Kind::NoLogin,
            kind => kind,
        };
        match (decision.reason, kind) {
            // The will of a connection that has ended, and of which the broker may not show a certificate any more.
            (Reason::ClientDeleted, Kind::Unseen)
                if request.action == Action::PublishClientSend && !sessions.is_unrecorded(username) =>
            {
                Decision { effect: Effect::Deny, ..decision }
            }
            // Only of a certificate is it certain that no other plugin has let its client in. What waits for an absent client is
            // asked about again before it is handed out.
            (Reason::ClientDeleted, Kind::NoLogin | Kind::Unseen) if !peer.may_have_certificate() => decision,
            // What is left of a disabled client is its session: that gets its messages, which the broker asks
            // about again before it hands them out, and keeps its subscriptions. Should somebody be connected
            // all the same whom 2.0 does not show, they are disconnected.
            (Reason::ClientDisabled, Kind::Unseen)
                if request.action == Action::PublishClientReceive
                    || self.is_kicking.load(Ordering::Relaxed) =>
            {
                if self.family == BrokerFamily::V2_0 && !self.is_kicking.load(Ordering::Relaxed) {
                    sessions.disconnect_uninvited(username, clientid);
                }
                policy.authorize_though_disabled(request)
            }
            (_, Kind::NoLogin | Kind::Unseen) => {
                // The broker would look at every socket for each message to the session of an absent client.
                let is_session = kind == Kind::Unseen && request.action == Action::PublishClientReceive;
                if clientid != HTTP_API && !is_session && !self.is_kicking.load(Ordering::Relaxed) {
                    sessions.disconnect_uninvited(username, clientid);
                }
                Decision { effect: Effect::Deny, ..decision }
            }
            (Reason::ClientDeleted, Kind::LoggedIn) => Decision { effect: Effect::Deny, ..decision },
            // It is disconnected at the second tick. Until then it is sent what it would be, as the answer to
            // the command that disabled it, and keeps the subscriptions of its session, but sends nothing.
            (Reason::ClientDisabled, _) if request.action != Action::PublishClientSend => {
                policy.authorize_though_disabled(request)
            }
            _ => decision,
        }
    }

    /// So many of a client's roles were asked one by one. They are merged at a tick, once that is worth it.
    #[cold]
    fn note_walk(&self, client: &Arc<Client>, asked: u32) {
        // What finds it locked does not count.
        if let Some(mut walks) = self.walks.try_lock() {
            walks.note(client, asked);
        }
    }

    /// Merges the roles of those for whom it is worth it.
    pub(super) fn merge_roles(&self) {
        let mut walks = self.walks.lock();
        if !walks.is_empty() {
            self.policy.write().merge(&mut walks, MOST_FILED);
        }
    }
}

/// Whether it is the client itself that may nothing.
#[inline]
fn is_barred(decision: &Decision<'_>) -> bool {
    matches!(decision.reason, Reason::ClientDisabled | Reason::ClientDeleted)
}

#[cfg(test)]
#[path = "acl_check_tests.rs"]
mod tests;
