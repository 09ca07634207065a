//! What a test asks of its host and what the host answers: one JSON object a line, each way.

use std::collections::BTreeMap;
use std::ffi::c_int;

use serde::{Deserialize, Serialize};

use crate::bindings::{MOSQ_ACL_READ, MOSQ_ACL_SUBSCRIBE, MOSQ_ACL_UNSUBSCRIBE, MOSQ_ACL_WRITE};
use crate::text::Text;

/// One thing that happens to a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The broker starts: the plugin's init, with its `plugin_opt_*` lines.
    Init {
        /// Option names, without `plugin_opt_`, and their values.
        options: BTreeMap<String, String>,
        /// See [`crate::fill_freed_memory`].
        #[serde(default)]
        fill_freed_memory: bool,
    },
    /// A client is connected without being asked for a password: by its certificate, or anonymously.
    Attach {
        /// Its id. A client that has it already is replaced without a word.
        clientid: Text,
        /// Its name; anonymous without.
        #[serde(default)]
        username: Option<Text>,
        /// What a durable session of it is subscribed to: a broker checks these when it ends.
        #[serde(default)]
        subscriptions: Vec<Text>,
    },
    /// A client connects: basic-auth. It stays if the plugin accepts it.
    Connect {
        /// Its id.
        clientid: Text,
        /// Empty is none, as in the broker.
        #[serde(default)]
        username: Option<Text>,
        /// Empty is none, as in the broker.
        #[serde(default)]
        password: Option<Text>,
    },
    /// A connected client publishes, is sent something, subscribes or unsubscribes.
    Acl(AclRequest),
    /// A connected client publishes to a control topic of the plugin's.
    Control {
        /// Who.
        clientid: Text,
        /// Which; the one that it registered first if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Text>,
        /// The commands.
        payload: Text,
    },
    /// The broker's loop goes round.
    Tick {
        /// How many times.
        count: u32,
        /// Milliseconds to sleep before each.
        #[serde(default)]
        pause_ms: u64,
    },
    /// A connected client leaves.
    Disconnect {
        /// Which.
        clientid: Text,
    },
    /// SIGHUP.
    Reload,
    /// The broker ends: the plugin's cleanup.
    Cleanup,
    /// Times ACL checks, all of them `rounds` times over.
    MeasureAcl {
        /// The checks.
        checks: Vec<AclRequest>,
        /// How often to run them.
        rounds: u32,
    },
    /// The host ends, without a cleanup.
    Quit,
}

/// An ACL check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclRequest {
    /// Who: a connected client.
    pub clientid: Text,
    /// What it does.
    pub access: Access,
    /// To which topic, or topic filter.
    pub topic: Text,
}

/// What an ACL check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The broker sends the client a message.
    Read,
    /// The client publishes.
    Write,
    /// The client subscribes.
    Subscribe,
    /// The client unsubscribes.
    Unsubscribe,
}

impl Access {
    pub(crate) fn to_c(self) -> c_int {
        match self {
            Self::Read => MOSQ_ACL_READ,
            Self::Write => MOSQ_ACL_WRITE,
            Self::Subscribe => MOSQ_ACL_SUBSCRIBE,
            Self::Unsubscribe => MOSQ_ACL_UNSUBSCRIBE,
        }
    }
}

/// The host's answer to one [`Request`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What the plugin's callback returned; absent where none was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rc: Option<c_int>,
    /// Why the host could not do what it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the plugin did to its broker since the last answer, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deeds: Vec<Deed>,
    /// How long a [`Request::MeasureAcl`] took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nanoseconds: Option<u64>,
}

/// Something a plugin did by calling the broker, or that followed from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum Deed {
    /// It registered a callback.
    Register {
        /// `MOSQ_EVT_*`.
        event: c_int,
        /// The control topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Text>,
    },
    /// It removed a callback.
    Unregister {
        /// `MOSQ_EVT_*`.
        event: c_int,
    },
    /// It wrote a line into the log.
    Log {
        /// `MOSQ_LOG_*`.
        level: c_int,
        /// The line.
        line: Text,
    },
    /// It published a message.
    Publish(Message),
    /// It disconnected clients.
    Kick {
        /// How it chose them.
        who: Kicked,
        /// Whether their wills are sent.
        with_will: bool,
        /// The ids of those that were connected.
        clientids: Vec<Text>,
    },
    /// It decided a login that it had let wait.
    CompleteLogin {
        /// Whose.
        clientid: Text,
        /// `MOSQ_ERR_*`.
        rc: c_int,
    },
    /// The broker checked a subscription of a durable session that a kick ended, and the plugin answered.
    Rechecked {
        /// Whose.
        clientid: Text,
        /// The topic filter.
        topic: Text,
        /// The answer.
        rc: c_int,
    },
}

/// A message that a plugin published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The one client that gets it; absent: everybody who is subscribed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clientid: Option<Text>,
    /// Where to.
    pub topic: Text,
    /// What.
    pub payload: Text,
    /// 0 to 2.
    pub qos: c_int,
    /// Whether the broker keeps it.
    pub retain: bool,
    /// Whether it has MQTT 5 properties.
    pub has_properties: bool,
}

/// How a plugin chose the clients to disconnect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kicked {
    /// All of one username.
    Username(Text),
    /// All without a username.
    Anonymous,
    /// The one with this id.
    Clientid(Text),
    /// All.
    Everybody,
}
