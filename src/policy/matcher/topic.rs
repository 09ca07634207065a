//! Topic names and topic filters: what is valid, and what an ACL's filter matches.
//!
//! ACLs can hold malformed filters (`createRole` accepts them, files hold them), and what the C
//! plugins make of those depends on how far they get in them. So the matching here walks as they do;
//! on valid filters it is MQTT 5.0 §4.7 (publish) and "covers" (subscribe).

use crate::policy::hash::is_same;
use crate::policy::{Compat, Subject};

/// The most `/` that the broker accepts in a topic (`TOPIC_HIERARCHY_LIMIT` of its build).
pub const MAX_LEVELS: usize = 200;
/// The longest topic, and the longest name, of MQTT, in bytes.
pub const MAX_TOPIC_BYTES: usize = 65_535;

/// Whether the broker accepts it as a topic filter (`mosquitto_sub_topic_check`, mosquitto.h): `+`
/// and `#` only as whole levels, `#` only last, at most 65,535 bytes and 200 `/`. 2.0.21 and
/// later refuse an empty one, 2.0.20 does not.
#[must_use]
pub fn is_valid_filter(filter: &[u8], compat: Compat) -> bool {
    if filter.is_empty() {
        return compat == Compat::V2_0;
    }
    filter.len() <= MAX_TOPIC_BYTES
        && filter.split(|byte| *byte == b'/').skip(1).take(MAX_LEVELS + 1).count() <= MAX_LEVELS
        && is_well_formed(filter)
}

/// Whether `+` and `#` stand only where MQTT 5.0 §4.7.1 has them.
pub(in crate::policy) fn is_well_formed(filter: &[u8]) -> bool {
    let mut levels = filter.split(|byte| *byte == b'/').peekable();
    while let Some(level) = levels.next() {
        let ok = match level {
            b"+" => true,
            b"#" => levels.peek().is_none(),
            _ => !has_wildcard(level),
        };
        if !ok {
            return false;
        }
    }
    true
}

/// Whether there is a `+` or a `#` in it.
pub(in crate::policy) fn has_wildcard(topic: &[u8]) -> bool {
    topic.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// What comes of holding a topic against an ACL's filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Match {
    Yes,
    No,
    /// The filter, or the topic, turned out to be malformed before the answer was clear.
    Malformed,
}

/// Does an ACL's filter match the topic of a publish?
pub(super) fn matches_topic(filter: &[u8], topic: &[u8], subject: Subject<'_>) -> Match {
    Walk { filter, topic, subject, topic_is_filter: false }.run()
}

/// Does the filter of a `subscribePattern` or `unsubscribePattern` ACL cover the asked filter?
pub(super) fn covers_filter(filter: &[u8], asked: &[u8], subject: Subject<'_>, compat: Compat) -> Match {
    match compat {
        Compat::V2_0 | Compat::V2_0_15 | Compat::V2_0_21 => covers_as_2_0(filter, asked, subject),
        Compat::V2_1 => Walk { filter, topic: asked, subject, topic_is_filter: true }.run(),
    }
}

/// 2.0 compares level by level, knows no `$` rule, and lets `#` stand for the level before it too.
fn covers_as_2_0(filter: &[u8], asked: &[u8], subject: Subject<'_>) -> Match {
    if filter == b"#" {
        return Match::Yes;
    }
    let (filter, filter_open) = without_hash(filter);
    let (asked, asked_open) = without_hash(asked);
    if asked_open && !filter_open {
        return Match::No;
    }
    let mut asked_levels = asked.split(|byte| *byte == b'/');
    for level in filter.split(|byte| *byte == b'/') {
        let Some(asked_level) = asked_levels.next() else { return Match::No };
        let fits = match Placeholder::of(level) {
            Some(placeholder) => placeholder.is_level(asked_level, subject),
            None => level == b"+" || level == asked_level,
        };
        if !fits {
            return Match::No;
        }
    }
    if asked_levels.next().is_none() || filter_open { Match::Yes } else { Match::No }
}

/// The filter without a last level of `#`, and whether there was one.
pub(in crate::policy) fn without_hash(filter: &[u8]) -> (&[u8], bool) {
    match filter {
        b"#" => (b"", true),
        [head @ .., b'/', b'#'] => (head, true),
        _ => (filter, false),
    }
}

/// `%c` or `%u` as a whole level of an ACL's filter.
#[derive(Clone, Copy)]
pub(in crate::policy) enum Placeholder {
    ClientId,
    Username,
}

impl Placeholder {
    pub(in crate::policy) fn of(level: &[u8]) -> Option<Self> {
        match level {
            b"%c" => Some(Self::ClientId),
            b"%u" => Some(Self::Username),
            _ => None,
        }
    }

    /// The placeholder that is the first level of `rest`.
    fn at_start(rest: &[u8]) -> Option<Self> {
        match rest {
            [b'%', _] | [b'%', _, b'/', ..] => Self::of(rest.get(..2)?),
            _ => None,
        }
    }

