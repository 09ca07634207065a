//! The right of every client to ask what its own rights are, where an option gives it.

use super::{AclRequest, Action};

/// The topic on which clients ask about themselves.
pub const SELF_TOPIC: &str = "$CONTROL/dynamic-security/v1/self";
/// The topic of the answers, each of which reaches the client that asked alone.
pub const SELF_RESPONSE_TOPIC: &str = "$CONTROL/dynamic-security/v1/self/response";

/// Whether an action is part of asking.
pub(super) fn is_part(request: &AclRequest<'_>) -> bool {
    let topic = match request.action {
        Action::PublishClientSend => SELF_TOPIC,
        Action::PublishClientReceive | Action::Subscribe | Action::Unsubscribe => SELF_RESPONSE_TOPIC,
    };
    request.topic == topic.as_bytes()
}
