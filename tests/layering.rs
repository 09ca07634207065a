//! The rules that keep the parts of the library apart, read from its source.
//!
//! Comments and tests are not looked at.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Which paths of the crate each part may use, beside its own.
const MAY_USE: &[(&str, &[&str])] = &[
    ("broker", &[]),
    ("injection", &[]),
    ("panics", &[]),
    ("workers", &["panics"]),
    ("bell", &["broker"]),
    ("json", &[]),
    ("level", &[]),
    ("password", &["policy"]),
    ("origin", &[]),
    ("policy", &["password"]),
    ("options", &["broker", "control::Limits", "password"]),
    ("control", &["json", "metrics", "password", "policy"]),
    ("store", &["json", "password", "policy"]),
    ("sessions", &["control", "policy"]),
    ("rehash", &["password", "policy"]),
    ("denials", &["origin", "policy"]),
    ("metrics", &["policy"]),
    ("audit", &["control", "json"]),
    ("logins", &["level", "origin", "panics::Panicked", "password", "policy", "sessions::SessionId"]),
    ("memo", &["policy"]),
    ("file_report", &["broker", "policy", "store"]),
    ("start", &["broker", "file_report", "options", "password", "policy", "store"]),
    (
        "plugin",
        &[
            "audit",
            "bell",
            "broker",
            "control",
            "denials",
            "file_report",
            "injection",
            "json",
            "level",
            "metrics",
            "logins",
            "memo",
            "options",
            "panics",
            "password",
            "policy",
            "rehash",
            "sessions",
            "start",
            "store",
            "workers",
        ],
    ),
    (
        "ffi",
        &[
            "broker",
            "injection",
            "options",
            "panics",
            "plugin",
            "policy::AclRequest",
            "policy::Action",
            "policy::ClientIdOf",
            "policy::Effect",
            "policy::KnowsClientId",
            "policy::LoginRequest",
            "policy::Subject",
        ],
    ),
];

const LONGEST_FILE: usize = 400;

struct Source {
    /// From `src`.
    path: PathBuf,
    /// Without comments and tests, line by line.
    code: Vec<String>,
}

impl Source {
    /// The names of its module, from the crate's root.
    fn module(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.path.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
        names.pop_if(|name| name == "mod");
        names
    }

    /// The part that it belongs to; none for `lib.rs`.
    fn part(&self) -> Option<String> {
        self.module().into_iter().next().filter(|part| part != "lib")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !name.ends_with("tests.rs")
            {
                let code = code(&fs::read_to_string(&path).unwrap());
                sources.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), code });
            }
        }
    }
    assert!(!sources.is_empty());
    sources
}

/// The lines of a formatted file without comments and without what is `#[cfg(test)]`.
fn code(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let end = line.replace("#[cfg(test)]", "}");
            let mut is_block = false;
            for line in lines.by_ref() {
                is_block |= line.ends_with('{');
                let is_last = if is_block { line == end } else { line.ends_with(';') };
                if is_last {
                    break;
                }
            }
        } else if !line.trim_start().starts_with("//") {
            code.push(line.split(" // ").next().unwrap_or_default().to_owned());
        }
    }
    code
}

/// The paths that `text` takes from the crate's root, groups taken apart: `policy::Effect`.
fn paths_from_root(text: &str) -> Vec<String> {
    text.split("crate::").skip(1).flat_map(|rest| expand(rest).0).collect()
}

