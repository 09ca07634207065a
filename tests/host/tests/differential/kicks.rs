//! Whom a command concerns, as the policy has it: the measure of who may be disconnected by it.

use std::collections::BTreeSet;

use plugin_host::Text;
use serde_json::Value;

use crate::generate::FLEET;
use crate::hazards::string;
use crate::saved::Saved;

/// The connected clients that have a role: themselves, through a group, or as anonymous clients.
pub fn holders(policy: &Saved, role: &str) -> BTreeSet<Text> {
    let has_role = |record: &&Value| links(record, "roles", "rolename").any(|name| name == role);
    let clients = policy.records("clients").filter(has_role).map(|client| string(client, "username"));
    let groups = policy.records("groups").filter(has_role).map(|group| string(group, "groupname"));
    let direct = clients.flat_map(|username| connected(Some(username)));
    direct.chain(groups.flat_map(|group| members(policy, group))).collect()
}

/// The connected clients that are in a group.
pub fn members(policy: &Saved, group: &str) -> BTreeSet<Text> {
    let records = policy.records("groups").filter(|record| string(record, "groupname") == group);
    let members = records.flat_map(|record| links(record, "clients", "username"));
    let named = members.flat_map(|username| connected(Some(username)));
    let is_anonymous = policy.anonymous_group() == Some(group);
    named.chain(is_anonymous.then(|| connected(None)).into_iter().flatten()).collect()
}

/// The connected clients of a username.
pub fn connected(wanted: Option<&str>) -> BTreeSet<Text> {
    let clients = FLEET.into_iter().filter(|(_, username)| *username == wanted);
    clients.map(|(clientid, _)| Text::from(clientid)).collect()
}

/// The username of a connected client.
pub fn username_of(clientid: &Text) -> Option<&'static str> {
    FLEET.into_iter().find(|(id, _)| Text::from(*id) == *clientid).and_then(|(_, username)| username)
}

fn links<'a>(record: &'a Value, array: &str, name: &'a str) -> impl Iterator<Item = &'a str> {
    record.get(array).and_then(Value::as_array).into_iter().flatten().map(move |link| string(link, name))
}
