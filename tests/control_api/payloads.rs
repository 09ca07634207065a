//! Payloads as cJSON takes them, and as it does not.

use mosquitto_dynsec::policy::Compat;

use crate::harness::{Setup, Table, World};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"r"}"#,
    r#"{"command":"createClient","username":"ann","textname":"Ann"}"#,
];

#[test]
fn what_is_not_json() {
    let mut table = Table::new(SETUP);
    for (title, payload) in [
        ("nothing", &b""[..]),
        ("white space", b" \r\n\t"),
        ("only a byte order mark", b"\xef\xbb\xbf"),
        ("a word", b"commands"),
        ("it ends too early", br#"{"commands":[{"command":"getDetails"}]"#),
        ("a string that does not end", br#"{"commands":[{"command":"getDetails}]}"#),
        ("a comma too many", br#"{"commands":[{"command":"getDetails"},]}"#),
        ("single quotes", b"{'commands':[]}"),
        ("no such escape", br#"{"commands":[{"command":"get\Details"}]}"#),
        ("half of a surrogate pair", br#"{"commands":[{"command":"\ud83d"}]}"#),
        ("UTF-16", b"\xff\xfe{\0}\0"),
    ] {
        table.raw(title, payload);
    }
    table.check("what_is_not_json");
}

#[test]
fn what_has_no_commands() {
    let mut table = Table::new(SETUP);
    for payload in [
        "{}",
        "[]",
        "7",
        "null",
        "true",
        "\"commands\"",
        r#"[{"command":"getDetails"}]"#,
        r#"{"command":"getDetails"}"#,
        r#"{"commands":{}}"#,
        r#"{"commands":{"command":"getDetails"}}"#,
        r#"{"commands":null}"#,
        r#"{"commands":"getDetails"}"#,
        r#"{"commands":7}"#,
        r#"{"commands":null,"commands":[{"command":"getDetails"}]}"#,
        r#"{"commands ":[]}"#,
    ] {
        table.raw(payload, payload);
    }
    table.check("what_has_no_commands");
}

#[test]
fn what_cjson_lets_pass() {
    let get = r#"{"commands":[{"command":"getDetails"}]}"#;
    let mut table = Table::new(SETUP);
    for (title, payload) in [
        ("a byte order mark", format!("\u{feff}{get}").into_bytes()),
        ("a NUL behind it, as C programs send", format!("{get}\0").into_bytes()),
        ("anything behind it", format!("{get} and so on {{").into_bytes()),
        ("white space, control characters among it", format!("\0\x01\n {get}").into_bytes()),
        ("raw control characters in strings", b"{\"commands\":[{\"command\":\"no\tnse\nnse\"}]}".to_vec()),
        (
            "numbers that are none in JSON",
            br#"{"commands":[{"command":"listClients","count":01,"offset":0.}]}"#.to_vec(),
        ),
        ("member names in any case", br#"{"COMMANDS":[{"Command":"getClient","UserName":"ann"}]}"#.to_vec()),
        (
            "the first of duplicate members counts, whatever its case",
            br#"{"commands":[{"command":"getClient","Command":"deleteClient","USERNAME":"ann","username":"bob"}],"commands":[]}"#
                .to_vec(),
        ),
        (
            "the first of duplicates counts also where it is of the wrong type",
            br#"{"commands":[{"command":"getClient","username":7,"username":"ann"}]}"#.to_vec(),
        ),
        (
            "a NUL ends the name of a member",
            br#"{"commands\u0000x":[{"command\u0000x":"getClient","username\u0000":"ann"}]}"#.to_vec(),
        ),
        (
            "members in names of other letters are others",
            "{\"commands\":[{\"command\":\"getClient\",\"\u{1d5ce}sername\":\"bob\",\"username\":\"ann\"}]}".as_bytes().to_vec(),
        ),
        ("escapes in names", br#"{"c\u006fmmands":[{"\u0063ommand":"getClient","username":"\u0061nn"}]}"#.to_vec()),
    ] {
        table.raw(title, payload);
    }
    table.check("what_cjson_lets_pass");
}

#[test]
fn texts_that_are_not_utf8() {
    let mut table = Table::new(SETUP);
    let commands: [(&str, &[u8]); 5] = [
        (
            "Latin-1 in texts is kept byte for byte",
            b"{\"command\":\"modifyClient\",\"username\":\"ann\",\"textname\":\"caf\xe9\",\"textdescription\":\"\xff\x80\"},{\"command\":\"getClient\",\"username\":\"ann\"}",
        ),
        (
            "of groups too",
            b"{\"command\":\"createGroup\",\"groupname\":\"g\",\"textname\":\"caf\xe9\"},{\"command\":\"getGroup\",\"groupname\":\"g\"}",
        ),
        (
            "of roles too, and in the topics of an array",
            b"{\"command\":\"createRole\",\"rolename\":\"new\",\"textname\":\"caf\xe9\",\"acls\":[{\"acltype\":\"publishClientSend\",\"topic\":\"caf\xe9\"}]},{\"command\":\"getRole\",\"rolename\":\"new\"}",
        ),
        (
            "names that are looked for come back in no answer",
            b"{\"command\":\"getClient\",\"username\":\"caf\xe9\"},{\"command\":\"deleteClient\",\"username\":\"caf\xe9\"}",
        ),
        (
            "commands and correlationData come back as they were",
            b"{\"command\":\"caf\xe9\",\"correlationData\":\"\xc3\"},{\"command\":\"getDetails\",\"correlationData\":\"\xe9\"}",
        ),
    ];
    for (title, commands) in commands {
        table.raw(title, [&b"{\"commands\":["[..], commands, b"]}"].concat());
    }
    table.check("texts_that_are_not_utf8");
}

#[test]
fn deep_payloads() {
    let mut table = Table::new(SETUP);
    for depth in [1000, 1001, 100_000] {
        let arrays = [vec![b'['; depth], vec![b']'; depth]].concat();
        table.raw(&format!("{depth} arrays"), arrays);
        let arrays_left_open = vec![b'['; depth];
        table.raw(&format!("{depth} arrays that do not end"), arrays_left_open);
    }
    for depth in [997, 998] {
        // The payload, its `commands` and the command are three levels of their own.
        let inside = format!(
            r#"{{"commands":[{{"command":"createClient","username":"bob","password":{}{}}}]}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        table.raw(&format!("{depth} arrays inside a command"), inside);
    }
    table.check("deep_payloads");
}

#[test]
fn ten_thousand_commands_in_a_payload() {
    for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
        let mut world = World::new(compat);
        let batch = |command: &dyn Fn(usize) -> String| {
            let commands: Vec<String> = (0..10_000).map(command).collect();
            format!(r#"{{"commands":[{}]}}"#, commands.join(",")).into_bytes()
        };
        let responses = |payload: &[u8], world: &mut World| {
            let outcome = world.send(payload);
            let json: serde_json::Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
            json.get("responses").unwrap().as_array().unwrap().clone()
        };
        let made = responses(
            &batch(&|i| {
                let i = i / 2;
                format!(r#"{{"command":"createRole","rolename":"r{i}","correlationData":"{i}"}}"#)
            }),
            &mut world,
        );
        assert_eq!(made.len(), 10_000);
        for (i, response) in made.iter().enumerate() {
            assert_eq!(response.get("error").is_some(), i % 2 == 1, "every second role exists already");
            assert_eq!(response.get("correlationData").unwrap().as_str().unwrap(), (i / 2).to_string());
        }
        assert_eq!(world.policy.roles().len(), 5_000);
        assert_eq!(world.policy.change_index(), 5_000);
        let acl = |i| {
            format!(
                r#"{{"command":"addRoleACL","rolename":"r0","acltype":"publishClientSend","topic":"some/topic/{i}","allow":true}}"#
            )
        };
        assert!(responses(&batch(&acl), &mut world).iter().all(|response| response.get("error").is_none()));
        let one = format!(
            r#"{{"commands":[{{"command":"createClient","username":"ann","roles":[{}]}}]}}"#,
            (0..5_000).map(|i| format!(r#"{{"rolename":"r{i}"}}"#)).collect::<Vec<_>>().join(",")
        );
        assert!(responses(one.as_bytes(), &mut world).iter().all(|response| response.get("error").is_none()));
        assert_eq!(world.policy.client(b"ann").unwrap().roles.iter().count(), 5_000);
    }
}