/// The paths that a path stands for, and where it ends.
fn expand(text: &str) -> (Vec<String>, &str) {
    if let Some(mut rest) = text.strip_prefix('{') {
        let mut paths = Vec::new();
        loop {
            rest = rest.trim_start_matches([',', ' ', '\n']);
            if rest.is_empty() || rest.starts_with('}') {
                return (paths, rest.get(1..).unwrap_or_default());
            }
            let (more, after) = expand(rest);
            assert_ne!(after, rest, "not a path: {rest}");
            paths.extend(more);
            rest = after;
        }
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '*');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    if let Some(tail) = rest.strip_prefix("::").filter(|tail| !tail.starts_with('<')) {
        let (paths, after) = expand(tail);
        return (paths.iter().map(|path| format!("{name}::{path}")).collect(), after);
    }
    let after_alias = rest
        .strip_prefix(" as ")
        .map(|alias| alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
    (vec![name.to_owned()], after_alias.unwrap_or(rest))
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}

/// Asserts that there is none, and shows them all if there are.
fn none(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<_> = problems.into_iter().collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn each_part_uses_only_the_parts_below_it() {
    let mut problems = Vec::new();
    for source in sources() {
        let Some(part) = source.part() else { continue };
        let Some((_, may_use)) = MAY_USE.iter().find(|(name, _)| *name == part) else {
            problems.push(format!("{}: add `{part}` to the table in this test", source.path.display()));
            continue;
        };
        for used in paths_from_root(&source.code.join("\n")) {
            let is_below = |allowed: &str| used == allowed || used.starts_with(&format!("{allowed}::"));
            if !is_below(&part) && !may_use.iter().any(|allowed| is_below(allowed)) {
                problems.push(format!("{}: {part} may not use {used}", source.path.display()));
            }
        }
    }
    none(problems);
}

#[test]
fn no_path_climbs_to_the_root_with_super() {
    none(sources().into_iter().filter(|source| source.part().is_some()).flat_map(|source| {
        let climb = "super::".repeat(source.module().len());
        let found = source.code.iter().filter(|line| line.contains(&climb));
        found.map(|line| format!("{}: write crate:: in {line}", source.path.display())).collect::<Vec<_>>()
    }));
}

#[test]
fn unsafe_is_only_in_ffi() {
    none(sources().into_iter().filter(|source| source.part().as_deref() != Some("ffi")).flat_map(|source| {
        let found =
            source.code.iter().filter(|line| has_word(line, "unsafe") || has_word(line, "unsafe_code"));
        found.map(|line| format!("{}: {line}", source.path.display())).collect::<Vec<_>>()
    }));
}

#[test]
fn files_are_touched_only_in_store() {
    // What is read there is the program that runs, to learn which one it is; nothing of the policy's.
    let own_executable = Path::new("ffi/version.rs");
    // Where a test says that it wants a panic; in no release.
    let wishes = Path::new("injection.rs");
    let is_elsewhere = |source: &Source| {
        source.part().as_deref() != Some("store") && ![own_executable, wishes].contains(&&*source.path)
    };
    none(sources().into_iter().filter(is_elsewhere).flat_map(|source| {
        let found = source.code.iter().filter(|line| has_word(line, "fs"));
        found.map(|line| format!("{}: {line}", source.path.display())).collect::<Vec<_>>()
    }));
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    none(
        sources()
            .into_iter()
            .filter(|source| source.code.len() > LONGEST_FILE)
            .map(|source| format!("{}: {} lines; make it two", source.path.display(), source.code.len())),
    );
}

#[test]
fn paths_are_read_out_of_use_lines_and_expressions() {
    let text = "use crate::broker::{Broker, LogLevel as Level};\nuse crate::{\n    json::Value,\n    \
                policy::{Acl, role::*},\n};\nlet x: Vec<crate::store::Error> = crate::options::parse::<u8>(y);";
    assert_eq!(
        paths_from_root(text),
        [
            "broker::Broker",
            "broker::LogLevel",
            "json::Value",
            "policy::Acl",
            "policy::role::*",
            "store::Error",
            "options::parse",
        ]
    );
}

#[test]
fn comments_and_tests_are_not_code() {
    let text = "//! crate::a\nmod b;\n#[cfg(test)]\nmod tests;\nfn c() {} // crate::d\n#[cfg(test)]\nmod tests {\n    \
                use crate::e;\n}\nfn f() {}";
    assert_eq!(code(text), ["mod b;", "fn c() {}", "fn f() {}"]);
}
