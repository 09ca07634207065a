//! What the callbacks are given as their user data.

use std::sync::Arc;

use super::broker::HostBroker;
use super::functions::Functions;
use super::guard::guard;
use super::identities::Identities;
use super::served::Served;
use crate::broker::BrokerFamily;

/// Shared by all callbacks of one `plugin` line, and by the threads on which the broker calls them.
pub(super) struct Context {
    pub(super) functions: Functions,
    pub(super) broker: Arc<HostBroker>,
    pub(super) plugin: Arc<Served>,
    /// Where the broker cannot tell who is connected (2.0).
    pub(super) identities: Option<Identities>,
}

impl Context {
    pub(super) fn new(functions: Functions, broker: Arc<HostBroker>, plugin: Arc<Served>) -> Self {
        let identities = match functions.family {
            BrokerFamily::V2_0 => Some(Identities::new()),
            BrokerFamily::V2_1 => None,
        };
        Self { functions, broker, plugin, identities }
    }
}

impl Drop for Context {
    /// Ends the plugin with the last `plugin` line that shares it. Lines come and go on one thread.
    fn drop(&mut self) {
        if Arc::strong_count(&self.plugin) == 1 {
            guard(&*self.broker, "the shutdown", (), || {
                let _other = self.plugin.enter_other();
                self.plugin.shutdown();
            });
        }
    }
}

// 2.1's http_api listener asks for logins and ACL checks from a thread of its own.
const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<Context>();
};
