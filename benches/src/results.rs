//! What is kept of a run: the tables of each suite, with the machine, the versions and the date.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::bench::{Bench, Side};
use crate::table::Table;

/// The results of the last run of each suite.
#[derive(Default, Serialize, Deserialize)]
pub struct Results {
    suites: BTreeMap<String, Suite>,
}

/// One suite's last run.
#[derive(Serialize, Deserialize)]
pub struct Suite {
    /// Where and when, for people.
    pub circumstances: Vec<String>,
    /// What came out.
    pub tables: Vec<Table>,
}

impl Results {
    /// Reads a results file; a missing one holds no results.
    ///
    /// # Errors
    /// It is no results file.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(fs::write(path, bytes)?)
    }

    /// Puts the results of a suite in the place of its last ones.
    pub fn put(&mut self, suite: &str, tables: Vec<Table>, bench: &Bench) {
        self.suites.insert(suite.into(), Suite { circumstances: circumstances(bench), tables });
    }

    /// A table by its name, with where and when it was measured.
    pub fn table(&self, name: &str) -> Option<(&Table, String)> {
        self.suites.values().find_map(|suite| {
            let table = suite.tables.iter().find(|table| table.name == name)?;
            Some((table, suite.circumstances.get(..3).unwrap_or_default().join("; ")))
        })
    }

    /// A suite's last run.
    pub fn suite(&self, name: &str) -> Option<&Suite> {
        self.suites.get(name)
    }
}

/// The date, the machine, and the versions of what was measured.
fn circumstances(bench: &Bench) -> Vec<String> {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = processors
        .lines()
        .filter_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']))
        .collect();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    vec![
        output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        format!(
            "{} × {}, load {} before",
            models.len(),
            models.first().unwrap_or(&"?"),
            load.split(' ').next().unwrap_or("?")
        ),
        format!("{}, Linux {}", system(), released(&output("uname", &["-r"]))),
        format!("C plugin: {}, {}", bench.plugin(Side::Theirs).display(), package("mosquitto")),
        format!("ours: {}, {}", commit(), output("rustc", &["-V"])),
        output("valgrind", &["--version"]),
    ]
}

/// The commit that is measured, and whether there is more than that; what documents say of it, as kept results, does not count.
fn commit() -> String {
    let commit = output("git", &["rev-parse", "--short", "HEAD"]);
    let more = output("git", &["status", "--porcelain", "--", ".", ":!docs"]);
    if more.is_empty() { commit } else { format!("{commit}-dirty") }
}

/// The release of a kernel, without what its builder has appended to it.
fn released(kernel: &str) -> &str {
    kernel.split(['-', '+']).next().unwrap_or_default()
}

fn system() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("Linux").trim_matches('"').to_owned()
}

fn package(name: &str) -> String {
    output("dpkg-query", &["--show", "--showformat=${Package} ${Version}", name])
}

/// What a program prints; where it cannot say, its name with a question mark.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    output.map_or_else(
        || format!("{program}?"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_s_release_is_kept_without_its_suffix() {
        for kernel in ["6.18.44", "6.18.44-amd64", "6.18.44+deb13-amd64"] {
            assert_eq!(released(kernel), "6.18.44");
        }
    }
}
