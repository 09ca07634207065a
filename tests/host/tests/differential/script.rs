//! A case: a policy file and what happens to a broker that has it. Readable, so that a failure is a recipe.

use std::borrow::Cow;
use std::fmt;

use plugin_host::{AclRequest, Text};
use serde_json::Value;

use crate::acts::Act;
use crate::generate::Dice;

/// A case.
#[derive(Clone, Debug)]
pub struct Script {
    /// The policy file at the start.
    pub policy: Value,
    pub steps: Vec<Step>,
    /// Whether to do also what the C plugin cannot survive: see [`crate::hazards`].
    pub wild: bool,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// A connected client sends a payload to the control topic.
    Control { clientid: &'static str, payload: Payload },
    /// Somebody logs in, and leaves again.
    Login { clientid: &'static str, username: Option<&'static str>, password: Option<&'static str> },
    /// A connected client is about to do something.
    Acl(AclRequest),
    /// A client does something; only on a real broker.
    Act(Act),
    /// The broker's loop goes round.
    Tick,
    /// SIGHUP.
    Reload,
    /// The broker ends and starts again.
    Restart(Files),
}

impl Step {
    /// What it is counted as.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Control { .. } => "payloads",
            Self::Login { .. } => "logins",
            Self::Acl(_) => "ACL checks",
            Self::Act(act) => act.kind(),
            Self::Tick => "ticks",
            Self::Reload => "reloads",
            Self::Restart(Files::Own) => "restarts",
            Self::Restart(Files::Swapped) => "restarts with each other's file",
        }
    }

    /// The connected client that does it.
    pub fn doer(&self) -> Option<Text> {
        match self {
            Self::Control { clientid, .. } => Some(Text::from(*clientid)),
            Self::Acl(request) => Some(request.clientid.clone()),
            Self::Act(act) => Some(Text::from(act.clientid())),
            Self::Login { .. } | Self::Tick | Self::Reload | Self::Restart(_) => None,
        }
    }
}

/// What a broker reads when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// What its own plugin wrote.
    Own,
    /// What the other plugin wrote.
    Swapped,
}

/// A control payload.
#[derive(Clone, Debug)]
pub enum Payload {
    /// What a client would send: commands, written in one of the ways that cJSON reads alike.
    Commands(Vec<Value>, Dress),
    /// Anything else.
    Junk(Vec<u8>),
}

/// How commands are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dress {
    Plain,
    Spaced,
    ByteOrderMark,
    TrailingNul,
    TrailingText,
    /// One byte for each character up to U+00FF, which is not UTF-8.
    Latin1,
    /// Every command is followed by its members again, with other values: the first count.
    MembersTwice,
    /// Control characters stand for themselves.
    RawControls,
    /// The last byte is missing.
    CutOff,
    /// A few bytes are others, by a seed.
    Damaged(u64),
}

impl Payload {
    /// The commands that C reads in it, or would but for some damage.
    pub fn commands(&self) -> Cow<'_, [Value]> {
        match self {
            Self::Commands(_, Dress::CutOff) | Self::Junk(_) => Cow::Borrowed(&[]),
            // Not the names that were meant.
            Self::Commands(commands, Dress::Latin1) => {
                let read = String::from_utf8_lossy(&Dress::Latin1.put_on(commands)).into_owned();
                let mut tree = serde_json::from_str::<Value>(&read).expect("what is not UTF-8 is in strings");
                match tree["commands"].take() {
                    Value::Array(commands) => Cow::Owned(commands),
                    _ => unreachable!("the commands are an array"),
                }
            }
            Self::Commands(commands, _) => Cow::Borrowed(commands),
        }
    }

    pub fn to_text(&self) -> Text {
        match self {
            Self::Junk(bytes) => Text::from(bytes),
            Self::Commands(commands, dress) => Text::from(&dress.put_on(commands)),
        }
    }
}

