use proptest::prelude::*;

use super::*;

const NOBODY: Subject<'static> = Subject::known(None, None);

fn subject<'a>(clientid: &'a str, username: &'a str) -> Subject<'a> {
    Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()))
}

fn publish(filter: &str, topic: &str) -> Match {
    matches_topic(filter.as_bytes(), topic.as_bytes(), NOBODY)
}

fn covers(compat: Compat, filter: &str, asked: &str) -> Match {
    covers_filter(filter.as_bytes(), asked.as_bytes(), NOBODY, compat)
}

/// MQTT 5.0 §4.7.1 and §4.7.2, level by level.
fn reference(filter: &str, topic: &str) -> bool {
    let wild = filter.starts_with(['+', '#']);
    if wild && topic.starts_with('$') {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
        if filter.clone().next() == Some("#") {
            return true;
        }
    }
}

#[test]
fn publish_is_mqtt_matching() {
    let table = [
        ("a/b", "a/b", Match::Yes),
        ("a/b", "a/b/c", Match::No),
        ("a/+", "a/b", Match::Yes),
        ("a/+", "a/", Match::Yes),
        ("a/+", "a", Match::No),
        ("a/#", "a", Match::Yes),
        ("a/#", "a/b/c", Match::Yes),
        ("a/+/#", "a/b", Match::Yes),
        ("a/+/#", "a", Match::No),
        ("+/+", "/", Match::Yes),
        ("+", "/", Match::No),
        ("/+", "/", Match::Yes),
        ("#", "$SYS/broker", Match::No),
        ("+/broker", "$SYS/broker", Match::No),
        ("$SYS/#", "$SYS/broker", Match::Yes),
        ("$SYS/#", "SYS/broker", Match::No),
    ];
    for (filter, topic, wanted) in table {
        assert_eq!(publish(filter, topic), wanted, "{filter} {topic}");
    }
}

#[test]
fn malformed_filters_are_found_out_when_they_are_reached() {
    let table = [
        ("x/#/y", "x/a", Match::Malformed),
        ("x/#/y", "z", Match::Malformed),
        ("#/y", "z", Match::Malformed),
        ("x/+y", "x/a", Match::Malformed),
        ("x/+y", "z", Match::No),
        ("x/y+", "x/y", Match::Malformed),
        ("x/y#", "x/y", Match::Malformed),
        ("x/y#", "z", Match::No),
        ("a/+/#b", "a/b", Match::Yes),
        ("", "a", Match::Malformed),
        ("a", "", Match::Malformed),
        ("a/b", "a/+", Match::Malformed),
        ("#", "a/+", Match::Malformed),
    ];
    for (filter, topic, wanted) in table {
        assert_eq!(publish(filter, topic), wanted, "{filter} {topic}");
    }
}

#[test]
fn covering_as_2_0() {
    let table = [
        ("#", "#", Match::Yes),
        ("#", "$SYS/#", Match::Yes),
        ("#", "$share/g/a", Match::Yes),
        ("+/a", "$SYS/a", Match::Yes),
        ("a/#", "#", Match::No),
        ("/#", "#", Match::Yes),
        ("+/#", "#", Match::Yes),
        ("a/#", "a/#", Match::Yes),
        ("a/#", "a", Match::Yes),
        ("a/+", "a/#", Match::No),
        ("a/+/#", "a/#", Match::No),
        ("a/+", "a/+", Match::Yes),
        ("a/b", "a/+", Match::No),
        ("+/+", "a/b", Match::Yes),
        ("+/+", "a/b/", Match::No),
        ("x/#/y", "x/a/y", Match::No),
        ("", "a", Match::No),
        ("", "#", Match::No),
    ];
    for (filter, asked, wanted) in table {
        assert_eq!(covers(Compat::V2_0, filter, asked), wanted, "{filter} {asked}");
    }
}

#[test]
fn covering_as_2_1() {
    let table = [
        ("#", "#", Match::Yes),
        ("#", "$SYS/#", Match::No),
        ("#", "$share/g/a", Match::No),
        ("$SYS/#", "$SYS/#", Match::Yes),
        ("/#", "#", Match::No),
        ("+/#", "#", Match::No),
        ("a/#", "a/#", Match::Yes),
        ("a/#", "a/+/b", Match::Yes),
        ("a/#", "a", Match::Yes),
        ("a/+", "a/#", Match::No),
        ("a/+", "a/+", Match::Yes),
        ("a/b", "a/+", Match::No),
        ("x/#/y", "z", Match::Malformed),
        ("x/+y", "x/+", Match::No),
        ("", "a", Match::Malformed),
    ];
    for (filter, asked, wanted) in table {
        assert_eq!(covers(Compat::V2_1, filter, asked), wanted, "{filter} {asked}");
    }
}

