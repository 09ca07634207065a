//! Who may publish, subscribe, and be sent what: [`Plugin::on_acl_check`].

use std::sync::atomic::Ordering;

use super::Plugin;
use crate::denials::Denial;
use crate::policy::{AclRequest, Action, Decision, Effect};

impl Plugin {
    /// A client wants to publish, subscribe or unsubscribe, or is about to be sent a message. Its network address is
    /// asked for only if the log is to name it.
    pub fn on_acl_check<'a>(
        &self,
        request: &AclRequest<'_>,
        address: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Effect {
        if self.broken.load(Ordering::Acquire) {
            return Effect::Deny;
        }
        let effect = {
            let policy = self.policy.read();
            let decision = policy.authorize(request);
            if decision.effect == Effect::Allow {
                return Effect::Allow;
            }
            self.note_denied_action(request, &decision, address);
            decision.effect
        };
        // The broker may be in the middle of a delivery: nothing is logged from there.
        if request.action != Action::PublishClientReceive {
            self.log_denials_without_ticks();
        }
        effect
    }

    #[cold]
    fn note_denied_action<'a>(
        &self,
        request: &AclRequest<'_>,
        decision: &Decision<'_>,
        address: impl FnOnce() -> Option<&'a [u8]>,
    ) {
        if self.denials.wants(request.action, decision.effect, request.topic) {
            self.denials.note(&Denial::of_action(request, decision, address()));
        }
    }
}
