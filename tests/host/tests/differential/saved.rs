//! Policy files, as far as they mean something.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::plugins::{self, Version};

/// What a policy file says.
#[derive(Clone, Debug, PartialEq)]
pub enum Saved {
    /// Without what differs by design: salts and hashes, which are random (whether there is a password is
    /// kept), and `changeIndex`, which 2.0 has not.
    Policy(Value),
    /// Not JSON.
    Broken(String),
}

/// Reads a policy file.
pub fn read(path: &Path) -> Saved {
    let bytes = fs::read(path).expect("the policy file is there");
    // Files hold the bytes that clients sent, and those need not be UTF-8.
    match serde_json::from_str(&String::from_utf8_lossy(&bytes)) {
        Ok(policy) => Saved::Policy(without_secrets(policy)),
        Err(error) => Saved::Broken(error.to_string()),
    }
}

impl Saved {
    /// The records of an array of the file.
    pub fn records(&self, array: &str) -> impl Iterator<Item = &Value> {
        let policy = match self {
            Self::Policy(policy) => Some(policy),
            Self::Broken(_) => None,
        };
        policy.and_then(|policy| policy.get(array)).and_then(Value::as_array).into_iter().flatten()
    }

    pub fn anonymous_group(&self) -> Option<&str> {
        match self {
            Self::Policy(policy) => policy.get("anonymousGroup").and_then(Value::as_str),
            Self::Broken(_) => None,
        }
    }
}

fn without_secrets(mut policy: Value) -> Value {
    if let Some(members) = policy.as_object_mut()
        && plugins::version() < Version::V2_1_2
    {
        members.shift_remove("changeIndex");
    }
    for client in policy.get_mut("clients").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(members) = client.as_object_mut() {
            hide_password(members);
        }
    }
    policy
}

/// What stands for a client's password.
const PASSWORD: &str = "has password";

/// Whether the C plugin cannot use what a client has for a password, and drops the client.
pub fn has_bad_password(client: &Value) -> bool {
    client.get(PASSWORD).is_some_and(|password| password == "bad")
}

/// Whether a client has a hash without iterations, for which 2.0.21 takes what lies in its memory.
pub fn lacks_iterations(client: &Value) -> bool {
    client.get(PASSWORD).is_some_and(|password| password == "no iterations")
}

fn hide_password(client: &mut Map<String, Value>) {
    let [password, salt, iterations, encoded] =
        ["password", "salt", "iterations", "encoded_password"].map(|member| take(client, member));
    let bytes = |text: &Value| text.as_str().map(|text| STANDARD.decode(text).map_or(0, |bytes| bytes.len()));
    let triple = [
        password.as_ref().and_then(bytes).map(|length| length == HASH_LENGTH),
        salt.as_ref().and_then(bytes).map(|length| length == SALT_LENGTH),
        iterations.as_ref().and_then(Value::as_f64).map(|iterations| iterations >= 1.0),
    ];
    let [is_hash, is_salt, is_iterations] = triple;
    // 2.0.21 takes what lies in its memory for iterations that it does not find.
    let takes_any = plugins::version() == Version::V2_0_21;
    let is_there = is_hash.is_some() && is_salt.is_some() && (is_iterations.is_some() || takes_any);
    let is_bad = is_there && triple.contains(&Some(false));
    let has_password = password.is_some() || encoded.is_some();
    let password = match (is_bad, is_there && is_iterations.is_none()) {
        (true, _) => "bad".into(),
        (false, true) => "no iterations".into(),
        (false, false) => has_password.into(),
    };
    client.insert(PASSWORD.to_owned(), password);
}

/// Removes a member, whose name counts without regard to case.
fn take(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let name = members.keys().find(|member| member.eq_ignore_ascii_case(name))?.clone();
    members.shift_remove(&name)
}

/// SHA-512.
const HASH_LENGTH: usize = 64;
/// What 2.0 takes and nothing else.
const SALT_LENGTH: usize = 12;