/// As the C plugin of 2.1.2 has answered.
#[test]
fn behind_a_placeholder_a_malformed_filter_is_found_out_where_the_level_begins_with_the_id_or_name() {
    let me = subject("dev", "ann");
    let table = [
        ("%u/#/x", "annex/t", Match::Malformed),
        ("%u/#/x", "annex", Match::Malformed),
        ("%u/#/x", "ann/t", Match::Malformed),
        ("%u/#/x", "bob/t", Match::No),
        ("%u/#/x", "an/t", Match::No),
        ("%u/#x", "annex", Match::Malformed),
        ("%u/#", "annex/t", Match::No),
        ("%u", "annex", Match::No),
        ("%u/+x", "annex/t", Match::No),
        ("%u/x#", "annex/t", Match::No),
        ("%u/x#/y", "annex/t", Match::Malformed),
        ("a/%c/#/x", "a/device/t", Match::Malformed),
        ("a/%u/##", "a/annex", Match::Malformed),
        ("%u/%c/#/x", "ann/device/q", Match::Malformed),
        ("%u/%c/#/x", "annex/dev/q", Match::Malformed),
    ];
    for (filter, topic, wanted) in table {
        let (filter, topic) = (filter.as_bytes(), topic.as_bytes());
        assert_eq!(
            matches_topic(filter, topic, me),
            wanted,
            "{} {}",
            filter.escape_ascii(),
            topic.escape_ascii()
        );
        let covers = covers_filter(filter, topic, me, Compat::V2_1);
        assert_eq!(covers, wanted, "{} {}", filter.escape_ascii(), topic.escape_ascii());
    }
    assert_eq!(matches_topic(b"%c/#/x", b"device", NOBODY), Match::No);
}

#[test]
fn placeholders_are_whole_levels() {
    let me = subject("dev1", "ann");
    let table = [
        ("%c", "dev1", Match::Yes),
        ("%u/x", "ann/x", Match::Yes),
        ("a/%c/#", "a/dev1", Match::Yes),
        ("a/%c/#", "a/dev1/x/y", Match::Yes),
        ("a/%c/+", "a/dev1/x", Match::Yes),
        ("a/%c", "a/dev12", Match::No),
        ("a/%c", "a/dev", Match::No),
        ("a/%c", "a/%c", Match::No),
        ("a/x%c", "a/x%c", Match::Yes),
        ("a/%cx", "a/%cx", Match::Yes),
        ("%c/%u", "dev1/ann", Match::Yes),
    ];
    for (filter, topic, wanted) in table {
        assert_eq!(matches_topic(filter.as_bytes(), topic.as_bytes(), me), wanted, "{filter} {topic}");
        for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
            let covered = covers_filter(filter.as_bytes(), topic.as_bytes(), me, compat);
            assert_eq!(covered, wanted, "{compat:?} {filter} {topic}");
        }
    }
}

#[test]
fn an_id_with_wildcards_or_levels_never_widens_a_match() {
    for id in ["+", "#", "/", "a/b", "a/#", "+/b", "", "a+", "#a"] {
        let me = subject(id, id);
        for filter in ["%c", "%u", "x/%c", "%c/x", "%c/#", "%u/+"] {
            for asked in ["a", "+", "#", "a/b", "x/a", "x/+", "x/#", "+/x", "a/x", "a+", "/", "a/b/#"] {
                assert_ne!(
                    matches_topic(filter.as_bytes(), asked.as_bytes(), me),
                    Match::Yes,
                    "{id} {filter} {asked}"
                );
                for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
                    let covered = covers_filter(filter.as_bytes(), asked.as_bytes(), me, compat);
                    assert_ne!(covered, Match::Yes, "{compat:?} {id} {filter} {asked}");
                }
            }
        }
    }
    for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
        assert_eq!(covers_filter(b"%c/x", b"a/x", NOBODY, compat), Match::No, "no id, no match");
    }
}

#[test]
fn what_is_a_valid_filter() {
    let deepest = "/".repeat(MAX_LEVELS);
    let too_deep = "/".repeat(MAX_LEVELS + 1);
    let longest = "x".repeat(65_535);
    let too_long = "x".repeat(65_536);
    for good in ["a", "+", "#", "/", "a/+/b/#", "$share/g/#", "a b", &deepest, &longest] {
        assert!(is_valid_filter(good.as_bytes(), Compat::V2_1), "{good}");
    }
    for bad in ["a+", "+a", "a/b#", "#/a", "a/#/b", &too_deep, &too_long] {
        assert!(!is_valid_filter(bad.as_bytes(), Compat::V2_0), "{bad}");
    }
    assert!(is_valid_filter(b"", Compat::V2_0));
    assert!(!is_valid_filter(b"", Compat::V2_0_21));
    assert!(!is_valid_filter(b"", Compat::V2_1));
}

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "", "$", "$a", "ab", "%"])
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("empty", |t| !t.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(prop_oneof![3 => level(), 2 => Just("+")], 0..5);
    (levels, any::<bool>())
        .prop_map(|(mut levels, hash)| {
            if hash {
                levels.push("#");
            }
            levels.join("/")
        })
        .prop_filter("empty", |f| !f.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_valid_filter_matches_as_mqtt_says(filter in filter(), topic in topic()) {
        let wanted = if reference(&filter, &topic) { Match::Yes } else { Match::No };
        prop_assert_eq!(publish(&filter, &topic), wanted);
    }

    /// What a pattern covers in 2.1, it matches every topic of.
    #[test]
    fn a_covered_filter_lets_nothing_else_in(pattern in filter(), asked in filter(), topic in topic()) {
        if covers(Compat::V2_1, &pattern, &asked) == Match::Yes && reference(&asked, &topic) {
            prop_assert!(reference(&pattern, &topic));
        }
    }

    #[test]
    fn no_input_panics(filter: Vec<u8>, topic: Vec<u8>, clientid: Vec<u8>) {
        let me = Subject::known(None, Some(&clientid));
        matches_topic(&filter, &topic, me);
        covers_filter(&filter, &topic, me, Compat::V2_0);
        covers_filter(&filter, &topic, me, Compat::V2_1);
    }
}
