//! [`Plugin`]: wires the parts; one method for each event of the broker.
//!
//! Every method may be called while another one is on the stack below it, since the broker re-enters
//! the plugin from its own functions: no lock is held while the broker is called.

mod acl_check;
mod audit;
mod commands;
mod connections;
mod delayed;
mod denials;
mod file_findings;
mod live_policy;
mod login;
mod metrics;
mod reload;
mod self_service;
mod tick;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use live_policy::LivePolicy;

use crate::bell::Bell;
use crate::broker::{Broker, BrokerFamily};
use crate::control::Limits;
use crate::denials::Denials;
use crate::logins::{Attempts, HashingBudget, Lockout, Pending, VerifiedLogins};
use crate::memo::Memo;
use crate::metrics::Metrics;
use crate::options::{CompatOption, LoginMode, PluginOptions, UnknownUserOption};
use crate::password::{Iterations, PasswordHash};
use crate::policy::{Compat, TextKeys, Walks};
use crate::rehash::Rehash;
use crate::sessions::{Noted, Sessions};
use crate::start;
use crate::store::{Disk, Issue, RealDisk, Store};
use crate::workers::Workers;
use commands::Pipeline;

use audit::Audit;
use delayed::Verifier;
use metrics::MetricsFile;
use self_service::SelfService;

pub use crate::control::{Actor, ControlTopic};
pub use crate::sessions::SessionId;
pub use crate::start::StartError;
pub use acl_check::Peer;
pub use delayed::{Delay, LoginAnswer};
pub use live_policy::{EachTime, HeldPolicy, Locked, PolicyGuard, PolicyLock};

/// How many jobs may wait for a worker. Passwords of commands take one for each thread, logins another, however many wait.
const MOST_JOBS: usize = 1024;

/// How long the end of the broker waits for the disk: less than the ten seconds after which containers are killed.
const LONGEST_SHUTDOWN: Duration = Duration::from_secs(8);
const _: () = assert!(LONGEST_SHUTDOWN.as_secs() < 10, "containers are killed then");

/// Whose answers are given where the versions of the C plugin differ.
fn compat_of(option: CompatOption, family: BrokerFamily, broker: &dyn Broker) -> Compat {
    match (option, family) {
        (CompatOption::Auto, BrokerFamily::V2_0) => Compat::of_2_0(broker.patch_of_2_0()),
        (CompatOption::V2_0, _) => Compat::V2_0,
        (CompatOption::V2_0_21, _) => Compat::V2_0_21,
        (CompatOption::V2_1, _) | (CompatOption::Auto, BrokerFamily::V2_1) => Compat::V2_1,
    }
}

