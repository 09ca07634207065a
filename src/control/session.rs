//! What a command works with: the policy, who sent it, and what it wants done afterwards.

use std::collections::BTreeSet;

use super::Disconnect;
use super::error::CommandError;
use crate::password::PasswordHash;
use crate::policy::{ClientId, Compat, Holders, Policy, Username};

/// Who sent a payload.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// Its MQTT client id.
    pub clientid: Option<Vec<u8>>,
    /// Its username.
    pub username: Option<Vec<u8>>,
    /// Its network address.
    pub address: Option<Vec<u8>>,
}

/// What commands need from outside.
pub trait Host {
    /// Hashes a new password; `None` if the system has no randomness to give.
    fn hash_password(&self, password: &[u8]) -> Option<PasswordHash>;

    /// The network addresses that a client is connected from (2.1's `connections`). A client bound to
    /// a client id is looked for by that id.
    fn connections(&self, username: &Username, clientid: Option<&ClientId>) -> Vec<Vec<u8>>;
}

/// The state of a payload in work.
pub(super) struct Session<'a> {
    pub(super) policy: &'a mut Policy,
    pub(super) host: &'a dyn Host,
    actor: &'a Actor,
    disconnects: BTreeSet<Disconnect>,
    log: Vec<Vec<u8>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(policy: &'a mut Policy, actor: &'a Actor, host: &'a dyn Host) -> Self {
        Self { policy, host, actor, disconnects: BTreeSet::new(), log: Vec::new() }
    }

    pub(super) fn compat(&self) -> Compat {
        self.policy.compat()
    }

    /// Counts a command that changes the policy, also where it changed nothing this time.
    pub(super) fn count_change(&mut self) {
        let next = self.policy.change_index().saturating_add(1);
        self.policy.set_change_index(next);
    }

    pub(super) fn disconnect(&mut self, username: &Username) {
        self.disconnects.insert(Disconnect::Username(username.clone()));
    }

    /// Disconnects whoever bears that name, known to the policy or not.
    pub(super) fn disconnect_name(&mut self, username: &[u8]) {
        if let Ok(username) = Username::new(username) {
            self.disconnects.insert(Disconnect::Username(username));
        }
    }

    pub(super) fn disconnect_anonymous(&mut self) {
        self.disconnects.insert(Disconnect::Anonymous);
    }

    pub(super) fn disconnect_all(&mut self, holders: Holders) {
        self.disconnects.extend(Disconnect::holders(holders));
    }

    pub(super) fn hash_password(&self, password: &[u8]) -> Result<PasswordHash, CommandError> {
        self.host.hash_password(password).ok_or(CommandError::Internal)
    }

    /// Logs an action as the C plugin does: who, what, and with which members.
    pub(super) fn log(&mut self, command: &str, members: &[(&str, &[u8])]) {
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

    pub(super) fn into_effects(self) -> (Vec<Disconnect>, Vec<Vec<u8>>) {
        (self.disconnects.into_iter().collect(), self.log)
    }
}
