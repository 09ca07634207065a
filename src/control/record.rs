//! What the audit trail tells of a command: its members that say what it is about, and never a secret. Members that are
//! not known are not told, so that nothing gets into the trail by a slip of the pen.

use crate::json::{Kind, Style, Value, Writer, up_to_nul};

/// Members whose values are told.
const TOLD: [&str; 15] = [
    "username",
    "clientid",
    "anonymous",
    "groupname",
    "rolename",
    "acltype",
    "topic",
    "priority",
    "allow",
    "allowwildcardsubs",
    "address",
    "verbose",
    "count",
    "offset",
    "disabled",
];
/// Members whose values are lists of objects with such members.
const LISTS: [&str; 4] = ["roles", "groups", "clients", "acls"];
/// Members that are told without their values.
const HIDDEN: [&str; 4] = ["password", "textname", "textdescription", "encoded_password"];

/// Of longer texts the beginning is told, and of longer lists how long they are.
const MOST_BYTES: usize = 1024;
const MOST_ELEMENTS: usize = 100;

/// A command's members as the JSON of an object.
pub(super) fn target(command: &Value<'_>) -> Vec<u8> {
    let mut writer = Writer::new(Style::Compact);
    write_object(&mut writer, command, true);
    writer.into_bytes()
}

fn write_object(writer: &mut Writer, object: &Value<'_>, lists: bool) {
    writer.begin_object();
    for name in TOLD {
        match object.get(name).map(|value| &value.kind) {
            Some(Kind::String(text)) => {
                writer.key(name);
                writer.string(readable(up_to_nul(text)));
            }
            Some(Kind::Bool(value)) => {
                writer.key(name);
                writer.bool(*value);
            }
            Some(Kind::Number(_)) => {
                writer.key(name);
                writer.int(object.get(name).and_then(Value::as_i32).unwrap_or(0).into());
            }
            _ => {}
        }
    }
    for name in HIDDEN {
        if object.get(name).is_some() {
            writer.key(name);
            writer.string("*****");
        }
    }
    for name in LISTS {
        let Some(list) = object.get(name).and_then(Value::as_array).filter(|_| lists) else { continue };
        writer.key(name);
        if list.len() > MOST_ELEMENTS {
            writer.int(i64::try_from(list.len()).unwrap_or(i64::MAX));
            continue;
        }
        writer.begin_array();
        for element in list.iter().filter(|element| element.is_object()) {
            write_object(writer, element, false);
        }
        writer.end_array();
    }
    writer.end_object();
}

/// A text as UTF-8, and not too long.
pub(super) fn readable(text: &[u8]) -> String {
    let (start, is_cut) = match text.get(..MOST_BYTES) {
        Some(start) if text.len() > MOST_BYTES => (start, true),
        _ => (text, false),
    };
    let mut readable = String::from_utf8_lossy(start).into_owned();
    if is_cut {
        readable.push_str("...");
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn told(command: &str) -> String {
        String::from_utf8(target(&json::parse(command.as_bytes()).unwrap())).unwrap()
    }

    #[test]
    fn what_a_command_is_about_is_told_in_one_spelling() {
        assert_eq!(
            told(
                r#"{"command":"addRoleACL","RoleName":"r","acltype":"subscribePattern","topic":"a/#","priority":1.5,"allow":true}"#
            ),
            r#"{"rolename":"r","acltype":"subscribePattern","topic":"a/#","priority":1,"allow":true}"#
        );
        assert_eq!(
            told(r#"{"username":"u","roles":[{"rolename":"r","priority":2,"x":1},7],"groups":[]}"#),
            r#"{"username":"u","roles":[{"rolename":"r","priority":2}],"groups":[]}"#
        );
    }

    #[test]
    fn secrets_and_what_is_not_known_are_not_told() {
        for command in [
            r#"{"username":"u","PassWord":"hunter2"}"#,
            r#"{"username":"u","password":{"x":"hunter2"}}"#,
            r#"{"username":"u","pasword":"hunter2","correlationData":"hunter2"}"#,
            r#"{"username":"u","textdescription":"password is hunter2","encoded_password":"hunter2"}"#,
            r#"{"username":"u","roles":[{"rolename":"r","password":"hunter2","y":[{"username":"hunter2"}]}]}"#,
            r#"{"username":{"username":"hunter2"}}"#,
        ] {
            assert!(!told(command).contains("hunter2"), "{}", told(command));
        }
        assert_eq!(told(r#"{"username":"u","password":"x"}"#), r#"{"username":"u","password":"*****"}"#);
    }

    #[test]
    fn what_is_told_is_utf_8_and_not_too_much() {
        let long = format!(r#"{{"username":"{}"}}"#, "x".repeat(5000));
        assert!(told(&long).len() < 1100 && told(&long).contains("...\""));
        let many = format!(r#"{{"acls":[{}{{}}]}}"#, "{},".repeat(200));
        assert_eq!(told(&many), r#"{"acls":201}"#);
        let bytes = target(&json::parse(b"{\"username\":\"M\xfcller\\u0000x\"}").unwrap());
        assert_eq!(String::from_utf8(bytes).unwrap(), "{\"username\":\"M\u{fffd}ller\"}");
    }
}
