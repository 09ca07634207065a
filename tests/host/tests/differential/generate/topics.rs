//! Topics and topic filters that hit each other.

use super::dice::Dice;

/// Those that most is about, so that a check meets more than one ACL.
const USUAL_FILTERS: [&str; 6] = ["#", "a/#", "a/+", "+/b", "a/b", "a/b/c"];
const USUAL_TOPICS: [&str; 3] = ["a", "a/b", "a/b/c"];

/// What ACLs are about, and what clients subscribe to.
const FILTERS: [&str; 37] = [
    "c-alice/#",
    "alice/#",
    "alice/+/#",
    "a/alice/#",
    "x/c-alice/+",
    "%c",
    "%u/#",
    "#",
    "+",
    "a",
    "a/b",
    "a/b/c",
    "a/#",
    "a/+",
    "a/+/c",
    "a/b/#",
    "+/b",
    "+/+",
    "+/#",
    "/",
    "/a",
    "/#",
    "/+",
    "a/",
    "a//b",
    "a//#",
    "a/+/#",
    "é/ü",
    "é/#",
    "$SYS/#",
    "$SYS/broker/uptime",
    "$SYS/+/uptime",
    "$CONTROL/#",
    "$CONTROL/dynamic-security/v1",
    "$CONTROL/+/v1",
    "$share/g/a",
    "$share/g/#",
];

/// Those of shared subscriptions.
pub const SHARED: [&str; 6] =
    ["$share/g/a/#", "$share/g/+/b", "$share/g/#", "$share/h/a/b", "$share/g/a", "$share/h/+/+/#"];

/// What clients publish to, and are sent.
const TOPICS: [&str; 33] = [
    "alice2/x",
    "a/alice2",
    "c-alice2/alice",
    "c-alice",
    "x/c-alice/y",
    "c-alice/alice",
    "b/alice",
    "bob",
    "bob/x/y",
    "c-bob",
    "émile/x",
    "alice/x",
    "a/alice",
    "a",
    "b",
    "a/b",
    "a/b/c",
    "a/b/c/d",
    "/",
    "/a",
    "a/",
    "a//b",
    "é/ü",
    "é",
    "x",
    "$SYS/broker/uptime",
    "$SYS",
    "$CONTROL/dynamic-security/v1",
    "$CONTROL/other/v1",
    "$CONTROLx",
    "$CONTROL",
    "$share/g/a",
    "$other/a",
];

/// What `createRole` and `modifyRole` take without a look, and `addRoleACL` refuses.
const MALFORMED: [&str; 8] = ["a#", "x/#/y", "+a", "a/b+", "#/a", "a/#b", "", "##"];

/// What 2.1 and ours replace by the client's id and username.
/// Also where they are no whole level, and stay as they are, and where what is behind them is malformed.
const SUBSTITUTED: [&str; 19] = [
    "%u/#/x", "a/%u/##", "%c/x#/y", "%c", "%u/#", "a/%u", "x/%c/+", "%u", "%c/#", "a/%u/#", "+/%u", "%c/%u",
    "%u/+/#", "a/%c/c", "%C", "x%u", "%u%c", "%c/%c", "$SYS/%u",
];

/// The topic of an ACL.
pub fn acl(dice: &mut Dice, substitution: bool) -> String {
    if substitution && dice.percent(30) {
        return dice.pick(&SUBSTITUTED).to_owned();
    }
    match dice.weighted(&[(63, 0), (18, 1), (10, 2), (7, 3), (1, 4), (1, 5)]) {
        0 => filter(dice).to_owned(),
        1 => topic(dice).to_owned(),
        2 => dice.pick(&MALFORMED).to_owned(),
        3 => shared(dice).to_owned(),
        // The broker's limit: 200 slashes.
        4 => "/".repeat(dice.number(199..=202)),
        _ => "x".repeat(dice.number(65_534..=65_537)),
    }
}

/// A topic filter that a client subscribes to.
pub fn filter(dice: &mut Dice) -> &'static str {
    match dice.weighted(&[(5, 0), (4, 1), (1, 2)]) {
        0 => dice.pick(&USUAL_FILTERS),
        1 => dice.pick(&FILTERS),
        _ => dice.pick(&TOPICS),
    }
}

/// The filter of a shared subscription.
pub fn shared(dice: &mut Dice) -> &'static str {
    dice.pick(&SHARED)
}

/// A topic that a client publishes to or is sent.
pub fn topic(dice: &mut Dice) -> &'static str {
    if dice.percent(50) { dice.pick(&USUAL_TOPICS) } else { dice.pick(&TOPICS) }
}
