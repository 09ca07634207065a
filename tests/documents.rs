//! What the documents say of the options, commands and files, against what there is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mosquitto_dynsec::control;
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

/// The tables of a text that have this for the head of their first column, as its cells.
fn first_columns<'t>(text: &'t str, head: &str) -> Vec<Vec<&'t str>> {
    let tables = text.split("\n\n").filter_map(|block| block.strip_prefix(&format!("| {head} | ")));
    tables.map(|table| table.lines().skip(2).filter_map(|row| row.split(" | ").next()).collect()).collect()
}

#[test]
fn the_commands_are_documented_and_whether_they_change_the_policy() {
    let text = read("docs/commands.md");
    let tables = first_columns(&text, "command");
    assert_eq!(
        tables.len(),
        3,
        "those that change the policy, those that ask, and those that only this plugin has"
    );
    let mut documented = BTreeMap::new();
    for (table, changes) in tables.into_iter().zip([true, false, false]) {
        for name in table.into_iter().flat_map(in_backquotes) {
            assert_eq!(documented.insert(name, changes), None, "{name} is there twice");
        }
    }
    assert_eq!(documented, control::commands().collect());
}

/// What stands between backquotes.
fn in_backquotes(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_files_that_documents_name_are_there() {
    const FOLDERS: [&str; 7] = ["src/", "tests/", "benches/", "scripts/", "docker/", "docs/", "fuzz/"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let documents = documents.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let others = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root.join(name));
    let mut missing = Vec::new();
    for document in documents.chain(others) {
        let text = fs::read_to_string(&document).unwrap();
        // A fence is three of them.
        let prose = text.split("```").step_by(2).collect::<Vec<_>>().join("");
        let names = in_backquotes(&prose)
            .filter(|name| FOLDERS.iter().any(|folder| name.starts_with(folder)))
            .filter(|name| !name.contains([' ', '*', '{', '…']));
        missing.extend(names.filter(|name| !root.join(name).exists()).map(str::to_owned));
    }
    assert_eq!(missing, [""; 0]);
}
