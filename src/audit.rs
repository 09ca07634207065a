//! The audit trail's lines: one JSON object for each command of an administrator.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::control::{Actor, ControlTopic, Entry};
use crate::json::{Style, Writer};

/// Lines that were made at one time, by one actor: what all of them begin with is there once, however long the names are.
#[derive(Debug)]
pub(crate) struct Lines {
    head: Vec<u8>,
    /// The rest of each line, with its line feed, which stands nowhere else in it.
    rests: Vec<u8>,
    count: u64,
    changes: bool,
}

/// What was done without a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The policy file was changed by another hand, and read again: that many records differ.
    Reload { records: usize },
    /// The same, but the file cannot be used, for that reason.
    RefusedReload(String),
    /// The password of that client was hashed again at its login.
    RehashPassword(Vec<u8>),
}

impl Lines {
    /// The lines about a payload's commands.
    pub(crate) fn of_commands<'a>(
        actor: &Actor,
        entries: impl IntoIterator<Item = Entry<'a>>,
        now: SystemTime,
    ) -> Self {
        let mut lines = Self::begin(now, |writer| {
            for (name, value) in
                [("username", &actor.username), ("clientid", &actor.clientid), ("address", &actor.address)]
            {
                if let Some(value) = value {
                    writer.key(name);
                    writer.string(String::from_utf8_lossy(value).as_bytes());
                }
            }
            if actor.topic == ControlTopic::Query {
                writer.key("topic");
                writer.string("query");
            }
        });
        for entry in entries {
            lines.changes |= entry.changes;
            lines.add(&entry.command, entry.error.unwrap_or("done"), |writer| {
                if let Some(target) = entry.target {
                    writer.key("target");
                    writer.raw(target);
                }
            });
        }
        lines
    }

    /// The line about a deed without a command.
    pub(crate) fn of_deed(deed: &Deed, now: SystemTime) -> Self {
        let (actor, name) = match deed {
            Deed::Reload { .. } | Deed::RefusedReload(_) => ("file", "reload"),
            Deed::RehashPassword(_) => ("plugin", "rehashPassword"),
        };
        let outcome = match deed {
            Deed::RefusedReload(why) => why,
            Deed::Reload { .. } | Deed::RehashPassword(_) => "done",
        };
        let mut lines = Self::begin(now, |writer| {
            writer.key("actor");
            writer.string(actor);
        });
        lines.changes = true;
        lines.add(name, outcome, |writer| match deed {
            Deed::Reload { records } => {
                writer.key("target");
                writer.begin_object();
                writer.key("records");
                writer.int(i64::try_from(*records).unwrap_or(i64::MAX));
                writer.end_object();
            }
            Deed::RehashPassword(username) => {
                writer.key("target");
                writer.begin_object();
                writer.key("username");
                writer.string(String::from_utf8_lossy(username).as_bytes());
                writer.end_object();
            }
            Deed::RefusedReload(_) => {}
        });
        lines
    }

    fn begin(now: SystemTime, who: impl FnOnce(&mut Writer)) -> Self {
        let mut writer = Writer::new(Style::Compact);
        writer.begin_object();
        writer.key("time");
        writer.string(utc(now));
        who(&mut writer);
        Self { head: writer.into_bytes(), rests: Vec::new(), count: 0, changes: false }
    }

    fn add(&mut self, command: &str, outcome: &str, target: impl FnOnce(&mut Writer)) {
        let mut writer = Writer::append_to(std::mem::take(&mut self.rests), Style::Compact);
        let start = writer.written().len();
        writer.begin_object();
        writer.key("command");
        writer.string(command);
        target(&mut writer);
        writer.key("outcome");
        writer.string(outcome);
        writer.end_object();
        self.rests = writer.into_bytes();
        // It goes on with the object that the head begins.
        if let Some(brace) = self.rests.get_mut(start) {
            *brace = b',';
        }
        self.rests.push(b'\n');
        self.count = self.count.saturating_add(1);
    }

    /// How much room they take.
    pub(crate) fn bytes(&self) -> usize {
        self.head.len().saturating_add(self.rests.len())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether any of them is about something that changes the policy.
    pub(crate) fn changes(&self) -> bool {
        self.changes
    }

    /// Each of them, with its line feed.
    pub(crate) fn each(&self) -> impl Iterator<Item = Vec<u8>> {
        self.rests.split_inclusive(|&byte| byte == b'\n').map(|rest| [&self.head, rest].concat())
    }
}

/// The line that says how many are missing: those that could not be kept until the file could be written again, and, if there
/// are any, those that were written but that the disk perhaps has not.
pub(crate) fn missing(lost: u64, doubtful: u64, now: SystemTime) -> Vec<u8> {
    let doubtful = if doubtful == 0 { String::new() } else { format!(",\"perhapsLost\":{doubtful}") };
    format!("{{\"time\":\"{}\",\"lost\":{lost}{doubtful}}}\n", utc(now)).into_bytes()
}

/// A time as RFC 3339 has it, in UTC and milliseconds.
fn utc(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs();
    let [days, of_day] =
        [seconds.checked_div(86400), seconds.checked_rem(86400)].map(Option::unwrap_or_default);
    let [hour, minute, second] = [of_day / 3600, of_day / 60 % 60, of_day % 60];
    let (year, month, day) = date(i64::try_from(days).unwrap_or(0));
    let milliseconds = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Year, month and day of the Gregorian calendar, of so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that a leap day is the last of its year; 400 years are an era of 146,097 days.
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        of_era.saturating_sub(of_era / 1460).saturating_add(of_era / 36524).saturating_sub(of_era / 146_096)
            / 365;
    let before =
        year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(before);
    let shifted = of_year.saturating_mul(5).saturating_add(2) / 153;
    let day = of_year.saturating_sub(shifted.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let month = if shifted < 10 { shifted.saturating_add(3) } else { shifted.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(i64::from(month <= 2));
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_799, "2000-02-29T23:59:59.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_795_692_962, "2026-11-26T11:36:02.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap()), expected);
        }
    }

    #[test]
    fn a_line_is_json_whatever_a_client_is_called() {
        let actor = Actor {
            username: Some(b"a\"\nb\xff".to_vec()),
            clientid: None,
            topic: ControlTopic::Query,
            ..Actor::default()
        };
        let entry = Entry { command: "getClient".into(), target: Some(b"{}"), error: None, changes: false };
        let other = Entry { command: "a\nb".into(), target: None, error: Some("c\nd"), changes: false };
        let lines = Lines::of_commands(&actor, [entry, other], UNIX_EPOCH);
        let head =
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"username\":\"a\\\"\\nb\u{fffd}\",\"topic\":\"query\",";
        let rests = [
            "\"command\":\"getClient\",\"target\":{},\"outcome\":\"done\"}\n",
            "\"command\":\"a\\nb\",\"outcome\":\"c\\nd\"}\n",
        ];
        let each: Vec<_> = lines.each().map(|line| String::from_utf8(line).unwrap()).collect();
        assert_eq!(each, rests.map(|rest| format!("{head}{rest}")));
        assert_eq!((lines.count(), lines.changes()), (2, false));
        assert!(lines.bytes() < each.concat().len());
    }
}
