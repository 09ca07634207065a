//! What a command works with: the policy, who sent it, and what it wants done afterwards.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::CommandError;
use super::self_service;
use super::{ControlTopic, Disconnect, Limits};
use crate::metrics::Counts;
use crate::password::{Iterations, PasswordHash};
use crate::policy::{ClientId, Compat, Crowd, GroupName, Holders, Policy, RoleName, Username, Work};

/// Who sent a payload.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// Its MQTT client id.
    pub clientid: Option<Vec<u8>>,
    /// Its username.
    pub username: Option<Vec<u8>>,
    /// Its network address.
    pub address: Option<Vec<u8>>,
    /// The topic that it was sent to.
    pub topic: ControlTopic,
    /// Which of the questions about oneself this is.
    pub question: u64,
}

/// Something that is wrong with the policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFinding {
    /// It cannot be saved.
    Unwritable {
        /// Where it is.
        path: String,
        /// Why.
        why: String,
    },
    /// A part of it takes no part in decisions since the start, or not as it is written.
    SetAside {
        /// The line, from one.
        line: usize,
        /// The column in bytes, from one.
        column: usize,
        /// The members and elements that lead there; empty for the whole file.
        path: String,
        /// What is wrong with it, after the path.
        what: String,
    },
}

/// A client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The network address that it comes from, or came from: 2.1 counts the sessions that it keeps for absent
    /// clients, and does not know where those came from that it has from its own file.
    pub address: Option<Vec<u8>>,
}

impl From<Option<&[u8]>> for Connection {
    fn from(address: Option<&[u8]>) -> Self {
        Self { address: address.map(<[u8]>::to_vec) }
    }
}

/// What commands need from outside.
pub trait Host {
    /// Hashes a new password; `None` if the system has no randomness to give.
    fn hash_password(&self, password: &[u8]) -> Option<PasswordHash>;

    /// The connections of a client (2.1's `connections`). A client bound to a client id is looked for by that id.
    fn connections(&self, username: &Username, clientid: Option<&ClientId>) -> Vec<Connection>;

    /// Whether a client waits for its password to be verified, so that it may do nothing yet. Without a
    /// client id: whether any of that username does.
    fn is_login_pending(&self, _username: Option<&[u8]>, _clientid: Option<&[u8]>) -> bool {
        false
    }

    /// Whether a login as that client, from that address, would be refused for those that have failed
    /// before. Without an address: whether one from any would.
    fn is_locked_out(&self, _username: &[u8], _address: Option<&[u8]>) -> bool {
        false
    }

    /// Whether logins of unknown users are refused here, and not left to others.
    fn denies_unknown_users(&self) -> bool {
        false
    }

    /// The iterations that new passwords are hashed with.
    fn iterations(&self) -> Iterations {
        Iterations::DEFAULT
    }

    /// What is wrong with the policy file.
    fn file_findings(&self) -> Vec<FileFinding> {
        Vec::new()
    }

    /// What was counted, and how many connections there are.
    fn metrics(&self) -> (Counts, usize) {
        (Counts::default(), 0)
    }

    /// Whether an audit trail is kept.
    fn audits(&self) -> bool {
        false
    }

    /// How much a payload may ask for.
    fn limits(&self) -> Limits {
        Limits::DEFAULT
    }
}