/// The plugin in a running broker.
pub struct Plugin {
    broker: Arc<dyn Broker>,
    policy: LivePolicy,
    memo: Memo,
    text_keys: TextKeys,
    /// Whose roles had to be asked one by one.
    walks: Mutex<Walks>,
    /// What was wrong with the policy file when it was last loaded.
    issues: Mutex<Vec<Issue>>,
    store: Arc<Mutex<Store>>,
    /// Whether a file with anything wrong is refused.
    strict: bool,
    sessions: Arc<Mutex<Sessions>>,
    /// Whom it has been told of without any login or certificate.
    noted: Arc<Noted>,
    iterations: Iterations,
    limits: Limits,
    /// Where passwords are hashed and verified.
    workers: Workers,
    /// Rung by whatever has something to do at a tick.
    bell: Arc<Bell>,
    denials: Denials,
    self_service: SelfService,
    audit: Audit,
    metrics: Metrics,
    metrics_file: MetricsFile,
    family: BrokerFamily,
    /// Whether the broker ticks at all.
    has_ticked: AtomicBool,
    pipeline: Pipeline,
    /// How much of the broker's time logins take.
    hashing_budget: HashingBudget,
    /// Which logins are answered later, and how.
    login_mode: LoginMode,
    verifier: Verifier,
    /// Whether usernames that the policy does not know are refused.
    denies_unknown: bool,
    /// What a login takes the work of as long as no client has a password.
    decoy: PasswordHash,
    /// Clients are being disconnected.
    is_kicking: AtomicBool,
    /// How many connections have ended while they were.
    ended_by_kicks: AtomicUsize,
    /// The logins that are asked for are those of a reload.
    is_reloading: AtomicBool,
    reload_began: Mutex<Option<Instant>>,
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
        Self::start_on(options, broker, family, &|| Box::new(RealDisk))
    }

    /// [`Self::start`], with system calls that a test can let fail or wait.
    ///
    /// # Errors
    /// As in [`Self::start`].
    pub fn start_on(
        options: &PluginOptions,
        broker: Arc<dyn Broker>,
        family: BrokerFamily,
        disk: &dyn Fn() -> Box<dyn Disk>,
    ) -> Result<Self, StartError> {
        let compat = compat_of(options.compat, family, &*broker);
        start::tell_files_apart(options)?;
        let (loaded, mut store) = start::open(options, compat, family, &*broker, disk)?;
        store.keep_versions(options.backups);
        start::report(&loaded, &store, &*broker);
        start::report_unreadable(&loaded.policy, options, &*broker);
        let mut policy = loaded.policy;
        policy.set_self_service(options.self_service);
        let bell = Arc::new(Bell::new(Arc::clone(&broker)));
        let verifier = Verifier {
            pending: Arc::new(Pending::default()),
            verified: Arc::new(VerifiedLogins::new()),
            attempts: Arc::new(Attempts::new(Lockout::of(options.lockout_failures, options.lockout_window))),
            rehash: Arc::new(Rehash::new(options.rehash_on_login, options.password_iterations)),
            sessions: Arc::default(),
            bell: Arc::clone(&bell),
        };
        let noted = verifier.sessions.lock().noted();
        let plugin = Self {
            workers: Workers::new(MOST_JOBS),
            pipeline: Pipeline::new(options.save_mode, Arc::clone(&bell)),
            bell,
            broker,
            policy: LivePolicy::new(policy),
            memo: Memo::new(),
            text_keys: TextKeys::of_process(),
            walks: Mutex::default(),
            issues: Mutex::new(loaded.issues),
            strict: options.strict_config,
            noted,
            sessions: Arc::clone(&verifier.sessions),
            iterations: options.password_iterations,
            limits: options.limits,
            denials: Denials::new(options.denial_log.into()),
            self_service: SelfService::new(),
            audit: Audit::new(options.audit_file.clone()),
            metrics: Metrics::default(),
            metrics_file: MetricsFile::new(options.metrics_file.clone(), options.metrics_interval),
            family,
            has_ticked: AtomicBool::new(false),
            store: Arc::new(Mutex::new(store)),
            verifier,
            hashing_budget: HashingBudget::new(options.login_work),
            login_mode: options.login_mode,
            denies_unknown: options.unknown_user == UnknownUserOption::Deny,
            decoy: PasswordHash::of_none(options.password_iterations),
            is_kicking: AtomicBool::new(false),
            ended_by_kicks: AtomicUsize::new(0),
            is_reloading: AtomicBool::new(false),
            reload_began: Mutex::new(None),
            broken: AtomicBool::new(false),
        };
        plugin.audit.open();
        plugin.tell_of_audit();
        Ok(plugin)
    }

    /// A connection has ended.
    pub fn on_disconnect(&self, session: SessionId) {
        if self.is_kicking.load(Ordering::Relaxed) {
            self.ended_by_kicks.fetch_add(1, Ordering::Relaxed);
        }
        self.sessions.lock().ended(session);
        self.self_service.left(session);
    }

    /// The broker ends. What was begun is finished, but no longer answered; what is on the disk already is
    /// not written again. A disk that hangs is not waited for longer than eight seconds.
    pub fn shutdown(&self) {
        let start = self.broker.now();
        let until = start.checked_add(LONGEST_SHUTDOWN).unwrap_or(start);
        self.verifier.pending.clear();
        self.log_last_denials();
        self.finish_unanswered(until);
        self.audit.end(until);
        self.tell_of_audit();
        self.metrics_file.end(until);
        self.end_threads(until);
    }
}
