//! Every name that a command takes, given in every wrong way.

use std::fmt::Write as _;

use mosquitto_dynsec::policy::Compat;

use crate::harness::{COMPATS, World, by_version};
use crate::text;

/// Commands with a place for the name that is varied.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("createClient", "username", ""),
    ("createClient", "clientid", r#","username":"new""#),
    ("createClient", "password", r#","username":"new""#),
    ("createClient", "textname", r#","username":"new""#),
    ("createClient", "textdescription", r#","username":"new""#),
    ("deleteClient", "username", ""),
    ("getClient", "username", ""),
    ("enableClient", "username", ""),
    ("disableClient", "username", ""),
    ("modifyClient", "username", ""),
    ("modifyClient", "clientid", r#","username":"ann""#),
    ("modifyClient", "password", r#","username":"ann""#),
    ("modifyClient", "textname", r#","username":"ann""#),
    ("setClientId", "username", ""),
    ("setClientId", "clientid", r#","username":"ann""#),
    ("setClientPassword", "username", r#","password":"p""#),
    ("setClientPassword", "password", r#","username":"ann""#),
    ("addClientRole", "username", r#","rolename":"r""#),
    ("addClientRole", "rolename", r#","username":"ann""#),
    ("removeClientRole", "username", r#","rolename":"r""#),
    ("removeClientRole", "rolename", r#","username":"ann""#),
    ("addGroupClient", "username", r#","groupname":"g""#),
    ("addGroupClient", "groupname", r#","username":"ann""#),
    ("removeGroupClient", "username", r#","groupname":"g""#),
    ("removeGroupClient", "groupname", r#","username":"ann""#),
    ("createGroup", "groupname", ""),
    ("createGroup", "textname", r#","groupname":"new""#),
    ("deleteGroup", "groupname", ""),
    ("getGroup", "groupname", ""),
    ("modifyGroup", "groupname", ""),
    ("modifyGroup", "textname", r#","groupname":"g""#),
    ("addGroupRole", "groupname", r#","rolename":"r""#),
    ("addGroupRole", "rolename", r#","groupname":"g""#),
    ("removeGroupRole", "groupname", r#","rolename":"r""#),
    ("removeGroupRole", "rolename", r#","groupname":"g""#),
    ("setAnonymousGroup", "groupname", ""),
    ("createRole", "rolename", ""),
    ("createRole", "textname", r#","rolename":"new""#),
    ("deleteRole", "rolename", ""),
    ("getRole", "rolename", ""),
    ("modifyRole", "rolename", ""),
    ("modifyRole", "textname", r#","rolename":"r""#),
    ("addRoleACL", "rolename", r#","acltype":"publishClientSend","topic":"a""#),
    ("addRoleACL", "acltype", r#","rolename":"r","topic":"a""#),
    ("addRoleACL", "topic", r#","rolename":"r","acltype":"publishClientSend""#),
    ("removeRoleACL", "rolename", r#","acltype":"publishClientSend","topic":"a""#),
    ("removeRoleACL", "acltype", r#","rolename":"r","topic":"a""#),
    ("removeRoleACL", "topic", r#","rolename":"r","acltype":"publishClientSend""#),
];

/// The values that are given, each with what it is called; none leaves the member out.
fn values() -> Vec<(String, Option<Vec<u8>>)> {
    let mut values: Vec<(String, Option<Vec<u8>>)> = vec![("missing".to_owned(), None)];
    for value in [
        "7",
        "null",
        "true",
        "[\"x\"]",
        "{}",
        "\"\"",
        "\" \"",
        "\"\\u0000\"",
        "\"x\\u0000y\"",
        "\"x\\u0001\"",
    ] {
        values.push((value.to_owned(), Some(value.as_bytes().to_vec())));
    }
    for (name, bytes) in [
        ("U+007F", "\u{7f}".as_bytes()),
        ("U+009F", "\u{9f}".as_bytes()),
        ("U+00A0", "\u{a0}".as_bytes()),
        ("U+FDD0", "\u{fdd0}".as_bytes()),
        ("U+FFFF", "\u{ffff}".as_bytes()),
        ("U+10FFFE", "\u{10fffe}".as_bytes()),
        ("Latin-1", b"caf\xe9"),
        ("half a character", b"\xe2\x82"),
        ("an overlong one", b"\xc0\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
    ] {
        values.push((name.to_owned(), Some([b"\"", bytes, b"\""].concat())));
    }
    for length in [65_535, 65_536, 65_537, 1_000_000] {
        values.push((format!("{length} bytes"), Some(format!("\"{}\"", "x".repeat(length)).into_bytes())));
    }
    values
}

/// What one command answers; `ok` where it succeeds.
fn answer(compat: Compat, command: &str, member: &str, rest: &str, value: Option<&[u8]>) -> String {
    let mut world = World::with(
        compat,
        &[
            r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"b"}]}"#,
            r#"{"command":"createGroup","groupname":"g"}"#,
            r#"{"command":"createClient","username":"ann"}"#,
        ],
    );
    let mut payload = format!(r#"{{"commands":[{{"command":"{command}""#).into_bytes();
    if let Some(value) = value {
        payload.extend_from_slice(format!(",\"{member}\":").as_bytes());
        payload.extend_from_slice(value);
    }
    payload.extend_from_slice(rest.as_bytes());
    payload.extend_from_slice(b"}]}");
    let outcome = world.send(&payload);
    let response: serde_json::Value =
        serde_json::from_str(&String::from_utf8_lossy(&outcome.responses.to_json())).unwrap();
    let error = response.pointer("/responses/0/error").map(|error| error.as_str().unwrap().to_owned());
    assert_eq!(outcome.changed, error.is_none() && !command.starts_with("get"));
    error.unwrap_or_else(|| "ok".to_owned())
}

#[test]
fn names_given_in_every_wrong_way() {
    let values = values();
    let mut table = String::new();
    for (command, member, rest) in COMMANDS {
        writeln!(table, "\n## {member} of {command}\n").unwrap();
        // Values with the same answer share a line.
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in &values {
            let answers = COMPATS.map(|compat| answer(compat, command, member, rest, value.as_deref()));
            let said: Vec<_> = by_version(answers)
                .into_iter()
                .map(
                    |(versions, said)| if versions.is_empty() { said } else { format!("{versions}: {said}") },
                )
                .collect();
            let said = said.join("; ");
            match lines.iter_mut().find(|(other, _)| *other == said) {
                Some((_, names)) => names.push(text::readable(name.as_bytes())),
                None => lines.push((said, vec![name.clone()])),
            }
        }
        for (said, names) in lines {
            writeln!(table, "{said}: {}", names.join(", ")).unwrap();
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("names_given_in_every_wrong_way", table));
}
