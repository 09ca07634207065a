//! How much a payload may ask for. The defaults refuse nothing that the C plugins take in practice.

use super::error::{CommandError, Member};
use crate::json::NESTING_LIMIT;
use crate::policy::{MAX_LEVELS, MAX_TOPIC_BYTES};

/// How many JSON values a payload may have for each command that it may have.
const VALUES_FOR_EACH_COMMAND: usize = 20;

/// The bytes of the longest string of MQTT, of a topic or a name.
const MAX_STRING_BYTES: usize = MAX_TOPIC_BYTES;

/// The limits of control payloads and of their responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of a payload.
    pub payload_bytes: usize,
    /// The commands of a payload. It may have twenty times as many JSON values, so that what it takes in
    /// memory has a bound too.
    pub commands: usize,
    /// How deep its arrays and objects may be nested.
    pub json_depth: usize,
    /// The bytes of a name that a command makes: usernames, client ids, names of groups and roles.
    pub name_bytes: usize,
    /// The bytes of an ACL's topic.
    pub topic_bytes: usize,
    /// The `/` in an ACL's topic.
    pub topic_levels: usize,
    /// The ACLs of a role.
    pub acls_per_role: usize,
    /// The bytes of a response.
    pub response_bytes: usize,
}

impl Limits {
    /// What they are where no option says otherwise.
    pub const DEFAULT: Self = Self {
        payload_bytes: 33_554_432,
        commands: 100_000,
        json_depth: NESTING_LIMIT,
        name_bytes: MAX_STRING_BYTES,
        topic_bytes: MAX_STRING_BYTES,
        topic_levels: MAX_LEVELS,
        acls_per_role: 1_000_000,
        response_bytes: 200_000_000,
    };

    /// How many JSON values a payload may have.
    pub(super) fn values(&self) -> usize {
        self.commands.saturating_mul(VALUES_FOR_EACH_COMMAND)
    }

    /// A name that a command makes. At MQTT's own bound the other checks are what there is.
    pub(super) fn check_name(&self, name: &[u8], member: Member) -> Result<(), CommandError> {
        if self.name_bytes < MAX_STRING_BYTES && name.len() > self.name_bytes {
            return Err(CommandError::NameTooLong(member, self.name_bytes));
        }
        Ok(())
    }

    /// The topic of an ACL that a command makes. At MQTT's own bounds the other checks are what there is.
    pub(super) fn check_topic(&self, topic: &[u8]) -> Result<(), CommandError> {
        if self.topic_bytes < MAX_STRING_BYTES && topic.len() > self.topic_bytes {
            return Err(CommandError::TopicTooLong(self.topic_bytes));
        }
        if self.topic_levels < MAX_LEVELS
            && topic.split(|&byte| byte == b'/').skip(1).count() > self.topic_levels
        {
            return Err(CommandError::TopicTooDeep(self.topic_levels));
        }
        Ok(())
    }

    /// The number of ACLs that a role is to have.
    pub(super) fn check_acls(&self, count: usize) -> Result<(), CommandError> {
        if count > self.acls_per_role { Err(CommandError::TooManyAcls(self.acls_per_role)) } else { Ok(()) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
