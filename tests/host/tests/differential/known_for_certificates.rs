//! What is known to differ for the clients of [`FLEET`] who are connected without having logged in: all of them in the plugin
//! host, and in real brokers those with certificates.

use std::collections::BTreeSet;

use plugin_host::Text;
use serde_json::Value;

use crate::contender::{ACL_DENIED, Outcome};
use crate::difference::{Aspect, responses};
use crate::duel::Arena;
use crate::generate::FLEET;
use crate::hazards::{member, string};
use crate::known_differences::Seen;
use crate::plugins::{Version, version};
use crate::saved::Saved;
use crate::script::Step;

/// Who is disabled, or was deleted, is denied everything by ours, and disconnected at the tick after it tried.
pub fn shut_out(seen: &Seen<'_>) -> bool {
    match (seen.arena, seen.aspect, seen.step) {
        (Arena::Host, Aspect::ReturnCode, Step::Acl(request)) => {
            seen.ours.rc == Some(ACL_DENIED) && seen.shut_out.contains(&request.clientid)
        }
        (Arena::Host, Aspect::Kicked, Step::Acl(_)) => {
            seen.theirs.kicked.is_empty() && seen.ours.kicked.is_subset(seen.shut_out)
        }
        // The broker lets it in, and it may not subscribe, or is gone already.
        (Arena::BrokersByCertificate, Aspect::ReturnCode, _) => {
            is_shown_out(seen) && seen.client.is_some_and(|client| is_refused(seen.ours, client))
        }
        _ => false,
    }
}

/// Whether it is about somebody who came by a certificate and whom ours shuts out.
pub fn is_shown_out(seen: &Seen<'_>) -> bool {
    seen.arena == Arena::BrokersByCertificate
        && seen
            .client
            .is_some_and(|client| seen.shut_out.contains(client) && seen.ours.connected.contains_key(client))
}

/// Whether somebody who was let in was refused the subscription with which it begins.
fn is_refused(outcome: &Outcome, client: &Text) -> bool {
    matches!(outcome.connected.get(client).map(Vec::as_slice), Some([Some(0), _, None | Some(0x80..)]))
}

/// The usernames that the plugins have known since they were started.
pub struct Acquaintances {
    usernames: BTreeSet<String>,
}

impl Acquaintances {
    /// Those of the policy with which they start.
    pub fn of(policy: &Saved) -> Self {
        let usernames =
            policy.records("clients").map(|client| string(client, "username").to_owned()).collect();
        Self { usernames }
    }

    /// Those that a step has brought, be it for the time of a payload.
    pub fn meet(&mut self, step: &Step, outcome: &Outcome) {
        let Step::Control { payload, .. } = step else { return };
        for (command, response) in payload.commands().iter().zip(&responses(outcome)) {
            let is_new = string(command, "command").eq_ignore_ascii_case("createClient");
            if is_new && member(response, "error").is_none() {
                self.usernames.insert(string(command, "username").to_owned());
            }
        }
    }

    /// The clients whose username is disabled, or was deleted since the start.
    pub fn shut_out(&self, policy: &Saved) -> BTreeSet<Text> {
        let disabled = fleet(|username| {
            let client = record(policy, username);
            client.and_then(|client| member(client, "disabled")) == Some(&Value::Bool(true))
        });
        disabled.chain(self.deleted(policy)).collect()
    }

    /// The clients whose username was deleted since the start.
    pub fn deleted(&self, policy: &Saved) -> BTreeSet<Text> {
        fleet(|username| self.usernames.contains(username) && record(policy, username).is_none()).collect()
    }
}

/// Of records with one name the last counts, by the rules of 2.0.11.
fn record<'a>(policy: &'a Saved, username: &str) -> Option<&'a Value> {
    let mut named = policy.records("clients").filter(|client| string(client, "username") == username);
    if version() == Version::V2_0_11 { named.last() } else { named.next() }
}

/// The clients of such usernames.
fn fleet(is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = Text> {
    let meant = FLEET.into_iter().filter(move |(_, username)| username.is_some_and(&is_meant));
    meant.map(|(clientid, _)| Text::from(clientid))
}
