//! The control API: the JSON commands of `$CONTROL/dynamic-security/v1`. Bytes in, bytes out.
//!
//! [`handle`] takes a payload, runs its commands one after another against the policy and tells what
//! came of it. Each command is all or nothing. Making the changes durable, publishing the responses and
//! disconnecting clients are the caller's.

mod about;
mod acl_list;
mod client_roles;
mod clients;
mod command;
mod default_access;
mod details;
mod effective;
mod error;
mod explain;
mod fields;
mod group_clients;
mod group_roles;
mod groups;
mod limits;
mod lint;
mod members;
mod metrics;
mod outcome;
mod page;
mod record;
mod response;
mod role_acls;
mod roles;
mod rules;
mod self_service;
mod session;
mod topic;

pub use limits::Limits;
pub use metrics::sizes;
pub use outcome::{Disconnect, Outcome};
pub use response::{Entry, Response, Responses};
pub use session::{Actor, Connection, FileFinding, Host};
pub use topic::ControlTopic;

use crate::json::{self, Problem, Value, up_to_nul};
use crate::password::Plaintext;
use crate::policy::{Compat, Policy};
use command::Command;
use error::CommandError;
use fields::Fields;
use session::Session;

/// What a response names where no command can be named.
const NO_COMMAND: &[u8] = b"Unknown command";
/// How many bytes one byte of a string may become in JSON: `\u0001`.
const LONGEST_ESCAPE: usize = 6;
/// A payload of so many bytes is read in no time.
const SHORT: usize = 1024;

/// The names of all commands, each with whether it changes the policy.
pub fn commands() -> impl Iterator<Item = (&'static str, bool)> {
    command::COMMANDS.iter().map(|command| (command.name, command.mutates))
}

/// Runs the commands of a payload.
///
/// The policy is changed in place; what it was before can be brought back with [`Policy::undo_to`] and
/// a mark taken before.
pub fn handle(policy: &mut Policy, payload: &[u8], actor: &Actor, host: &dyn Host) -> Outcome {
    let before = policy.mark();
    let mut session = Session::new(policy, actor, host);
    let mut responses = Responses::default();
    let most_commands = self_service::most_commands(actor, host);
    match read(payload, &host.limits()) {
        Ok(root) => match root.get("commands").and_then(Value::as_array) {
            Some(commands) if commands.len() > most_commands => {
                responses.push_refusal(&CommandError::TooManyCommands(most_commands));
            }
            Some(commands) => run_all(commands, &mut session, &mut responses),
            None => responses.push_refusal(&CommandError::MissingCommands),
        },
        Err(error) => responses.push_refusal(&error),
    }
    let (disconnects, log) = session.into_effects();
    Outcome { responses, changed: policy.changed_since(before), disconnects, log }
}

/// Reads a payload, if it is not too large.
fn read<'a>(payload: &'a [u8], limits: &Limits) -> Result<Value<'a>, CommandError> {
    if payload.len() > limits.payload_bytes {
        return Err(CommandError::PayloadTooLong(limits.payload_bytes));
    }
    json::parse_within(payload, limits.json_depth, limits.values()).map_err(|error| match error.what {
        Problem::TooMany { limit } => CommandError::TooManyValues(limit),
        Problem::TooDeep { limit } if limit < json::NESTING_LIMIT => CommandError::TooDeep(limit),
        _ => CommandError::NotJson,
    })
}

/// The passwords that a payload's commands may have hashed, in their order, so that this can be done before
/// they run. None is missing but those of commands that are refused for them.
#[must_use]
pub fn passwords(payload: &[u8], limits: &Limits) -> Vec<Plaintext> {
    let Ok(root) = read(payload, limits) else { return Vec::new() };
    let commands = root.get("commands").and_then(Value::as_array).unwrap_or_default();
    if commands.len() > limits.commands {
        return Vec::new();
    }
    let is_hashed = |element: &&Value<'_>| {
        let name = element.get("command").and_then(Value::as_bytes).map(up_to_nul);
        name.and_then(Command::find).is_some_and(|command| command.hashes_password)
    };
    let password = |element: &Value<'_>| Fields::new(element).string("password").map(Plaintext::new);
    commands.iter().filter(is_hashed).filter_map(password).collect()
}

