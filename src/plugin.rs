//! [`Plugin`]: wires the parts; one method for each event of the broker.
//!
//! Every method may be called while another one is on the stack below it, since the broker re-enters
//! the plugin from its own functions: no lock is held while the broker is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::broker::{Broker, BrokerFamily, LogLevel};
use crate::control::{self, Host, Outcome, RESPONSE_TOPIC, Responses};
use crate::options::{CompatOption, PluginOptions};
use crate::password::{Iterations, PasswordHash};
use crate::policy::{
    AclRequest, ClientId, Compat, Effect, LoginRequest, LoginVerdict, Mark, Policy, Username,
};
use crate::rehash::{self, Rehash};
use crate::sessions::{Kick, Login, Sessions};
use crate::start;
use crate::store::Store;

pub use crate::control::Actor;
pub use crate::sessions::SessionId;
pub use crate::start::StartError;

/// The client id of 2.1's `http_api` listener, whose requests are no connections: they have no address.
const HTTP_API: &[u8] = b"http-api";

/// The plugin in a running broker.
pub struct Plugin {
    broker: Arc<dyn Broker>,
    policy: RwLock<Policy>,
    store: Mutex<Store>,
    sessions: Mutex<Sessions>,
    iterations: Iterations,
    rehash: Rehash,
    /// What the policy was before the payload that is in work, for a panic in it.
    in_work: Mutex<Option<Mark>>,
    /// A panic could not be undone: nothing is let through any more.
    broken: AtomicBool,
}

impl Plugin {
    /// Loads the policy and says in the log what was loaded.
    ///
    /// # Errors
    /// [`StartError`] if the policy file cannot be used: the broker must then not start, since a policy
    /// that is not there lets nobody in, and saving would overwrite the one that is.
    pub fn start(
        options: &PluginOptions,
        broker: Arc<dyn Broker>,
        family: BrokerFamily,
    ) -> Result<Self, StartError> {
        let compat = match (options.compat, family) {
            (CompatOption::Auto, BrokerFamily::V2_0) => Compat::of_2_0(broker.patch_of_2_0()),
            (CompatOption::V2_0, _) => Compat::V2_0,
            (CompatOption::V2_0_21, _) => Compat::V2_0_21,
            (CompatOption::V2_1, _) | (CompatOption::Auto, BrokerFamily::V2_1) => Compat::V2_1,
        };
        let (loaded, store) = start::open(options, compat, family, &*broker)?;
        start::report(&loaded, &store, &*broker);
        start::report_unreadable(&loaded.policy, options, &*broker);
        Ok(Self {
            broker,
            policy: RwLock::new(loaded.policy),
            store: Mutex::new(store),
            sessions: Mutex::default(),
            iterations: options.password_iterations,
            rehash: Rehash::new(options.rehash_on_login, options.password_iterations),
            in_work: Mutex::new(None),
            broken: AtomicBool::new(false),
        })
    }

    /// A client logs in with username and password.
    pub fn on_basic_auth(&self, session: SessionId, request: &LoginRequest<'_>) -> Effect {
        if self.broken.load(Ordering::Acquire) {
            return Effect::Deny;
        }
        let (verdict, known) = {
            let policy = self.policy.read();
            let known = request.subject.username.is_some_and(|name| policy.client(name).is_some());
            (policy.authenticate(request), known)
        };
        let effect = match verdict {
            LoginVerdict::Defer => Effect::Defer,
            LoginVerdict::Refuse(_) => Effect::Deny,
            LoginVerdict::Verify { client, hash } => match request.password {
                Some(password) if hash.verify(password) => {
                    self.rehash.after_login(&client, &hash, password);
                    Effect::Allow
                }
                _ => Effect::Deny,
            },
        };
        if effect != Effect::Deny
            && (known || request.subject.username.is_none())
            && (request.subject.clientid != Some(HTTP_API) || request.address.is_some())
        {
            let has_ticked = {
                let mut sessions = self.sessions.lock();
                sessions.logged_in(&Login {
                    session,
                    username: request.subject.username,
                    clientid: request.subject.clientid.unwrap_or_default(),
                    address: request.address,
                });
                sessions.has_ticked()
            };
            if !has_ticked {
                self.save_rehashed();
            }
        }
        effect
    }

    /// A client wants to publish, subscribe or unsubscribe, or is about to be sent a message.
    pub fn on_acl_check(&self, request: &AclRequest<'_>) -> Effect {
        if self.broken.load(Ordering::Acquire) {
            return Effect::Deny;
        }
        self.policy.read().authorize(request).effect
    }