    /// Whether the level, which holds no `/`, is the subject's id or name. A wildcard never is, nor is a missing one.
    pub(in crate::policy) fn is_level(self, level: &[u8], subject: Subject<'_>) -> bool {
        self.value(&subject).is_some_and(|value| is_same(value, level)) && !has_wildcard(level)
    }

    /// What it stands for; nothing where that is missing or empty.
    #[inline]
    pub(super) fn value<'v>(self, subject: &Subject<'v>) -> Option<&'v [u8]> {
        let value = match self {
            Self::ClientId => subject.clientid.get(),
            Self::Username => subject.username,
        };
        value.filter(|value| !value.is_empty())
    }
}

/// One walk along a filter and a topic, byte by byte, as the broker's library does it.
struct Walk<'a> {
    filter: &'a [u8],
    topic: &'a [u8],
    subject: Subject<'a>,
    /// `topic` is a filter that a client asks for: its wildcards are then part of it, not an error.
    topic_is_filter: bool,
}

impl Walk<'_> {
    fn run(&self) -> Match {
        let (mut filter, mut topic) = (self.filter, self.topic);
        let (Some(filter_first), Some(topic_first)) = (filter.first(), topic.first()) else {
            return Match::Malformed;
        };
        if (*filter_first == b'$') != (*topic_first == b'$') {
            return Match::No;
        }
        let mut before = None;
        while let Some(&wanted) = filter.first() {
            if self.is_stray_wildcard(topic.first()) {
                return Match::Malformed;
            }
            if matches!(before, None | Some(b'/'))
                && let Some(placeholder) = Placeholder::at_start(filter)
            {
                let level = level_of(topic);
                if !placeholder.is_level(level, self.subject) {
                    return self.at_another_level(placeholder, filter, topic);
                }
                topic = after(topic, level.len());
                filter = after(filter, 2);
                before = Some(b'%');
                if topic.is_empty() && matches!(filter, b"" | b"/#") {
                    return Match::Yes;
                }
                continue;
            }
            if topic.first() == Some(&wanted) {
                if topic.len() == 1 && after(filter, 1) == b"/#" {
                    return Match::Yes;
                }
                (filter, topic, before) = (after(filter, 1), after(topic, 1), Some(wanted));
                if topic.is_empty() {
                    match filter {
                        b"" => return Match::Yes,
                        b"+" if before == Some(b'/') => return Match::Yes,
                        b"+" => return Match::Malformed,
                        _ => {}
                    }
                }
                continue;
            }
            match wanted {
                b'+' if self.topic_is_filter && topic.first() == Some(&b'#') => return Match::No,
                b'+' => {
                    if !is_whole_level(before, filter) {
                        return Match::Malformed;
                    }
                    let level = level_of(topic);
                    if !self.topic_is_filter && has_wildcard(level) {
                        return Match::Malformed;
                    }
                    (filter, topic, before) = (after(filter, 1), after(topic, level.len()), Some(b'+'));
                    if filter.is_empty() && topic.is_empty() {
                        return Match::Yes;
                    }
                }
                b'#' => return self.at_hash(before, filter, topic),
                _ => return mismatch(before, filter, topic),
            }
        }
        if !self.topic_is_filter && has_wildcard(topic) { Match::Malformed } else { Match::No }
    }

    /// Where the topic's level is not what the placeholder stands for. If it goes on behind the id or name, the rest is looked
    /// at like that of any other.
    fn at_another_level(&self, placeholder: Placeholder, filter: &[u8], topic: &[u8]) -> Match {
        let level = level_of(topic);
        match placeholder.value(&self.subject) {
            Some(value) if level.len() > value.len() && level.starts_with(value) => {
                mismatch(Some(b'%'), after(filter, 2), after(topic, value.len()))
            }
            _ => Match::No,
        }
    }

    fn at_hash(&self, before: Option<u8>, filter: &[u8], topic: &[u8]) -> Match {
        let last = matches!(before, None | Some(b'/')) && filter.len() == 1;
        let stray = !self.topic_is_filter && has_wildcard(topic);
        if last && !stray { Match::Yes } else { Match::Malformed }
    }

    fn is_stray_wildcard(&self, byte: Option<&u8>) -> bool {
        !self.topic_is_filter && matches!(byte, Some(b'+' | b'#'))
    }
}

/// What the broker's library makes of a byte in the filter that the topic lacks.
fn mismatch(before: Option<u8>, filter: &[u8], topic: &[u8]) -> Match {
    if topic.is_empty() && before == Some(b'+') && filter.starts_with(b"/#") {
        return Match::Yes;
    }
    let stray_hash = filter.split_last().is_some_and(|(_, head)| head.contains(&b'#'));
    if stray_hash { Match::Malformed } else { Match::No }
}

fn is_whole_level(before: Option<u8>, filter: &[u8]) -> bool {
    matches!(before, None | Some(b'/')) && matches!(filter.get(1), None | Some(b'/'))
}

fn level_of(topic: &[u8]) -> &[u8] {
    topic.split(|byte| *byte == b'/').next().unwrap_or_default()
}

fn after(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(count..).unwrap_or_default()
}

#[cfg(test)]
#[path = "topic_tests.rs"]
mod tests;
