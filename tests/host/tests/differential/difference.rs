//! Telling what two plugins did apart.

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Write};

use plugin_host::{Message, Text};
use serde_json::Value;

use crate::contender::Outcome;
use crate::saved::Saved;
use crate::script::shortened;
use crate::wire::Delivered;

/// In what two outcomes of one step differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// What the callback returned: an ACL decision, a login, whether a payload disconnects its sender.
    ReturnCode,
    /// What was published.
    Published,
    /// Who was disconnected.
    Kicked,
    /// What was logged about what an administrator did.
    Audit,
    /// The policy file.
    Saved,
    /// What was delivered to one client.
    Delivered,
    /// Who got in.
    Connected,
    /// One of them is dead.
    Death,
}

/// A difference, written out for people.
#[derive(Clone, Debug)]
pub struct Difference {
    pub step: usize,
    pub aspect: Aspect,
    /// Whom it is about, where it is about one.
    pub client: Option<Text>,
    /// Which of the codes of an answer it is, where it is one.
    pub part: Option<usize>,
    pub ours: String,
    pub theirs: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "  step {}, {:?}", self.step, self.aspect)?;
        self.client.iter().try_for_each(|client| write!(out, ", {client}"))?;
        writeln!(out, ":")?;
        writeln!(out, "    ours:   {}", shortened(&self.ours))?;
        writeln!(out, "    theirs: {}", shortened(&self.theirs))
    }
}

/// All the aspects in which two outcomes differ.
pub fn differences(step: usize, ours: &Outcome, theirs: &Outcome) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |aspect, client: Option<&Text>, ours: &dyn Debug, theirs: &dyn Debug, equal: bool| {
        if !equal {
            let (client, ours, theirs) = (client.cloned(), format!("{ours:?}"), format!("{theirs:?}"));
            found.push(Difference { step, aspect, client, part: None, ours, theirs });
        }
    };
    compare(Aspect::ReturnCode, None, &ours.rc, &theirs.rc, ours.rc == theirs.rc);
    let as_many = ours.codes.len() == theirs.codes.len();
    compare(Aspect::ReturnCode, None, &ours.codes, &theirs.codes, as_many);
    compare(Aspect::Kicked, None, &ours.kicked, &theirs.kicked, ours.kicked == theirs.kicked);
    compare(Aspect::Audit, None, &ours.audit, &theirs.audit, ours.audit == theirs.audit);
    // Whoever was disconnected may have got some of it or not.
    let stayed = |client: &&Text| !ours.kicked.contains(*client) && !theirs.kicked.contains(*client);
    let receivers = ours.delivered.keys().chain(theirs.delivered.keys()).collect::<BTreeSet<_>>();
    for client in receivers.into_iter().filter(stayed) {
        let (ours, theirs) = (ours.delivered.get(client), theirs.delivered.get(client));
        compare(Aspect::Delivered, Some(client), &ours, &theirs, same_deliveries(ours, theirs));
    }
    // Who was disconnected by one of them only has nothing to try with the other.
    let triers = ours.connected.keys().chain(theirs.connected.keys()).collect::<BTreeSet<_>>();
    for client in
        triers.into_iter().filter(|client| ours.kicked.contains(*client) == theirs.kicked.contains(*client))
    {
        let (ours, theirs) = (ours.connected.get(client), theirs.connected.get(client));
        compare(Aspect::Connected, Some(client), &ours, &theirs, ours == theirs);
    }
    let codes = ours.codes.iter().zip(&theirs.codes).enumerate().filter(|_| as_many);
    for (part, (ours, theirs)) in codes.filter(|(_, (ours, theirs))| ours != theirs) {
        let (ours, theirs) = (ours.to_string(), theirs.to_string());
        let (aspect, part) = (Aspect::ReturnCode, Some(part));
        found.push(Difference { step, aspect, client: None, part, ours, theirs });
    }
    let same_messages = ours.published.len() == theirs.published.len()
        && ours.published.iter().zip(&theirs.published).all(|(ours, theirs)| same_message(ours, theirs));
    if !same_messages {
        let (ours, theirs) = (messages(&ours.published), messages(&theirs.published));
        found.push(Difference { step, aspect: Aspect::Published, client: None, part: None, ours, theirs });
    }
    // The order of members means nothing in a file; that of records and links does.
    if ours.saved != theirs.saved {
        let (ours, theirs) = (file(ours.saved.as_ref()), file(theirs.saved.as_ref()));
        found.push(Difference { step, aspect: Aspect::Saved, client: None, part: None, ours, theirs });
    }
    found
}

/// Responses are the same if they say the same in the same order: clients exist that match on order alone.
fn same_message(ours: &Message, theirs: &Message) -> bool {
    let same_payload = ours.payload == theirs.payload
        || ordered(&ours.payload).is_some_and(|payload| Some(payload) == ordered(&theirs.payload));
    let theirs = Message { payload: ours.payload.clone(), ..theirs.clone() };
    same_payload && *ours == theirs
}

/// The same messages in the same order; answers to commands may be spelled otherwise.
fn same_deliveries(ours: Option<&Vec<Delivered>>, theirs: Option<&Vec<Delivered>>) -> bool {
    let all = |came: Option<&Vec<Delivered>>| {
        let came = came.into_iter().flatten();
        came.map(|(topic, payload)| {
            (topic.clone(), ordered(payload).map_or_else(|| payload.clone(), |text| Text::from(&text)))
        })
        .collect::<Vec<_>>()
    };
    all(ours) == all(theirs)
}

/// JSON in one spelling, with its members in their order.
fn ordered(payload: &Text) -> Option<String> {
    serde_json::from_slice::<Value>(payload.as_bytes()).ok().map(|value| value.to_string())
}

fn messages(messages: &[Message]) -> String {
    let mut text = String::new();
    for Message { clientid, topic, payload, qos, retain, has_properties } in messages {
        let _ = write!(text, "{payload}");
        let usual = clientid.is_none() && !has_properties && (*qos, *retain) == (0, false);
        if !usual || topic.as_bytes() != b"$CONTROL/dynamic-security/v1/response" {
            let _ = write!(text, " [to {clientid:?} on {topic} qos {qos} {retain} {has_properties}] ");
        }
    }
    text
}

fn file(saved: Option<&Saved>) -> String {
    match saved {
        Some(Saved::Policy(policy)) => policy.to_string(),
        Some(Saved::Broken(error)) => format!("not JSON: {error}"),
        None => "no file".to_owned(),
    }
}

/// The responses of a payload's answer.
pub fn responses(outcome: &Outcome) -> Vec<Value> {
    let answer = outcome.published.first().map(|message| message.payload.to_string());
    let answer = answer.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    match answer.and_then(|mut answer| answer.get_mut("responses").map(Value::take)) {
        Some(Value::Array(responses)) => responses,
        _ => Vec::new(),
    }
}
