//! Responses, and their JSON as the C plugin prints it.

use super::command::Command;
use super::error::CommandError;
use super::record::readable;
use crate::json::{Style, Writer};

/// What a response is in JSON beside its members' values, at most.
const FRAME: usize = 64;

/// What a command that was carried out answers.
pub(super) enum Answer {
    /// That it was.
    Done,
    /// What was asked for: the JSON of the response's `data`.
    Data(Vec<u8>),
}

impl Answer {
    /// An answer whose `data` object `write` fills.
    pub(super) fn data(write: impl FnOnce(&mut Writer)) -> Self {
        let mut writer = Writer::new(Style::Compact);
        writer.begin_object();
        write(&mut writer);
        writer.end_object();
        Self::Data(writer.into_bytes())
    }
}

/// The response to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    command: Vec<u8>,
    body: Body,
    correlation: Option<Vec<u8>>,
    /// What the command was about, for the audit trail.
    target: Option<Vec<u8>>,
}

/// What the audit trail tells of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub command: String,
    /// What it was about, as the JSON of an object.
    pub target: Option<&'a [u8]>,
    /// Why it was refused; `None` if it was carried out.
    pub error: Option<&'a str>,
    /// Whether it is one that changes the policy.
    pub changes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Done,
    Data(Vec<u8>),
    Error(String),
    /// An error, and what it is about.
    ErrorAbout(String, Vec<u8>),
}

impl Response {
    pub(super) fn done(command: &[u8], correlation: Option<Vec<u8>>) -> Self {
        Self { command: command.to_vec(), body: Body::Done, correlation, target: None }
    }

    pub(super) fn with_data(command: &[u8], correlation: Option<Vec<u8>>, data: Vec<u8>) -> Self {
        Self { command: command.to_vec(), body: Body::Data(data), correlation, target: None }
    }

    pub(super) fn failed(command: &[u8], correlation: Option<Vec<u8>>, error: String) -> Self {
        Self { command: command.to_vec(), body: Body::Error(error), correlation, target: None }
    }

    pub(super) fn failed_about(
        command: &[u8],
        correlation: Option<Vec<u8>>,
        error: String,
        data: Vec<u8>,
    ) -> Self {
        Self { command: command.to_vec(), body: Body::ErrorAbout(error, data), correlation, target: None }
    }

    /// The same, with what the command was about.
    pub(super) fn about(self, target: Option<Vec<u8>>) -> Self {
        Self { target, ..self }
    }

    fn entry(&self) -> Entry<'_> {
        let error = match &self.body {
            Body::Done | Body::Data(_) => None,
            Body::Error(error) | Body::ErrorAbout(error, _) => Some(error.as_str()),
        };
        Entry {
            command: readable(&self.command),
            target: self.target.as_deref(),
            error,
            changes: Command::find(&self.command).is_some_and(|command| command.mutates),
        }
    }

    /// About how many bytes it is in JSON; never too few.
    fn length(&self) -> usize {
        let body = match &self.body {
            Body::Done => 0,
            Body::Data(data) => data.len(),
            Body::Error(error) => error.len(),
            Body::ErrorAbout(error, data) => error.len().saturating_add(data.len()),
        };
        let echo = self.command.len().saturating_add(self.correlation.as_ref().map_or(0, Vec::len));
        body.saturating_add(echo.saturating_mul(super::LONGEST_ESCAPE)).saturating_add(FRAME)
    }

    fn write(&self, writer: &mut Writer) {
        writer.begin_object();
        writer.key("command");
        writer.string(&self.command);
        match &self.body {
            Body::Done => {}
            Body::Data(data) => {
                writer.key("data");
                writer.raw(data);
            }
            Body::Error(error) => {
                writer.key("error");
                writer.string(error);
            }
            Body::ErrorAbout(error, data) => {
                writer.key("error");
                writer.string(error);
                writer.key("data");
                writer.raw(data);
            }
        }
        if let Some(correlation) = &self.correlation {
            writer.key("correlationData");
            writer.string(correlation);
        }
        writer.end_object();
    }
}

/// The responses to a payload, in the order of its commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Responses {
    all: Vec<Response>,
    /// About how many bytes they are in JSON.
    length: usize,
}

impl Responses {
    /// The one response to a payload that could not be looked at.
    #[must_use]
    pub fn refusal(error: &str) -> Self {
        let mut responses = Self::default();
        responses.push(Response::failed(super::NO_COMMAND, None, error.to_owned()));
        responses
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn push(&mut self, response: Response) {
        self.length = self.length.saturating_add(response.length());
        self.all.push(response);
    }

    /// The response to what is no command, or to what is not looked at.
    pub(super) fn push_refusal(&mut self, error: &CommandError) {
        self.push(Response::failed(super::NO_COMMAND, None, error.to_string()));
    }

    /// Adds a response; one whose data would make all of them longer than `limit` becomes an error, with what
    /// it is about, if that is said in errors.
    pub(super) fn push_within(
        &mut self,
        mut response: Response,
        limit: usize,
        about: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        if matches!(response.body, Body::Data(_)) && self.length.saturating_add(response.length()) > limit {
            let error = CommandError::ResponseTooLong(limit).to_string();
            response.body = match about() {
                None => Body::Error(error),
                Some(about) => Body::ErrorAbout(error, about),
            };
        }
        self.push(response);
    }

    /// About how many bytes they are in JSON.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Makes every response that error, where what they say did not last.
    pub fn fail_all(&mut self, error: &str) {
        for response in &mut self.all {
            response.body = Body::Error(error.to_owned());
        }
    }

    /// How many commands were carried out, and how many were refused.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let is_done = |response: &&Response| matches!(response.body, Body::Done | Body::Data(_));
        let done = self.all.iter().filter(is_done).count();
        let refused = self.all.len().saturating_sub(done);
        (u64::try_from(done).unwrap_or(u64::MAX), u64::try_from(refused).unwrap_or(u64::MAX))
    }

    /// What the audit trail tells of each.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.all.iter().map(Response::entry)
    }

    /// The payload of the response message.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut writer = Writer::new(Style::Compact);
        writer.begin_object();
        writer.key("responses");
        writer.begin_array();
        for response in &self.all {
            response.write(&mut writer);
        }
        writer.end_array();
        writer.end_object();
        writer.into_bytes()
    }
}
