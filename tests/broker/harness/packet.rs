//! What a client sees, alike for both protocol versions.

use std::fmt;

/// CONNACK of MQTT 3.1.1: not authorised (§3.2.2.3).
pub(crate) const REFUSED_V311: u8 = 5;
/// SUBACK of MQTT 3.1.1: failure (§3.9.3).
pub(crate) const FAILURE_V311: u8 = 0x80;
/// MQTT 5.0: not authorized.
pub(crate) const NOT_AUTHORIZED: u8 = 0x87;
/// MQTT 5.0, CONNACK: server busy.
pub(crate) const SERVER_BUSY: u8 = 0x89;
/// MQTT 5.0, UNSUBACK: no subscription existed.
pub(crate) const NO_SUBSCRIPTION: u8 = 0x11;
/// MQTT 5.0, DISCONNECT: administrative action.
pub(crate) const ADMINISTRATIVE_ACTION: u8 = 0x98;

/// The protocol version of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    V311,
    V5,
}

/// Both, for cases that ask the same of each.
pub(crate) const BOTH: [Protocol; 2] = [Protocol::V311, Protocol::V5];

impl Protocol {
    /// The code of a CONNACK that refuses a login.
    pub(crate) fn refusal(self) -> u8 {
        match self {
            Self::V311 => REFUSED_V311,
            Self::V5 => NOT_AUTHORIZED,
        }
    }

    /// The code of a SUBACK that refuses a filter.
    pub(crate) fn denial(self) -> u8 {
        match self {
            Self::V311 => FAILURE_V311,
            Self::V5 => NOT_AUTHORIZED,
        }
    }
}

/// A message as it was delivered.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    /// Whether it had any property (MQTT 5.0).
    pub(crate) properties: bool,
}

impl Message {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` on `{}` at QoS {}", self.text(), self.topic, self.qos)?;
        if self.retain {
            f.write_str(", retained")?;
        }
        if self.dup {
            f.write_str(", duplicate")?;
        }
        Ok(())
    }
}

/// What a client sends besides CONNECT.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Subscribe(Vec<(String, u8)>),
    Unsubscribe(String),
    Publish {
        topic: String,
        payload: Vec<u8>,
        qos: u8,
        retain: bool,
    },
    /// An orderly end.
    Disconnect,
}

/// What a client receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Connected {
        session_present: bool,
    },
    /// The connection was refused; the CONNACK's code, if there was one.
    Refused(Option<u8>),
    Suback(Vec<u8>),
    /// Codes are empty in MQTT 3.1.1.
    Unsuback(Vec<u8>),
    Puback(u8),
    Pubrec(u8),
    Pubcomp(u8),
    Message(Message),
    /// The connection is over.
    Closed,
}

/// How a client connects.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) port: u16,
    pub(crate) client_id: String,
    pub(crate) protocol: Protocol,
    pub(crate) login: Option<(String, String)>,
    /// Whether the session outlives the connection.
    pub(crate) durable: bool,
    /// For how many seconds; only MQTT 5.0 can say so.
    pub(crate) expiry: u32,
    pub(crate) will: Option<Will>,
}

/// A will.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) retain: bool,
}

/// One side of a connection that a thread serves.
pub(crate) trait Link {
    /// Hands a request to the connection. Nothing happens when it is over.
    fn send(&self, request: Request);
}
