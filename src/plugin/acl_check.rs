//! Who may publish, subscribe, and be sent what: [`Plugin::on_acl_check`].

use std::sync::atomic::Ordering;

use super::Plugin;
use crate::policy::{AclRequest, Effect};

impl Plugin {
    /// A client wants to publish, subscribe or unsubscribe, or is about to be sent a message.
    pub fn on_acl_check(&self, request: &AclRequest<'_>) -> Effect {
        if self.broken.load(Ordering::Acquire) {
            return Effect::Deny;
        }
        self.policy.read().authorize(request).effect
    }
}
