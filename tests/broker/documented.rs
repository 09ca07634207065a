//! The examples of the documentation, run as they are written.
//!
//! A block ```` ```sh ```` is what the reader sets up; it is run before each command after it. In a block
//! ```` ```console ```` a line that begins with `$ ` is a command, with the lines after it that continue it,
//! and what follows is what it prints: JSON in any layout, else text, in which `…` stands for anything in a
//! line.
//!
//! `UPDATE_DOCS=1 cargo test --test broker documented::ours` writes what was printed in the place of JSON that
//! is not as it is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mosquitto_dynsec::json::{Kind, Value, parse};
use serde_json::json;

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

cases! {
    the_commands: theirs_fails("all", "has no such commands", "Unknown command"),
    the_worked_example: theirs_fails("all", "has no such commands", "Unknown command"),
    what_is_observed: theirs_fails("all", "has no such topics"),
    what_users_keep_asking: theirs_fails("all", "has no such commands"),
}

fn the_commands(trial: &Trial) {
    run(trial, "docs/commands.md", &trial.broker().start());
}

fn the_worked_example(trial: &Trial) {
    run(trial, "docs/explain.md", &trial.broker().start());
}

fn what_is_observed(trial: &Trial) {
    run(trial, "docs/observe.md", &trial.broker().line("plugin_opt_audit_file {dir}/audit.jsonl").start());
}

fn what_users_keep_asking(trial: &Trial) {
    run(trial, "docs/faq.md", &trial.broker().anonymous().start());
}

/// How wide JSON is written in the documents.
const WIDTH: usize = 110;

/// A part of a document.
enum Part {
    /// Text, and whatever is not run.
    Text(String),
    SetUp(String),
    Example {
        command: String,
        printed: String,
    },
}

fn run(trial: &Trial, document: &str, broker: &Broker) {
    let address = trial.place.client_address();
    // As long as hashes of `mosquitto_ctrl dynsec init` have fewer iterations, lintPolicy would say so.
    let password = json!({"command": "setClientPassword", "username": ADMIN, "password": ADMIN_PASSWORD});
    // The disconnect ends it, with the C plugin of 2.0 before an answer. What comes later would be taken for the answer to
    // an example.
    let mut admin = broker.admin();
    admin.send(json!({"commands": [password]}).to_string());
    admin.client().disconnected();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut set_up = String::new();
    let mut written = String::new();
    let mut examples = 0;
    for part in parts(&text) {
        match part {
            Part::Text(text) => written.push_str(&text),
            Part::SetUp(script) => {
                written.push_str(&script);
                set_up.push_str(&script);
            }
            Part::Example { command, printed } => {
                examples += 1;
                let output = shell(&format!("{set_up}\n{}", script_of(&command)), broker);
                let output = output.replace(address, "127.0.0.1");
                written.push_str(&command);
                if is_as_printed(&output, &printed) {
                    written.push_str(&printed);
                } else if update && let Some(text) = layout(&output) {
                    written.push_str(&text);
                } else {
                    panic!("{document}: {command}\nprints\n{output}\ninstead of\n{printed}");
                }
            }
        }
    }
    assert!(examples > 0, "{document} has no examples");
    if update {
        std::fs::write(&path, written).unwrap();
    }
}

/// The parts of a document, which together are the document.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut block = "";
    for line in text.split_inclusive('\n') {
        if let Some(kind) = line.trim_end().strip_prefix("```") {
            block = if block.is_empty() { if kind.is_empty() { "text" } else { kind } } else { "" };
            parts.push(Part::Text(line.to_owned()));
            continue;
        }
        let continues = match parts.last() {
            Some(Part::Example { command, printed }) => printed.is_empty() && is_unfinished(command),
            _ => false,
        };
        match (block, parts.last_mut()) {
            ("sh", _) => parts.push(Part::SetUp(line.to_owned())),
            ("console", Some(Part::Example { command, .. })) if continues => command.push_str(line),
            ("console", _) if line.starts_with("$ ") => {
                parts.push(Part::Example { command: line.to_owned(), printed: String::new() });
            }
            ("console", Some(Part::Example { printed, .. })) => printed.push_str(line),
            _ => parts.push(Part::Text(line.to_owned())),
        }
    }
    parts
}

/// Whether the shell would ask for more.
fn is_unfinished(command: &str) -> bool {
    command.ends_with("\\\n") || command.matches('\'').count() % 2 == 1
}

/// What to give to the shell.
fn script_of(command: &str) -> &str {
    command.strip_prefix("$ ").unwrap_or(command)
}

/// What a script prints, with the broker's port, log and password at hand.
fn shell(script: &str, broker: &Broker) -> String {
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .env("PORT", broker.port().to_string())
        .env("PASSWORD", ADMIN_PASSWORD)
        .env("LOG", broker.log_path())
        .env("HOME", broker.folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).split_inclusive('\n').filter(|line| !is_warning(line)).collect()
}

/// What `mosquitto_ctrl` says of every connection without TLS, and an empty line.
fn is_warning(line: &str) -> bool {
    let line = line.trim_end();
    line.is_empty()
        || line.starts_with("Warning: You are running mosquitto_ctrl without encryption.")
        || line.starts_with("This means all of the configuration changes you are making are visible")
}

fn is_as_printed(output: &str, printed: &str) -> bool {
    if printed.starts_with('{') {
        let values = [output, printed].map(serde_json::from_str::<serde_json::Value>);
        return matches!(values, [Ok(output), Ok(printed)] if output == printed);
    }
    let (mut lines, mut wanted) = (output.trim_end().lines(), printed.trim_end().lines());
    loop {
        match (lines.next(), wanted.next()) {
            (None, None) => return true,
            (Some(line), Some(wanted)) if is_like(line, wanted) => {}
            _ => return false,
        }
    }
}

/// Whether a line is as wanted, where `…` may be anything.
fn is_like(line: &str, wanted: &str) -> bool {
    let mut pieces = wanted.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    for piece in between {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// JSON as documents have it.
fn layout(output: &str) -> Option<String> {
    match parse(output.trim().as_bytes()) {
        Ok(value) if value.is_object() => {
            let mut text = String::new();
            lay_out(&mut text, &value, output.trim().as_bytes(), 0, 0);
            Some(text + "\n")
        }
        _ => None,
    }
}

/// Writes a value in one line if it fits, else its parts in lines of their own.
fn lay_out(text: &mut String, value: &Value<'_>, source: &[u8], depth: usize, column: usize) {
    let raw = String::from_utf8_lossy(value.raw(source)).into_owned();
    let parts: Vec<(String, &Value<'_>)> = match &value.kind {
        Kind::Object(members) => members
            .iter()
            .map(|member| (format!("\"{}\":", String::from_utf8_lossy(&member.name)), &member.value))
            .collect(),
        Kind::Array(elements) => elements.iter().map(|element| (String::new(), element)).collect(),
        _ => Vec::new(),
    };
    if parts.is_empty() || column + raw.chars().count() <= WIDTH {
        text.push_str(&raw);
        return;
    }
    let indent = "  ".repeat(depth + 1);
    text.push_str(if value.is_object() { "{" } else { "[" });
    for (index, (key, part)) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(text, "{comma}\n{indent}{key}").unwrap();
        lay_out(text, part, source, depth + 1, indent.len() + key.len() + 1);
    }
    let indent = "  ".repeat(depth);
    write!(text, "\n{indent}{}", if value.is_object() { "}" } else { "]" }).unwrap();
}
