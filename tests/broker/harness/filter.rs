//! The filter for fail2ban in docs/logins.md.

use std::io::Write;
use std::process::{Command, Stdio};

/// The lines of a log that it matches, as fail2ban sees them: that cuts the time off.
pub(crate) fn found_by_filter(log: &str) -> Vec<String> {
    let docs = include_str!("../../../docs/logins.md");
    let filter = docs.lines().find_map(|line| line.strip_prefix("failregex = ")).unwrap();
    let filter = filter.replace("<ADDR>", "[0-9a-f.:]+");
    let lines: Vec<&str> =
        log.lines().map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
    let mut grep = Command::new("grep")
        .args(["-P", &filter])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    grep.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let output = grep.wait_with_output().unwrap();
    assert!(output.stderr.is_empty());
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
