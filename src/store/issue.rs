//! What is wrong with a file that is loaded all the same.

use std::fmt;

use crate::json::{Lines, Position};
use crate::password::HashError;
use crate::policy::OfSeveral;

/// Something in the file that takes no part in decisions, or is not taken as it is written. It stays
/// in the file as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where it stands.
    pub position: Position,
    /// The members and elements that lead there, such as `clients[3].roles[0].rolename`.
    pub path: String,
    /// What is wrong with it.
    pub what: Imperfection,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}: {}", self.position, self.what)
        } else {
            write!(f, "{}: `{}` {}", self.position, self.path, self.what)
        }
    }
}

/// The ways in which a file can be imperfect. Each text goes on after the path of what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imperfection {
    /// The file is an object without members.
    NothingInIt,
    /// A value is not of the type that is read there.
    Not(&'static str),
    /// An element has no member of this name, or it is no string.
    Without(&'static str),
    /// A name or topic is empty, and not taken.
    Empty,
    /// The name of a record is empty, and counts: before 2.1 it is one.
    EmptyName,
    /// An ACL's topic is empty, and taken, as before 2.1. No topic and no filter is.
    EmptyTopic,
    /// A name holds a NUL character.
    NulInName,
    /// A text holds a NUL character, where it ends for C.
    EndsAtNul,
    /// There is no role of this name.
    NoRole(Shown),
    /// There is no group of this name.
    NoGroup(Shown),
    /// There is no client of this name.
    NoClient(Shown),
    /// An earlier link has this name.
    Duplicate(Shown),
    /// Another record of the list has this name, and counts.
    RecordOfSeveral {
        /// The name.
        name: Shown,
        /// Which of them counts.
        counts: OfSeveral,
        /// Whether this one says the same.
        same: bool,
    },
    /// Another ACL of the type and the role has this topic, and counts.
    AclOfSeveral(Shown, OfSeveral),
    /// An earlier member of the object has the same name.
    DuplicateMember,
    /// There is no ACL type of this name.
    NoAclType(Shown),
    /// A topic filter that MQTT does not allow.
    InvalidTopic,
    /// A number that is out of bounds or not whole, and what it is taken for.
    TakenAs(i64),
    /// A password hash that cannot be used.
    BadHash(HashError),
    /// Not all of what a password is compared with is there: the client has none.
    IncompletePassword {
        /// Whether such logins are left to others, as before 2.1.
        is_left: bool,
    },
    /// `password`, `salt` and `iterations` beside an `encoded_password`, which counts.
    SecondPassword,
    /// The same beside one that cannot be used: nothing takes their place when the file is saved.
    IgnoredPassword,
    /// An `encoded_password` beside a `password` that counts.
    SecondEncoded,
}

impl Imperfection {
    /// Whether another version of the C plugin goes by what is set aside here, and lets other clients in or gives them other
    /// rights.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::RecordOfSeveral { same: false, .. })
    }
}

