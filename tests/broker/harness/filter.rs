//! The filter for fail2ban in docs/logins.md, and what it finds, whichever way a log comes to fail2ban.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::sync::Once;

/// What syslog writes in front of the broker's lines.
const SYSLOG: [&str; 2] =
    ["Nov 27 19:19:48 myhost mosquitto[123]: ", "2026-11-27T19:19:48.123456+00:00 myhost mosquitto[123]: "];
/// What is left of these, since fail2ban cuts the time off.
const SYSLOG_WITHOUT_TIME: &str = " myhost mosquitto[123]: ";
/// What fail2ban itself puts in front of what it reads from the journal.
const JOURNAL: &str = "myhost mosquitto[123]: ";

/// The filter, as it is to be copied.
fn filter() -> &'static str {
    let docs = include_str!("../../../docs/logins.md");
    let block = |text: &'static str| text.split_once("```ini\n")?.1.split_once("```");
    block(docs).unwrap().0
}

/// The broker's line without its time.
fn without_time(line: &str) -> &str {
    line.trim_start_matches(|c: char| c.is_ascii_digit())
}

/// The lines of a log that it matches, without their times; the same ones, however they come.
pub(crate) fn found_by_filter(log: &str) -> Vec<String> {
    let found = by_grep(log.lines().map(without_time));
    for before in [SYSLOG_WITHOUT_TIME, JOURNAL] {
        let same = by_grep(log.lines().map(|line| format!("{before}{line}")));
        assert_eq!(without(before, &same), found, "with {before:?} before each");
    }
    for before in [""].into_iter().chain(SYSLOG).chain([JOURNAL]) {
        if let Some(same) = by_fail2ban(log.lines().map(|line| format!("{before}{line}\n"))) {
            assert_eq!(without(before, &same), found, "with {before:?} before each, by fail2ban");
        }
    }
    found
}

fn without(before: &str, lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| without_time(line.strip_prefix(before).unwrap()).to_owned()).collect()
}

fn by_grep(lines: impl Iterator<Item = impl Into<String>>) -> Vec<String> {
    let lines: Vec<String> = lines.map(Into::into).collect();
    let failregex = filter().lines().find_map(|line| line.strip_prefix("failregex = ")).unwrap();
    let mut grep = Command::new("grep")
        .args(["-P", &failregex.replace("<ADDR>", "[0-9a-f.:]+")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    grep.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let output = grep.wait_with_output().unwrap();
    assert!(output.stderr.is_empty());
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// What fail2ban finds itself; `None` if it is not installed, which is said once.
fn by_fail2ban(lines: impl Iterator<Item = String>) -> Option<Vec<String>> {
    static SAID: Once = Once::new();
    let folder = tempfile::tempdir().unwrap();
    let [log, file] = ["log", "filter.conf"].map(|name| folder.path().join(name));
    std::fs::write(&log, lines.collect::<String>()).unwrap();
    std::fs::write(&file, filter()).unwrap();
    match Command::new("fail2ban-regex").args(["--out", "msg"]).args([log, file]).output() {
        Ok(output) => {
            let problems = String::from_utf8_lossy(&output.stderr);
            assert!(problems.is_empty(), "{problems}");
            Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Not by `println!`: of a test that passes nobody would see it.
            let text = "\nNOT TESTED: the filter for fail2ban with fail2ban itself, which is not installed\n";
            SAID.call_once(|| _ = std::io::stderr().write_all(text.as_bytes()));
            None
        }
        Err(error) => panic!("fail2ban-regex: {error}"),
    }
}