    /// A payload of commands has come. Its response is published before this returns.
    pub fn on_control(&self, actor: &Actor, payload: &[u8]) {
        if self.broken.load(Ordering::Acquire) {
            self.respond(&Responses::refusal("Internal error"));
            return;
        }
        let outcome = self.run(actor, payload);
        for line in &outcome.log {
            self.broker.log(LogLevel::Info, line);
        }
        self.respond(&outcome.responses);
        let kicks = {
            let mut sessions = self.sessions.lock();
            sessions.disconnect_later(outcome.disconnects);
            if sessions.has_ticked() { Vec::new() } else { sessions.all_due() }
        };
        self.kick(kicks);
    }

    /// The broker's loop has come round.
    pub fn on_tick(&self) {
        self.save_rehashed();
        let kicks = self.sessions.lock().tick();
        self.kick(kicks);
    }

    /// A connection has ended.
    pub fn on_disconnect(&self, session: SessionId) {
        self.sessions.lock().ended(session);
    }

    /// The broker ends. Everything is on disk already.
    pub fn shutdown(&self) {}

    /// The payload in work has panicked: takes back what it did and answers with an error. If that
    /// fails too, nothing is let through any more.
    pub fn answer_after_panic(&self) {
        self.broken.store(true, Ordering::Release);
        let mark = self.in_work.lock().take();
        if let Some(mark) = mark {
            self.policy.write().undo_to(mark);
        }
        self.broken.store(false, Ordering::Release);
        self.respond(&Responses::refusal("Internal error"));
    }

    /// Runs the commands and makes what they changed durable; what cannot be saved is undone.
    fn run(&self, actor: &Actor, payload: &[u8]) -> Outcome {
        let mut policy = self.policy.write();
        let mark = policy.mark();
        *self.in_work.lock() = Some(mark);
        let mut outcome = control::handle(&mut policy, payload, actor, self);
        if outcome.changed {
            let saved = self.store.lock().save(&policy);
            match saved {
                Ok(()) => policy.keep(),
                Err(error) => {
                    policy.undo_to(mark);
                    outcome.responses.fail_all(&format!("Not saved, nothing was changed: {}", error.cause()));
                    outcome.disconnects.clear();
                    outcome.log.clear();
                    drop(policy);
                    *self.in_work.lock() = None;
                    let line = format!("dynsec: commands refused, since the policy cannot be saved: {error}");
                    self.broker.log(LogLevel::Error, line.as_bytes());
                    return outcome;
                }
            }
        }
        *self.in_work.lock() = None;
        outcome
    }

    /// Puts the new hashes in force that logins have brought, if they can be saved.
    fn save_rehashed(&self) {
        let hashes = self.rehash.take();
        if hashes.is_empty() || self.broken.load(Ordering::Acquire) {
            return;
        }
        let (names, saved) = {
            let mut policy = self.policy.write();
            let mark = policy.mark();
            let names = rehash::put(&mut policy, hashes);
            if names.is_empty() {
                return;
            }
            let saved = self.store.lock().save(&policy);
            if saved.is_ok() {
                policy.keep();
            } else {
                policy.undo_to(mark);
            }
            (names, saved)
        };
        if let Err(error) = saved {
            let line = format!("dynsec: passwords are not hashed again, since that cannot be saved: {error}");
            self.broker.log(LogLevel::Warning, line.as_bytes());
            return;
        }
        for name in names {
            let line = [b"dynsec: password hashed again at the login | username=", name.as_bytes()].concat();
            self.broker.log(LogLevel::Info, &line);
        }
    }

    fn respond(&self, responses: &Responses) {
        if let Err(error) = self.broker.publish(RESPONSE_TOPIC, &responses.to_json()) {
            let line = format!("dynsec: a response could not be published (error {})", error.code);
            self.broker.log(LogLevel::Error, line.as_bytes());
        }
    }

    fn kick(&self, kicks: Vec<Kick>) {
        for kick in kicks {
            match kick {
                Kick::Username(username) => self.broker.kick_username(&username),
                Kick::ClientId(clientid) => self.broker.kick_clientid(&clientid),
            }
        }
    }
}

impl Host for Plugin {
    fn hash_password(&self, password: &[u8]) -> Option<PasswordHash> {
        PasswordHash::create(password, self.iterations).ok()
    }

    fn connections(&self, username: &Username, clientid: Option<&ClientId>) -> Vec<Vec<u8>> {
        self.sessions.lock().addresses(username.as_bytes(), clientid.map(ClientId::as_bytes))
    }
}