/// The state of a payload in work.
pub(super) struct Session<'a> {
    pub(super) policy: &'a mut Policy,
    pub(super) host: &'a dyn Host,
    pub(super) actor: &'a Actor,
    disconnects: Holders,
    crowds: Vec<Arc<Crowd>>,
    /// Roles whose holders are to be disconnected. They are looked up at the end: whoever loses such a
    /// role before is disconnected for that.
    touched_roles: HashSet<RoleName>,
    /// Groups whose members are to be disconnected, likewise.
    touched_groups: HashSet<GroupName>,
    /// How often the payload has asked for a look through the whole policy.
    lints: usize,
    /// What the payload may take in questions that grow with what somebody has, or with its square.
    pub(super) work: Work,
    log: Vec<Vec<u8>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(policy: &'a mut Policy, actor: &'a Actor, host: &'a dyn Host) -> Self {
        Self {
            policy,
            host,
            actor,
            disconnects: Holders::default(),
            crowds: Vec::new(),
            touched_roles: HashSet::new(),
            touched_groups: HashSet::new(),
            lints: 0,
            work: self_service::work(actor),
            log: Vec::new(),
        }
    }

    /// Counts a look through the whole policy, which takes long: a payload may ask for some.
    pub(super) fn count_lint(&mut self) -> Result<(), CommandError> {
        const MOST: usize = 10;
        self.lints = self.lints.saturating_add(1);
        if self.lints > MOST { Err(CommandError::TooManyLints(MOST)) } else { Ok(()) }
    }

    pub(super) fn compat(&self) -> Compat {
        self.policy.compat()
    }

    pub(super) fn limits(&self) -> Limits {
        self.host.limits()
    }

    /// Counts a command that changes the policy, also where it changed nothing this time.
    pub(super) fn count_change(&mut self) {
        let next = self.policy.change_index().saturating_add(1);
        self.policy.set_change_index(next);
    }

    pub(super) fn disconnect(&mut self, username: &Username) {
        self.disconnects.clients.insert(username.clone());
    }

    /// Disconnects whoever bears that name, known to the policy or not.
    pub(super) fn disconnect_name(&mut self, username: &[u8]) {
        if let Ok(username) = Username::new(username) {
            self.disconnects.clients.insert(username);
        }
    }

    pub(super) fn disconnect_anonymous(&mut self) {
        self.disconnects.anonymous = true;
    }

    /// Disconnects whoever has the role, through groups too.
    pub(super) fn disconnect_holders(&mut self, role: &RoleName) {
        self.touched_roles.insert(role.clone());
    }

    /// Disconnects whoever is in the group.
    pub(super) fn disconnect_members(&mut self, group: &GroupName) {
        self.touched_groups.insert(group.clone());
    }

    /// Looks up whom the touched roles and groups stand for, before the policy forgets it.
    pub(super) fn resolve_disconnects(&mut self) {
        let roles = std::mem::take(&mut self.touched_roles);
        let groups = std::mem::take(&mut self.touched_groups);
        if roles.is_empty() && groups.is_empty() {
            return;
        }
        let (holders, crowd) = self.policy.concerned(&roles, &groups);
        self.disconnects.clients.extend(holders.clients);
        self.disconnects.anonymous |= holders.anonymous;
        self.crowds.extend(crowd.map(Arc::new));
    }

    pub(super) fn hash_password(&self, password: &[u8]) -> Result<PasswordHash, CommandError> {
        self.host.hash_password(password).ok_or(CommandError::Internal)
    }

    /// Logs an action as the C plugin does: who, what, and with which members.
    pub(super) fn log(&mut self, command: &str, members: &[(&str, &[u8])]) {
        // Who asks about itself is no administrator, and may be called anything.
        if self.actor.topic == ControlTopic::SelfService {
            return;
        }
        let mut line = b"dynsec: ".to_vec();
        line.extend_from_slice(self.actor.clientid.as_deref().unwrap_or(b"(null)"));
        line.push(b'/');
        line.extend_from_slice(self.actor.username.as_deref().unwrap_or(b"(null)"));
        line.extend_from_slice(b" | ");
        line.extend_from_slice(command.as_bytes());
        for (name, value) in members {
            line.extend_from_slice(b" | ");
            line.extend_from_slice(name.as_bytes());
            line.push(b'=');
            line.extend_from_slice(value);
        }
        self.log.push(line);
    }

    pub(super) fn into_effects(mut self) -> (Vec<Disconnect>, Vec<Vec<u8>>) {
        self.resolve_disconnects();
        let named = Disconnect::holders(self.disconnects);
        let disconnects = named.chain(self.crowds.into_iter().map(Disconnect::Crowd)).collect();
        (disconnects, self.log)
    }
}
