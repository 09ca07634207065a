//! What the documents say of the options, commands and files, against what there is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mosquitto_dynsec::control;
use mosquitto_dynsec::options::OPTIONS;
use mosquitto_dynsec::policy::NotLoggedIn;

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

#[test]
fn readme_and_example_say_the_words_that_an_option_takes() {
    let (readme, example) = (read("README.md"), read("mosquitto.conf.example"));
    let mut missing = Vec::new();
    for option in OPTIONS {
        let (row, line) = (format!("| `{PREFIX}{}` | ", option.name), format!("\n{PREFIX}{} ", option.name));
        let row = readme.lines().find(|line| line.starts_with(&row)).unwrap();
        // Its comment, the option itself, and those that have the same comment.
        let has_it = |paragraph: &&str| paragraph.replace("\n#", "\n").contains(&line);
        let paragraph = example.split("\n\n").find(has_it).unwrap();
        let is_apart = |character: char| character.is_whitespace() || ",:;()`".contains(character);
        let said: BTreeSet<&str> =
            paragraph.split(is_apart).map(|word| word.strip_suffix('.').unwrap_or(word)).collect();
        for word in in_backquotes(option.accepts) {
            if !in_backquotes(row).any(|said| said == word) {
                missing.push(format!("README.md, {}: {word}", option.name));
            }
            if !said.contains(word) {
                missing.push(format!("mosquitto.conf.example, {}: {word}", option.name));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
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
fn each_reason_for_not_granting_a_login_is_documented() {
    let text = read("docs/observe.md");
    let tables = first_columns(&text, "`reason`");
    let of_logins = tables.last().unwrap();
    let documented: BTreeSet<&str> = of_logins.iter().flat_map(|cell| in_backquotes(cell)).collect();
    // A login without a username is counted, but is the broker's to decide and in no log.
    let logged = NotLoggedIn::ALL.into_iter().filter(|reason| *reason != NotLoggedIn::Anonymous);
    assert_eq!(documented, logged.map(NotLoggedIn::name).collect());
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

#[test]
fn each_difference_names_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = read("docs/differences.md");
    // Those of the sources are named from `src`.
    let is_test = |name: &str| {
        let source = fs::read_to_string(root.join("src").join(name));
        name.starts_with("tests/") && root.join(name).is_file()
            || source.is_ok_and(|source| source.contains("#[test]"))
    };
    let mut points = 0;
    let mut untested = Vec::new();
    for block in text.split("\n\n") {
        // A point goes on as long as it is indented; what is below it belongs to it.
        for point in format!("\n{block}").split("\n- ").skip(1) {
            points += 1;
            if !in_backquotes(point).any(is_test) {
                untested.push(point.to_owned());
            }
        }
    }
    assert!(points > 50, "only {points} differences are found");
    assert_eq!(untested, [""; 0]);
}

/// The strings in a manifest's text: `"a", "b"`.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[test]
fn what_the_workspace_is_made_of_is_in_the_context_of_images() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let mut needed = BTreeSet::new();
    for member in strings(members) {
        let text = fs::read_to_string(root.join(member).join("Cargo.toml")).unwrap();
        let paths = text
            .lines()
            .filter_map(|line| line.split_once("path = "))
            .filter_map(|(_, rest)| strings(rest).next());
        for path in paths.chain([""]) {
            let path = root.join(member).join(path).canonicalize().unwrap();
            let inside = path.strip_prefix(root.canonicalize().unwrap()).unwrap().to_owned();
            needed.extend(inside.iter().next().map(|top| top.to_str().unwrap().to_owned()));
        }
    }
    assert!(needed.contains("tests") && needed.len() > 2, "{needed:?}");
    let ignored = read(".dockerignore");
    assert!(ignored.lines().any(|line| line == "*"), "only what is named is let through");
    let let_through: BTreeSet<String> =
        ignored.lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect();
    let missing: Vec<&String> = needed.difference(&let_through).collect();
    assert_eq!(missing, [""; 0]);
}

/// Text in the sources as it comes out: lines that are joined are one.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            all.push_str(&sources(&entry));
        } else {
            let text = fs::read_to_string(entry).unwrap();
            let mut parts = text.split("\\\n");
            all.push_str(parts.next().unwrap_or_default());
            parts.for_each(|part| all.push_str(part.trim_start()));
        }
    }
    all
}

#[test]
fn the_log_lines_that_the_readme_explains_are_logged() {
    // What stands for something else.
    const PLACES: [&str; 5] = ["PATH", "COPY", "N", "line L column C", "…"];
    let readme = read("README.md");
    let tables = first_columns(&readme, "in the log");
    let lines: Vec<&str> =
        tables.iter().flatten().flat_map(|cell| cell.trim_matches(['|', ' ', '`']).split("`, `")).collect();
    assert!(lines.len() > 10, "{lines:?}");
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut missing = Vec::new();
    for line in lines {
        let with_gaps = PLACES.iter().fold(line.to_owned(), |line, place| line.replace(place, ";"));
        // These are put together of parts too.
        let parts = with_gaps
            .split([';', ':', ','])
            .flat_map(|part| part.split(" is "))
            .map(|part| part.trim_matches([' ', '`']));
        let parts = parts.filter(|part| part.len() > 3);
        missing.extend(parts.filter(|part| !sources.contains(*part)).map(|part| format!("{line}: {part}")));
    }
    assert_eq!(missing, [""; 0]);
}
