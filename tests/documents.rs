//! What the documents say of the options, against the list of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mosquitto_dynsec::options::OPTIONS;

const PREFIX: &str = "plugin_opt_";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The options that a text names, but for the one of the whole family: `plugin_opt_*`.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_lowercase() || matches!(character, '_' | '0'..='9');
    text.split(PREFIX)
        .skip(1)
        .map(|rest| rest.chars().take_while(|&character| is_part(character)).collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn readme_and_example_have_every_option_and_no_other() {
    let all: BTreeSet<String> = OPTIONS.iter().map(|option| option.name.to_owned()).collect();
    for file in ["README.md", "mosquitto.conf.example"] {
        assert_eq!(named(&read(file)), all, "{file}");
    }
}

#[test]
fn the_readme_says_the_defaults() {
    let readme = read("README.md");
    for option in OPTIONS {
        let row = format!("| `{PREFIX}{}` | ", option.name);
        let default = readme.lines().find_map(|line| line.strip_prefix(&row)).unwrap_or_default();
        // What depends on something else is said in words.
        let expected = option.default.unwrap_or("required");
        let expected = if expected.contains(' ') { "" } else { expected };
        assert!(
            default.split(" | ").next().is_some_and(|default| default.contains(expected)),
            "{}: {default}, not {expected}",
            option.name
        );
    }
}
