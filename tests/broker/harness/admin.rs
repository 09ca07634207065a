//! An administrator: commands go out on the control topic, answers come back on the other.

use serde_json::{Value, json};

use super::client::{Client, Connector};
use super::packet::Message;

/// Where commands go.
pub(crate) const CONTROL: &str = "$CONTROL/dynamic-security/v1";
/// Where answers come from.
pub(crate) const RESPONSE: &str = "$CONTROL/dynamic-security/v1/response";

/// A client that may use the control API and listens for its answers.
pub(crate) struct Admin {
    connector: Connector,
    client: Client,
}

impl Admin {
    #[track_caller]
    pub(crate) fn connect(connector: Connector) -> Self {
        let client = connector.connect().subscribed(RESPONSE);
        Self { connector, client }
    }

    /// Comes back after having been disconnected.
    #[track_caller]
    pub(crate) fn reconnect(&mut self) {
        self.client = self.connector.connect().subscribed(RESPONSE);
    }

    /// Ends the connection in order.
    pub(crate) fn disconnect(self) {
        self.client.disconnect();
    }

    /// The client underneath.
    pub(crate) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Sends a payload as it is and waits for nothing.
    pub(crate) fn send(&self, payload: impl Into<Vec<u8>>) {
        self.client.send(CONTROL, payload, 1, false);
    }

    /// The next answer, as it was delivered.
    #[track_caller]
    pub(crate) fn response_message(&mut self) -> Message {
        let message = self.client.receive();
        assert_eq!(message.topic, RESPONSE, "{message:?}");
        message
    }

    /// The next answer.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Value {
        let message = self.response_message();
        serde_json::from_slice(&message.payload).unwrap_or_else(|error| panic!("{error} in {message:?}"))
    }

    /// Sends a payload as it is; the whole answer.
    #[track_caller]
    pub(crate) fn exchange(&mut self, payload: impl Into<Vec<u8>>) -> Value {
        self.send(payload);
        self.response()
    }

    /// Sends commands in one payload; one response for each.
    #[track_caller]
    pub(crate) fn batch(&mut self, commands: &Value) -> Vec<Value> {
        let payload = json!({ "commands": commands }).to_string();
        let mut answer = self.exchange(payload);
        match answer["responses"].take() {
            Value::Array(responses) => responses,
            other => panic!("`responses` is {other}"),
        }
    }

    /// Sends one command; its response.
    #[track_caller]
    pub(crate) fn command(&mut self, command: &Value) -> Value {
        let mut responses = self.batch(&json!([command]));
        assert_eq!(responses.len(), 1, "{command} got {responses:?}");
        responses.remove(0)
    }

    /// Sends commands that all have to succeed; their `data`, null where there is none.
    #[track_caller]
    pub(crate) fn all_fine(&mut self, commands: &Value) -> Vec<Value> {
        let responses = self.batch(commands);
        assert_eq!(responses.len(), commands.as_array().map_or(0, Vec::len), "{responses:?}");
        responses
            .into_iter()
            .map(|mut response| {
                assert_eq!(response.get("error"), None, "{commands} got {response}");
                response["data"].take()
            })
            .collect()
    }

    /// Sends one command that has to succeed; its `data`.
    #[track_caller]
    pub(crate) fn fine(&mut self, command: &Value) -> Value {
        self.all_fine(&json!([command])).remove(0)
    }

    /// Sends one command that has to fail; the error.
    #[track_caller]
    pub(crate) fn error(&mut self, command: &Value) -> String {
        let response = self.command(command);
        match &response["error"] {
            Value::String(error) => error.clone(),
            _ => panic!("{command} got {response}"),
        }
    }

    /// Makes a client who may log in with the password `pw`.
    #[track_caller]
    pub(crate) fn create_client(&mut self, username: &str) {
        self.fine(&json!({"command": "createClient", "username": username, "password": "pw"}));
    }

    /// Makes a role with these ACLs, each `[acltype, topic, allow]` or `[acltype, topic, allow, priority]`.
    #[track_caller]
    pub(crate) fn create_role(&mut self, rolename: &str, acls: &Value) {
        let acls: Vec<Value> = acls.as_array().into_iter().flatten().map(acl).collect();
        self.fine(&json!({"command": "createRole", "rolename": rolename, "acls": acls}));
    }

    /// Makes a client, password `pw`, with a role of these ACLs; the role has the client's name.
    #[track_caller]
    pub(crate) fn create_client_with(&mut self, username: &str, acls: &Value) {
        self.create_client(username);
        self.create_role(username, acls);
        self.fine(&json!({"command": "addClientRole", "username": username, "rolename": username}));
    }
}

/// An ACL from `[acltype, topic, allow]` or `[acltype, topic, allow, priority]`.
pub(crate) fn acl(short: &Value) -> Value {
    let mut acl = json!({"acltype": short[0], "topic": short[1], "allow": short[2]});
    if let Some(priority) = short.get(3) {
        acl["priority"] = priority.clone();
    }
    acl
}

/// An answer without the members that 2.1 adds to those of 2.0: who is connected, and whether a role lets its
/// holders use wildcards.
pub(crate) fn without_2_1s(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.shift_remove("connections");
            members.shift_remove("allowwildcardsubs");
            for member in members.values_mut() {
                *member = without_2_1s(member.take());
            }
        }
        Value::Array(elements) => {
            for element in elements {
                *element = without_2_1s(element.take());
            }
        }
        _ => {}
    }
    value
}