impl fmt::Display for Imperfection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingInIt => f.write_str("the policy is empty: nobody can log in"),
            Self::Not(expected) => write!(f, "is not {expected}: it is ignored"),
            Self::Without(name) => write!(f, "has no `{name}`: it is ignored"),
            Self::Empty => f.write_str("is empty: it is ignored"),
            Self::EmptyName => f.write_str("is empty: it counts, but is ignored from 2.1 on"),
            Self::EmptyTopic => f.write_str("is empty: it matches nothing, and is ignored from 2.1 on"),
            Self::NulInName => f.write_str("holds a NUL character: it is ignored"),
            Self::EndsAtNul => f.write_str("holds a NUL character: it is read up to there"),
            Self::NoRole(name) => write!(f, "names no role: there is no `{name}`"),
            Self::NoGroup(name) => write!(f, "names no group: there is no `{name}`"),
            Self::NoClient(name) => write!(f, "names no client: there is no `{name}`"),
            Self::AclOfSeveral(topic, OfSeveral::FirstOfHighest) => {
                write!(f, "is one of several `{topic}`: only the first of the highest priority counts")
            }
            Self::RecordOfSeveral { name, counts: OfSeveral::Last, same: false } => {
                write!(
                    f,
                    "is one of several `{name}` that differ: only the last counts, from 2.0.16 on the first"
                )
            }
            Self::RecordOfSeveral { name, same: false, .. } => {
                write!(f, "is a second `{name}`, and differs: only the first counts, up to 2.0.15 the last")
            }
            Self::AclOfSeveral(name, OfSeveral::Last)
            | Self::RecordOfSeveral { name, counts: OfSeveral::Last, .. } => {
                write!(f, "is one of several `{name}`: only the last counts")
            }
            Self::Duplicate(name) | Self::AclOfSeveral(name, _) | Self::RecordOfSeveral { name, .. } => {
                write!(f, "is a second `{name}`: only the first counts")
            }
            Self::DuplicateMember => f.write_str("is there twice: only the first counts"),
            Self::NoAclType(name) => write!(f, "is no type of ACL: there is no `{name}`"),
            Self::InvalidTopic => f.write_str("is not a valid topic filter"),
            Self::TakenAs(taken) => write!(f, "cannot be taken as it is: it is read as {taken}"),
            Self::BadHash(error) => write!(f, "cannot be used, the client cannot log in: {error}"),
            Self::IncompletePassword { is_left: false } => {
                f.write_str("is not all that a password is compared with, the client cannot log in")
            }
            Self::IncompletePassword { is_left: true } => f.write_str(
                "is not all that a password is compared with, the client's logins are left to others",
            ),
            Self::SecondPassword => {
                f.write_str("is ignored beside `encoded_password`, and goes when the file is saved")
            }
            Self::IgnoredPassword => f.write_str("is ignored beside `encoded_password`"),
            Self::SecondEncoded => {
                f.write_str("is ignored beside `password`, and goes when the file is saved")
            }
        }
    }
}

/// A name from a policy, for a log: control characters escaped, the rest of a long one left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// How much of a name is shown, in characters.
    const MOST: usize = 100;

    /// Shows that name.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let text = String::from_utf8_lossy(name);
        let mut shown: String = text.chars().take(Self::MOST).flat_map(char::escape_debug).collect();
        if text.chars().nth(Self::MOST).is_some() {
            shown.push('…');
        }
        Self(shown)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The way to a value: each step knows the one before, so that the text is made only when needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'p> {
    before: Option<&'p Self>,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Root,
    Member(&'static str),
    Element(usize),
}

impl At<'_> {
    pub(super) const ROOT: At<'static> = At { before: None, step: Step::Root };

    pub(super) fn member(&self, name: &'static str) -> At<'_> {
        At { before: Some(self), step: Step::Member(name) }
    }

    pub(super) fn element(&self, index: usize) -> At<'_> {
        At { before: Some(self), step: Step::Element(index) }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            before.fmt(f)?;
        }
        let first = self.before.is_none_or(|before| matches!(before.step, Step::Root));
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) if first => f.write_str(name),
            Step::Member(name) => write!(f, ".{name}"),
            Step::Element(index) => write!(f, "[{index}]"),
        }
    }
}

/// Collects the issues of a file.
#[derive(Debug)]
pub(super) struct Issues<'s> {
    source: &'s [u8],
    lines: Option<Lines>,
    found: Vec<Issue>,
}

impl<'s> Issues<'s> {
    pub(super) fn new(source: &'s [u8]) -> Self {
        Self { source, lines: None, found: Vec::new() }
    }

    pub(super) fn add(&mut self, at: &At<'_>, offset: usize, what: Imperfection) {
        let lines = self.lines.get_or_insert_with(|| Lines::of(self.source));
        let position = lines.position(offset);
        self.found.push(Issue { position, path: at.to_string(), what });
    }

    /// All of them, in the order in which they stand in the file.
    pub(super) fn into_sorted(mut self) -> Vec<Issue> {
        self.found.sort_by_key(|issue| issue.position);
        self.found
    }
}
