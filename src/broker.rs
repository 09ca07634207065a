//! What the plugin asks of the broker that hosts it.

use std::time::Instant;

/// The broker, as the plugin sees it.
///
/// Unless its doc says otherwise, a method may be called from the broker's own thread only, with no lock held: a kick
/// re-enters the plugin before it returns.
pub trait Broker: Send + Sync {
    /// Writes a line to the broker's log. A NUL ends it. A subscriber to `$SYS/broker/log/#` is sent it
    /// at once, so this too re-enters the plugin. Brokers of 2.0 and 2.1 cut a line at 1,000 bytes.
    fn log(&self, level: LogLevel, message: &[u8]);

    /// Publishes a message at QoS 0, not retained, to every client that may read it.
    ///
    /// # Errors
    /// [`PublishError`] with the broker's code.
    fn publish(&self, topic: &'static str, payload: &[u8]) -> Result<(), PublishError>;

    /// Sends a message at QoS 0 to the client of that id alone, when the loop comes round. The broker does not ask
    /// whether it may read it.
    ///
    /// # Errors
    /// [`PublishError`] with the broker's code.
    fn publish_to(
        &self,
        _clientid: &[u8],
        _topic: &'static str,
        _payload: &[u8],
    ) -> Result<(), PublishError> {
        Err(PublishError::NOT_SUPPORTED)
    }

    /// Disconnects the clients of that username, without their wills.
    fn kick_username(&self, username: &[u8]);

    /// Disconnects the client of that id, without its will.
    fn kick_clientid(&self, clientid: &[u8]);

    /// Answers a login that was answered "later" before. If its client is gone, nothing happens. Else the broker
    /// sends its CONNACK, takes over its session, and asks and tells the plugin about all that before it returns.
    fn complete_login(&self, _clientid: &[u8], _let_in: bool) {}

    /// The time now, for what is done a part at a time. From any thread, with any lock held.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Makes the broker's loop come round, and tick, soon. From any thread. It is no promise: a wake that
    /// comes just before the loop begins to wait is lost, so whoever waits for the tick repeats it (`bell`).
    fn wake(&self) {}

    /// Shows every client that the broker has, also the absent ones whose sessions it keeps, in its order; false if
    /// it cannot tell, as 2.0. It calls nothing else, so that a lock may be held.
    fn each_client(&self, show: &mut dyn FnMut(ConnectedClient<'_>)) -> bool {
        let _ = show;
        false
    }

    /// Shows the client of that id, if there is one; false likewise.
    fn client_by_id(&self, clientid: &[u8], show: &mut dyn FnMut(ConnectedClient<'_>)) -> bool {
        let _ = (clientid, show);
        false
    }

    /// The last number of a 2.0 broker's version, 21 for 2.0.21, where it can be known.
    fn patch_of_2_0(&self) -> Option<u8> {
        None
    }
}

/// A client as the broker shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectedClient<'a> {
    /// `None` is an anonymous client.
    pub username: Option<&'a [u8]>,
    /// Where it is connected from, or was; unknown of a session that the broker has from its own file.
    pub address: Option<&'a [u8]>,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// What an operator did or may want to know.
    Info,
    /// What an operator should know.
    Notice,
    /// What an operator should look into.
    Warning,
    /// What an operator must mend.
    Error,
}

/// The broker would not publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishError {
    /// Its `MOSQ_ERR_*` code (`mosquitto.h`).
    pub code: i32,
}

impl PublishError {
    /// A broker that does not know how (`mosquitto.h`: `MOSQ_ERR_NOT_SUPPORTED`).
    pub const NOT_SUPPORTED: Self = Self { code: 10 };
}

/// The family of brokers that loaded the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BrokerFamily {
    /// 2.0.11 up to 2.1: what 2.1 added is not there.
    V2_0,
    /// 2.1 and later.
    V2_1,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A broker that does nothing.
    pub(crate) struct Silent;

    impl Broker for Silent {
        fn log(&self, _: LogLevel, _: &[u8]) {}

        fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
            Ok(())
        }

        fn kick_username(&self, _: &[u8]) {}

        fn kick_clientid(&self, _: &[u8]) {}
    }
}