/// The answer to a payload that is not run: the same error for each of its commands.
#[must_use]
pub fn refused(payload: &[u8], error: &str, limits: &Limits) -> Responses {
    let mut responses = Responses::default();
    let root = read(payload, limits).ok();
    let commands = root.as_ref().and_then(|root| root.get("commands")).and_then(Value::as_array);
    for element in commands.unwrap_or_default().iter().take(limits.commands) {
        let member = |name| element.get(name).and_then(Value::as_bytes).map(up_to_nul);
        let name = member("command").unwrap_or(NO_COMMAND);
        let correlation = member("correlationData").map(<[u8]>::to_vec);
        responses.push(Response::failed(name, correlation, error.to_owned()));
    }
    if responses.is_empty() { Responses::refusal(error) } else { responses }
}

/// The same where many may come that are refused: a long payload is not read, so that one response says it, and of one with
/// many commands only the first have responses.
#[must_use]
pub fn refused_if_short(payload: &[u8], error: &str, limits: &Limits) -> Responses {
    if payload.len() > SHORT {
        return Responses::refusal(error);
    }
    let limits = Limits { commands: limits.commands.min(self_service::MOST_COMMANDS), ..*limits };
    refused(payload, error, &limits)
}

/// Runs a batch. Where an element is no command, 2.1 answers and stops, 2.0 goes on; both stop at a
/// correlationData that is no string. An element that is no command is answered with the
/// correlationData of the command before it, as the C plugins do.
fn run_all(commands: &[Value<'_>], session: &mut Session<'_>, responses: &mut Responses) {
    let mut correlation: Option<Vec<u8>> = None;
    for element in commands {
        let name = match (element.is_object(), element.get("command").and_then(Value::as_bytes)) {
            (true, Some(name)) => up_to_nul(name),
            (is_object, _) => {
                let error = if is_object { CommandError::MissingCommand } else { CommandError::NotAnObject };
                responses.push(Response::failed(NO_COMMAND, correlation.clone(), error.to_string()));
                if session.compat() == Compat::V2_1 {
                    return;
                }
                continue;
            }
        };
        correlation = match element.get("correlationData").map(Value::as_bytes) {
            None => None,
            Some(Some(bytes)) => Some(up_to_nul(bytes).to_vec()),
            Some(None) => {
                let error = CommandError::CorrelationDataType.to_string();
                responses.push(Response::failed(name, None, error));
                return;
            }
        };
        let limit = session.limits().response_bytes;
        // What is answered for certain has its place before the command is run, so that nothing is done
        // of which nobody can be told.
        let echo = name.len().saturating_add(correlation.as_ref().map_or(0, Vec::len));
        if responses.length().saturating_add(echo.saturating_mul(LONGEST_ESCAPE)) > limit {
            responses.push_refusal(&CommandError::ResponseTooLong(limit));
            return;
        }
        let target = session.host.audits().then(|| record::target(element));
        let fields = Fields::new(element);
        let response = run(name, correlation.clone(), &fields, session).about(target);
        responses.push_within(response, limit, || {
            let names_subject = Command::find(name).is_some_and(|command| command.names_subject);
            names_subject.then(|| about::echo(&fields, session.policy))
        });
    }
}

fn run(
    name: &[u8],
    correlation: Option<Vec<u8>>,
    fields: &Fields<'_>,
    session: &mut Session<'_>,
) -> Response {
    let Some(command) = Command::find(name) else {
        return Response::failed(name, correlation, CommandError::UnknownCommand.to_string());
    };
    // 2.0 answers with its own spelling of the command, 2.1 with the client's, but where it has data.
    let echoed = match session.compat() {
        Compat::V2_0 | Compat::V2_0_15 | Compat::V2_0_21 => command.name.as_bytes(),
        Compat::V2_1 => name,
    };
    if let Some(error) = command.refused_on(session.actor.topic) {
        return Response::failed(echoed, correlation, error.to_string());
    }
    match (command.run)(session, fields) {
        Ok(response::Answer::Done) => {
            if command.mutates {
                session.count_change();
            }
            Response::done(echoed, correlation)
        }
        Ok(response::Answer::Data(data)) => Response::with_data(command.name.as_bytes(), correlation, data),
        Err(error) if command.names_subject => {
            let about = about::echo(fields, session.policy);
            Response::failed_about(echoed, correlation, error.to_string(), about)
        }
        Err(error) => Response::failed(echoed, correlation, error.to_string()),
    }
}
