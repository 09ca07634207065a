//! What came of a payload.

use std::sync::Arc;

use super::Responses;
use crate::policy::{Crowd, Holders, Username};

/// What a payload leads to.
#[derive(Debug)]
#[must_use]
pub struct Outcome {
    /// What to answer.
    pub responses: Responses,
    /// Whether the policy was changed and must be saved before the answer.
    pub changed: bool,
    /// Whom to disconnect, so that the changes reach them.
    pub disconnects: Vec<Disconnect>,
    /// Lines for the log, once all this is in force.
    pub log: Vec<Vec<u8>>,
}

/// Clients to disconnect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// All without a username.
    Anonymous,
    /// All of that username.
    Username(Username),
    /// Those of a crowd who are connected.
    Crowd(Arc<Crowd>),
}

impl Disconnect {
    /// Those of whom a change to a role or group takes or gives something.
    pub fn holders(holders: Holders) -> impl Iterator<Item = Self> {
        let anonymous = holders.anonymous.then_some(Self::Anonymous);
        anonymous.into_iter().chain(holders.clients.into_iter().map(Self::Username))
    }

    /// The same, and those of a crowd.
    #[must_use]
    pub fn holders_and_crowd((holders, crowd): (Holders, Option<Crowd>)) -> Vec<Self> {
        let crowd = crowd.map(|crowd| Self::Crowd(Arc::new(crowd)));
        Self::holders(holders).chain(crowd).collect()
    }
}