impl Dress {
    fn put_on(self, commands: &[Value]) -> Vec<u8> {
        let tree = serde_json::json!({ "commands": commands });
        let plain = tree.to_string();
        match self {
            Self::Plain => plain.into_bytes(),
            Self::Spaced => format!(" \r\n{tree:#}\t ").into_bytes(),
            Self::ByteOrderMark => [b"\xef\xbb\xbf", plain.as_bytes()].concat(),
            Self::TrailingNul => [plain.as_bytes(), b"\0"].concat(),
            Self::TrailingText => [plain.as_bytes(), b" }] and more"].concat(),
            Self::Latin1 => plain.chars().flat_map(latin1).collect(),
            Self::MembersTwice => {
                let twice = commands.iter().map(with_members_twice).collect::<Vec<_>>().join(",");
                format!("{{\"commands\":[{twice}]}}").into_bytes()
            }
            Self::RawControls => {
                let raw = [("\\n", "\n"), ("\\t", "\t"), ("\\u0001", "\u{1}")];
                raw.into_iter().fold(plain, |text, (escaped, raw)| text.replace(escaped, raw)).into_bytes()
            }
            Self::CutOff => plain.as_bytes()[..plain.len() - 1].to_vec(),
            Self::Damaged(seed) => damage(plain.into_bytes(), seed),
        }
    }
}

/// Replaces, inserts and removes some bytes: mostly those that mean something in JSON.
fn damage(mut bytes: Vec<u8>, seed: u64) -> Vec<u8> {
    const TELLING: &[u8] = b"{}[]\",:\\/u0eE+-. \n\x00\x1f\x7f\xc3\xa9\xef\xff";
    let mut dice = Dice::new(seed);
    for _ in 0..dice.number(1..=3) {
        let at = dice.number(0..=bytes.len() - 1);
        let byte = dice.pick(TELLING);
        match dice.number(0..=2) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => {
                bytes.remove(at);
            }
        }
    }
    bytes
}

fn latin1(character: char) -> Vec<u8> {
    u8::try_from(character).map_or_else(|_| character.to_string().into_bytes(), |byte| vec![byte])
}

fn with_members_twice(command: &Value) -> String {
    let Value::Object(members) = command else {
        return command.to_string();
    };
    let member = |(name, value): (&String, &Value)| format!("{}:{value}", Value::from(name.as_str()));
    let first = members.iter().map(member);
    let second = members.keys().map(|name| format!("{}:\"again\"", Value::from(name.to_uppercase())));
    format!("{{{}}}", first.chain(second).collect::<Vec<_>>().join(","))
}

impl fmt::Display for Script {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "  policy  {}", self.policy)?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(out, "  {number:>3}  {step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control { clientid, payload } => write!(out, "{clientid} sends {payload}"),
            Self::Login { clientid, username, password } => {
                write!(out, "login of {username:?} with {password:?} as {clientid}")
            }
            Self::Acl(AclRequest { clientid, access, topic }) => {
                write!(out, "{clientid} {access:?} {topic}")
            }
            Self::Act(act) => write!(out, "{act:?}"),
            Self::Tick => write!(out, "tick"),
            Self::Reload => write!(out, "reload"),
            Self::Restart(files) => write!(out, "restart, {files:?} files"),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Junk(bytes) => write!(out, "junk \"{}\"", bytes.escape_ascii()),
            Self::Commands(commands, dress) => {
                if let Dress::Damaged(_) = dress {
                    return write!(out, "({dress:?}) {}", shortened(&format!("{:?}", self.to_text())));
                }
                if *dress != Dress::Plain {
                    write!(out, "({dress:?}) ")?;
                }
                match commands.as_slice() {
                    [command] => write!(out, "{}", shortened(&command.to_string())),
                    batch => {
                        write!(out, "a batch of {}", batch.len())?;
                        batch.iter().try_for_each(|command| {
                            write!(out, "\n         {}", shortened(&command.to_string()))
                        })
                    }
                }
            }
        }
    }
}

/// Names can be 64 KiB long.
pub fn shortened(text: &str) -> String {
    const ENOUGH: usize = 1000;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
