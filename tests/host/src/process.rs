//! The other side of the program `plugin-host`: starting it, asking it, and noticing its death.

use std::ffi::{OsString, c_int};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use crate::protocol::{Answer, Request};
use crate::serve::PATIENCE;

/// Where a `plugin-host` is, and how it is started.
#[derive(Clone, Debug)]
pub struct HostProgram {
    /// Its path, as it is called inside of `root`. So are the paths that its plugins are given.
    pub path: PathBuf,
    /// The folder of another system, which is then `/` to it (chroot(8), which only root may do).
    pub root: Option<PathBuf>,
    /// A program that it is run by, with its arguments; empty for none. That runs outside of `root`.
    pub wrapper: Vec<OsString>,
    /// For how many seconds it waits for its plugin; `None` for as long as always.
    pub patience: Option<u32>,
}

impl HostProgram {
    fn command(&self) -> Command {
        // Each becomes the next, so that killing it kills that.
        let mut words = self.wrapper.clone();
        if let Some(root) = &self.root {
            words.extend(["chroot".into(), root.into()]);
        }
        words.push(self.path.clone().into());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        if let Some(seconds) = self.patience {
            command.env(PATIENCE, seconds.to_string());
        }
        command
    }
}

/// A running `plugin-host`. It is killed when this is dropped.
pub struct HostProcess {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    stderr: PathBuf,
}

/// A host that died of what it was asked.
#[derive(Clone, Debug)]
pub struct Death {
    status: ExitStatus,
    stderr: String,
}

impl Death {
    /// How a process ended, and what it said.
    #[must_use]
    pub fn new(status: ExitStatus, stderr: String) -> Self {
        Self { status, stderr }
    }

    /// The signal that ended it; none if it exited.
    #[must_use]
    pub fn signal(&self) -> Option<c_int> {
        self.status.signal()
    }
}

impl fmt::Display for Death {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.status)?;
        if !self.stderr.is_empty() {
            write!(out, ": {}", self.stderr.trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Death {}

impl HostProcess {
    /// Starts a program with a plugin. What it writes to its standard error goes to the file `stderr`.
    ///
    /// # Errors
    ///
    /// The program cannot be started, or the file cannot be made.
    pub fn start(host: &HostProgram, plugin: &Path, stderr: &Path) -> io::Result<Self> {
        let mut child = host
            .command()
            .arg(plugin)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(stderr)?)
            .spawn()?;
        let missing = || io::Error::other("a pipe to the plugin host is missing");
        let requests = child.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Self { child, requests, answers, stderr: stderr.to_owned() })
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// The host died: its plugin crashed, or took too long (SIGALRM).
    pub fn ask(&mut self, request: &Request) -> Result<Answer, Death> {
        self.exchange(request).map_err(|error| self.bury(&error))
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Answer> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.requests.write_all(&line)?;
        self.requests.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// What became of a host that does not answer.
    fn bury(&mut self, error: &io::Error) -> Death {
        // It is dying already if it has closed its pipes; if not, it makes no sense and must not stay.
        if error.kind() == io::ErrorKind::InvalidData {
            // There is nothing to do about a failure: wait() below reports what happened.
            let _ = self.child.kill();
        }
        let status = self.child.wait().unwrap_or_default();
        let stderr = fs::read(&self.stderr).unwrap_or_default();
        Death { status, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
