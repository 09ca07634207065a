//! The stock `mosquitto_ctrl`, as users run it.

use std::path::Path;
use std::process::Stdio;

use super::fault;
use super::place::Place;

/// What a run of the tool gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// What it said on standard error, without the warning about encryption that every run begins with.
    pub(crate) fn complaint(&self) -> &str {
        let warning = self.stderr.split_once("\n\n");
        match warning {
            Some((warning, rest)) if warning.starts_with("Warning:") => rest.trim_end(),
            _ => self.stderr.trim_end(),
        }
    }

    /// Its standard output, where it had nothing to complain of.
    #[track_caller]
    pub(crate) fn fine(&self) -> &str {
        assert_eq!((self.code, self.complaint()), (Some(0), ""), "{self:?}");
        &self.stdout
    }

    /// The same with the columns drawn together: versions of the tool differ in their width.
    #[track_caller]
    pub(crate) fn words(&self) -> String {
        let lines = self.fine().lines();
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
    }
}

/// `mosquitto_ctrl dynsec …` against a broker, as the user that `login` names.
pub(crate) fn dynsec(
    place: &Place,
    port: u16,
    login: (&str, &str),
    home: &Path,
    arguments: &[&str],
) -> Output {
    let mut command = place.mosquitto_ctrl(home);
    command
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-u", login.0, "-P", login.1, "dynsec"])
        .args(arguments);
    run(command)
}

/// `mosquitto_ctrl dynsec init`, and whatever it says.
pub(crate) fn try_init(place: &Place, file: &Path, username: &str, password: &str) -> Output {
    let mut command = place.mosquitto_ctrl(file.parent().unwrap_or(file));
    command.args(["dynsec", "init"]).arg(place.inside(file)).args([username, password]);
    run(command)
}

/// Makes a policy with `mosquitto_ctrl dynsec init`.
pub(crate) fn init(place: &Place, file: &Path, username: &str, password: &str) {
    let output = try_init(place, file, username, password);
    if !file.is_file() {
        fault!("`mosquitto_ctrl dynsec init` made no file: {output:?}");
    }
}

fn run(mut command: std::process::Command) -> Output {
    // Nobody to ask for a password.
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| fault!("mosquitto_ctrl does not run: {error}"));
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
