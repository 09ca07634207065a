//! Any file that loads survives saving.

use proptest::prelude::*;

use super::{assert_same, load, whats, write};
use crate::policy::Compat;
use crate::store::read;

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["\"a\"", "\"b\"", "\"c\"", "\"\"", "\"n\\u0000\"", "1", "null"][..])
}

fn anything() -> impl Strategy<Value = &'static str> {
    let values =
        ["true", "false", "1", "-1", "0", "1.5", "3000000000", "null", "[]", "{}", "\"x\"", "\"y\\u0000z\""];
    prop::sample::select(values.to_vec())
}

/// An object with members of those names, some more than once.
fn object(names: &'static [&'static str], more: BoxedStrategy<Vec<String>>) -> BoxedStrategy<String> {
    let members = prop::collection::vec((prop::sample::select(names), anything()), 0..5);
    (members, more)
        .prop_map(|(members, more)| {
            let members = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}"));
            format!("{{{}}}", members.chain(more).collect::<Vec<_>>().join(","))
        })
        .boxed()
}

fn list(element: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let element = prop_oneof![20 => element, 1 => Just("7".to_owned())];
    prop::collection::vec(element, 0..5).prop_map(|elements| format!("[{}]", elements.join(","))).boxed()
}

fn named(key: &'static str) -> BoxedStrategy<Vec<String>> {
    name().prop_map(move |name| vec![format!("\"{key}\":{name}")]).boxed()
}

fn link(key: &'static str) -> BoxedStrategy<String> {
    object(&["Priority", "new"], named(key))
}

fn acl() -> BoxedStrategy<String> {
    let types = prop::sample::select(&["publishClientSend", "subscribeliteral", "x"][..]);
    let more = (types, name()).prop_map(|(acl_type, topic)| {
        vec![format!("\"acltype\":\"{acl_type}\""), format!("\"topic\":{topic}")]
    });
    object(&["priority", "allow", "new"], more.boxed())
}

/// A record with a name and lists.
fn record(
    names: &'static [&'static str],
    key: &'static str,
    lists: Vec<(&'static str, BoxedStrategy<String>)>,
) -> BoxedStrategy<String> {
    let lists: Vec<_> = lists
        .into_iter()
        .map(|(name, element)| list(element).prop_map(move |list| format!("\"{name}\":{list}")))
        .collect();
    let more = (named(key), lists).prop_map(|(mut name, lists)| {
        name.extend(lists);
        name
    });
    object(names, more.boxed())
}

fn file() -> BoxedStrategy<String> {
    const CLIENT: &[&str] =
        &["clientid", "textname", "textDescription", "disabled", "roles", "salt", "encoded_password", "new"];
    const GROUP: &[&str] = &["textname", "TEXTDESCRIPTION", "roles", "clients", "new"];
    const ROLE: &[&str] = &["textname", "allowwildcardsubs", "acls", "new"];
    const ROOT: &[&str] = &["changeIndex", "new"];
    let client = record(CLIENT, "username", vec![("roles", link("rolename"))]);
    let group = record(GROUP, "groupname", vec![("roles", link("rolename")), ("clients", link("username"))]);
    let role = record(ROLE, "rolename", vec![("acls", acl())]);
    let access = object(&["publishClientSend", "subscribe", "SUBSCRIBE", "new"], Just(vec![]).boxed());
    let more = (list(client), list(group), list(role), access, name()).prop_map(
        |(clients, groups, roles, access, group)| {
            vec![
                format!("\"clients\":{clients}"),
                format!("\"groups\":{groups}"),
                format!("\"anonymousGroup\":{group}"),
                format!("\"roles\":{roles}"),
                format!("\"defaultACLAccess\":{access}"),
                format!("\"clients\":{clients}"),
            ]
        },
    );
    object(ROOT, more.boxed())
}

proptest! {
    #[test]
    fn saving_and_loading_changes_nothing(file in file(), newer in any::<bool>()) {
        let compat = if newer { Compat::V2_1 } else { Compat::V2_0 };
        let (policy, issues) = load(&file, compat);
        let saved = write(&policy);
        let (again, issues_again) = load(&saved, compat);
        let text = String::from_utf8_lossy(&saved);
        prop_assert_eq!(whats(&issues), whats(&issues_again), "{}\n{}", file, text);
        assert_same(&policy, &again);
        prop_assert_eq!(&saved, &write(&again));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(&bytes, Compat::V2_0);
    }

    #[test]
    fn no_broken_file_panics(file in file(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = file.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes, Compat::V2_1);
        bytes.truncate(at);
        prop_assert!(read(&bytes, Compat::V2_1).is_err());
    }
}
