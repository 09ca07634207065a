//! strace(1) on one thread: it counts the calls that the thread makes from then on, and lets them fail.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::CALLS;

/// A thread that is looked at until it ends.
pub(crate) struct Strace {
    process: Child,
    /// Kept open for what it may still say.
    _stderr: BufReader<ChildStderr>,
    log: PathBuf,
}

impl Strace {
    /// `inject` is strace's expression for what fails.
    pub(crate) fn attach(thread: u32, folder: &Path, inject: Option<&str>) -> Self {
        let log = folder.join("calls");
        File::create(&log).unwrap();
        let mut command = Command::new("strace");
        // With the paths of open files.
        command.arg("-y").arg("-o").arg(&log).args(["-p", &thread.to_string()]);
        command.args(["-e", &format!("trace={}", CALLS.join(","))]);
        if let Some(inject) = inject {
            command.args(["-e", &format!("inject={inject}")]);
        }
        let mut process = command.stderr(Stdio::piped()).spawn().expect("strace is there");
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        // From this line on no call escapes it.
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace says: {line}");
        Self { process, _stderr: stderr, log }
    }

    /// What it has written when the thread has ended.
    fn log(mut self) -> String {
        self.process.wait().unwrap();
        fs::read_to_string(&self.log).unwrap()
    }

    /// Whether a call has failed because it was to. To be asked when the thread has ended.
    pub(crate) fn has_injected(self) -> bool {
        self.log().contains("(INJECTED)")
    }

    /// The calls that the thread has made, one a line, but for the host's answer and what comes after it. To be asked when
    /// the thread has ended.
    pub(crate) fn calls(self) -> Vec<String> {
        let log = self.log();
        let is_call = |line: &&str| line.split_once('(').is_some_and(|(name, _)| CALLS.contains(&name));
        let is_answer = |line: &&str| line.starts_with("write(1<pipe:");
        log.lines().filter(is_call).take_while(|line| !is_answer(line)).map(str::to_owned).collect()
    }
}
