//! The one form of a log line about a denial. What clients choose is escaped, so that no name or topic can look like
//! another member or another line.

use crate::policy::{AclRequest, Decision, Effect, LoginRequest, NotLoggedIn, Reason};

/// How many bytes of each of these are shown: brokers cut a line at 1,000.
pub(super) const MOST_OF_NAME: usize = 90;
pub(super) const MOST_OF_TOPIC: usize = 200;

/// Somebody was not let in, or not let do something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denial<'a> {
    /// `login`, or the name of the action.
    pub(super) what: &'static str,
    pub(super) clientid: Option<&'a [u8]>,
    pub(super) username: Option<&'a [u8]>,
    pub(super) address: Option<&'a [u8]>,
    pub(super) topic: Option<&'a [u8]>,
    pub(super) reason: &'static str,
    /// The names of the group and the role.
    pub(super) group: Option<&'a [u8]>,
    pub(super) role: Option<&'a [u8]>,
    /// The filter of the ACL that decided.
    pub(super) acl: Option<&'a [u8]>,
    /// It was left to others, who refuse if there are none.
    pub(super) deferred: bool,
    /// It is a login that a reload has asked for: nobody has tried anything.
    pub(super) of_reload: bool,
}

impl<'a> Denial<'a> {
    /// A login that was refused, or left to others, for that reason. It may be one that a reload has asked for.
    pub(crate) fn of_login(
        request: &LoginRequest<'a>,
        reason: NotLoggedIn,
        effect: Effect,
        of_reload: bool,
    ) -> Self {
        Self {
            what: "login",
            clientid: request.subject.clientid.get(),
            username: request.subject.username,
            address: request.address,
            topic: None,
            reason: reason.name(),
            group: None,
            role: None,
            acl: None,
            deferred: effect == Effect::Defer,
            of_reload,
        }
    }

    /// An action that was refused, or left to others.
    pub(crate) fn of_action(
        request: &AclRequest<'a>,
        decision: &Decision<'a>,
        address: Option<&'a [u8]>,
    ) -> Self {
        let (group, role, acl) = match decision.reason {
            Reason::Acl { group, role, acl, .. } | Reason::MalformedAcl { group, role, acl, .. } => {
                (group, Some(role), Some(&*acl.topic))
            }
            Reason::WildcardSubscription { group, role } => (group, Some(role), None),
            _ => (None, None, None),
        };
        Self {
            what: request.action.name(),
            clientid: request.subject.clientid.get(),
            username: request.subject.username,
            address,
            topic: Some(request.topic),
            reason: decision.reason.name(),
            group: group.map(|group| group.name.as_bytes()),
            role: role.map(|role| role.name.as_bytes()),
            acl,
            deferred: decision.effect == Effect::Defer,
            of_reload: false,
        }
    }

    /// Whether it is that of a login, and of no action.
    pub(super) fn is_login(&self) -> bool {
        self.topic.is_none()
    }

    /// All members, each ` | name=value`, but for the first, which is what was denied.
    pub(super) fn members(&self) -> Vec<u8> {
        let mut line = Line(b" | ".to_vec());
        line.0.extend_from_slice(self.what.as_bytes());
        line.who(self);
        line.member("topic", self.topic, MOST_OF_TOPIC);
        line.plain("reason", self.reason);
        line.member("role", self.role, MOST_OF_NAME);
        line.member("group", self.group, MOST_OF_NAME);
        line.member("acl", self.acl, MOST_OF_NAME);
        line.marks(self);
        line.0
    }

    /// The members of what a client is denied besides, on topics too many to name, or an address with other names.
    pub(super) fn members_of_more(&self) -> Vec<u8> {
        let mut line = Line(b" | ".to_vec());
        line.0.extend_from_slice(self.what.as_bytes());
        if self.is_login() {
            line.plain("username", "(more)");
            line.member("address", self.address, MOST_OF_NAME);
            line.marks(self);
        } else {
            line.who(self);
            line.plain("topic", "(more)");
        }
        line.0
    }
}

struct Line(Vec<u8>);

impl Line {
    fn who(&mut self, denial: &Denial<'_>) {
        self.member("clientid", denial.clientid, MOST_OF_NAME);
        self.member("username", denial.username, MOST_OF_NAME);
        self.member("address", denial.address, MOST_OF_NAME);
    }

    fn marks(&mut self, denial: &Denial<'_>) {
        for (mark, is_there) in [("deferred", denial.deferred), ("reload", denial.of_reload)] {
            if is_there {
                self.0.extend_from_slice(b" | ");
                self.0.extend_from_slice(mark.as_bytes());
            }
        }
    }

    fn plain(&mut self, name: &str, value: &str) {
        for part in [" | ", name, "=", value] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    fn member(&mut self, name: &str, value: Option<&[u8]>, most: usize) {
        if let Some(value) = value {
            self.plain(name, "");
            escape(&mut self.0, value, most);
        }
    }
}

/// Appends a value that somebody chose: letters, digits and ASCII's signs as they are, the rest escaped. Of more than
/// `most` bytes the beginning.
pub(crate) fn escape(line: &mut Vec<u8>, value: &[u8], most: usize) {
    let end = line.len().saturating_add(most);
    for chunk in value.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if line.len() >= end {
                return line.extend_from_slice(b"...");
            }
            match letter {
                '|' => line.extend_from_slice(b"\\x7c"),
                ' ' => line.push(b' '),
                '!'..='~' if letter != '\\' => {
                    line.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                '\0'..='\x7f' => line.extend(letter.escape_default().collect::<String>().bytes()),
                _ if letter.is_alphanumeric() => {
                    line.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => line.extend(letter.escape_unicode().collect::<String>().bytes()),
            }
        }
        for byte in chunk.invalid() {
            if line.len() >= end {
                return line.extend_from_slice(b"...");
            }
            line.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &[u8], most: usize) -> String {
        let mut line = Vec::new();
        escape(&mut line, value, most);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn values_cannot_forge_members_or_lines() {
        for (value, as_shown) in [
            (&b"sensor/1/+"[..], "sensor/1/+"),
            (b"a | reason=acl", "a \\x7c reason=acl"),
            (b"a\ndynsec: denied", "a\\ndynsec: denied"),
            (b"a\r\x1b[2J\x7f", "a\\r\\u{1b}[2J\\u{7f}"),
            (b"back\\slash", "back\\\\slash"),
            ("Müller/温度".as_bytes(), "Müller/温度"),
            ("a\u{2028}b\u{85}c\u{202e}".as_bytes(), "a\\u{2028}b\\u{85}c\\u{202e}"),
            (b"M\xfcller", "M\\xfcller"),
            (b"", ""),
        ] {
            assert_eq!(shown(value, 100), as_shown);
        }
    }

    #[test]
    fn long_values_are_cut_and_show_it() {
        assert_eq!(shown(b"abcdef", 6), "abcdef");
        assert_eq!(shown(b"abcdefg", 6), "abcdef...");
        assert_eq!(shown(&[0xff; 9], 8), "\\xff\\xff...");
    }
}
