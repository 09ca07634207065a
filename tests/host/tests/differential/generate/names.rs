//! The names that everything is about. There are few, so that commands meet each other's results.

use super::dice::Dice;

pub const CLIENTS: [&str; 5] = ["alice", "bob", "carol", "émile", "x/+#"];
pub const GROUPS: [&str; 4] = ["g1", "g2", "g3", "größe"];
pub const ROLES: [&str; 5] = ["r1", "r2", "r3", "r4", "rôle"];
/// Client ids to be bound to; the clients that are connected all the time have others.
pub const CLIENT_IDS: [&str; 3] = ["id-1", "id-2", "îd"];
pub const PASSWORDS: [&str; 3] = ["pw1", "pw2", "pä ss\"wörd"];
pub const TEXTS: [&str; 4] = ["", "a text", "Ünï", "tab\tquote\"\\"];

/// The administrator, who is a client of the policy like any other.
pub const ADMIN: &str = "admin";
/// A username that no policy has.
pub const STRANGER: &str = "stranger";

/// Who is connected all the time: client id and username.
pub const FLEET: [(&str, Option<&str>); 13] = [
    ("c-admin", Some(ADMIN)),
    ("c-alice", Some("alice")),
    ("c-alice-2", Some("alice")),
    ("c-bob", Some("bob")),
    ("c-carol", Some("carol")),
    ("c-emile", Some("émile")),
    ("c-x", Some("x/+#")),
    // Ids that would widen an ACL for `%c` if they were put in its place.
    ("a/+", Some("bob")),
    ("#", Some("carol")),
    ("+", None),
    ("c-stranger", Some(STRANGER)),
    ("anonymous-1", None),
    ("anonymous-2", None),
];

/// One of the names, or sometimes what is none: unknown, empty, or refused by Mosquitto's UTF-8 check.
pub fn name(dice: &mut Dice, known: &[&'static str]) -> &'static str {
    match dice.weighted(&[(90, 0), (5, 1), (2, 2), (3, 3)]) {
        0 => dice.pick(known),
        1 => dice.pick(&["nobody", STRANGER, ADMIN]),
        2 => "",
        _ => dice.pick(&["a\u{1}b", "\u{7f}", "x\u{ffff}", "\u{fdd0}", "\u{85}"]),
    }
}
