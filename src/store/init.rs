//! The first run: makes a policy where there is none, as the C plugin of 2.1 does (`config_init.c`).
//!
//! What is in it stands in `first_run.json`, which is what 2.1.2 writes, without the passwords. Nothing
//! that is there already is written over: neither a policy nor a file of passwords.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, RealDisk};
use super::save_error::Failure;
use super::{Malformed, file, read, replace, write};
use crate::password::{Iterations, PasswordHash, Plaintext, RandomnessError};
use crate::policy::{Client, Compat, Password, Policy};

/// What a first policy holds.
const TEMPLATE: &[u8] = include_bytes!("first_run.json");
/// Its administrator.
const ADMIN: &str = "admin";
/// A client to try things with, made only where its password can be told.
const DEMO: &str = "democlient";
/// The environment variable that a password may be in.
pub const PASSWORD_VARIABLE: &str = "MOSQUITTO_DYNSEC_PASSWORD";
/// The shortest password that is taken from there, in bytes.
const SHORTEST: usize = 12;
/// The permissions of everybody.
const EVERYBODY: u32 = 0o007;

/// A policy to be made.
#[derive(Debug)]
pub struct FirstRun<'o> {
    /// Its file, which is missing.
    pub path: &'o Path,
    /// Where a copy of it would be, had a save been interrupted.
    pub state_dir: Option<&'o Path>,
    /// Where its administrator's password comes from.
    pub password: PasswordFrom,
    /// The PBKDF2 iterations of its passwords.
    pub iterations: Iterations,
    /// The C plugin whose form the file has.
    pub compat: Compat,
}

/// Where the first administrator's password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordFrom {
    /// The first line of this file, without the blanks at its end.
    File(PathBuf),
    /// [`PASSWORD_VARIABLE`], where it has at least 12 bytes.
    Environment(Plaintext),
    /// Nowhere: it is random, there is a demonstration client too, and both passwords are in a file
    /// beside the policy.
    Random,
}

/// What was made.
#[derive(Debug, PartialEq, Eq)]
pub struct Made {
    /// The file with the policy.
    pub policy: PathBuf,
    /// The file with the random passwords, if they are.
    pub passwords: Option<PathBuf>,
    /// Everybody on the machine may do something with the file that the password was in.
    pub exposed: bool,
}

/// Why no policy was made. There is then no part of one either.
#[derive(Debug)]
pub enum InitError {
    /// The file with the password cannot be read.
    PasswordFile {
        /// Its path.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// There is no password in the first line of the file.
    NoPassword(PathBuf),
    /// The password in the file holds a NUL character, with which nobody can log in.
    NulInPassword(PathBuf),
    /// The password in the environment is too short.
    TooShort,
    /// The missing policy has a copy, from a save that was interrupted.
    CopyOfMissing(PathBuf),
    /// There are no random bytes.
    NoRandomness(RandomnessError),
    /// The template is no policy.
    Template(Malformed),
    /// A file could not be made.
    NotWritten(Failure),
}

impl FirstRun<'_> {
    /// Makes the policy. When this returns without an error it is on the disk, and so are its passwords
    /// where they are random.
    ///
    /// # Errors
    /// Why not. Nothing was made then.
    pub fn make(&self) -> Result<Made, InitError> {
        self.make_on(&RealDisk)
    }

    /// [`Self::make`], with system calls that a test can let fail.
    ///
    /// # Errors
    /// As in [`Self::make`].
    pub fn make_on(&self, disk: &dyn Disk) -> Result<Made, InitError> {
        let path = std::path::absolute(self.path).map_err(|error| self.not_found(error))?;
        let state_dirs = file::state_dirs(self.state_dir).map_err(|error| self.not_found(error))?;
        if let Some(copy) = file::copies(&state_dirs, &path).find(|copy| disk.metadata(copy).is_ok()) {
            return Err(InitError::CopyOfMissing(copy));
        }
        let mut exposed = false;
        let admin = match &self.password {
            PasswordFrom::File(file) => {
                let (password, mode) = password_in(disk, file)?;
                exposed = mode & EVERYBODY != 0;
                password
            }
            PasswordFrom::Environment(password) if password.as_bytes().len() < SHORTEST => {
                return Err(InitError::TooShort);
            }
            PasswordFrom::Environment(password) => password.clone(),
            PasswordFrom::Random => Plaintext::random()?,
        };
        let mut passwords = vec![(ADMIN, admin)];
        if self.password == PasswordFrom::Random {
            passwords.push((DEMO, Plaintext::random()?));
        }
        let policy = write(&self.policy(&passwords)?.snapshot());
        if self.password != PasswordFrom::Random {
            replace::create(disk, &path, &policy)?;
            return Ok(Made { policy: path, passwords: None, exposed });
        }
        // First the passwords: a policy that nobody can log in with would be of no use.
        let beside = beside(&path);
        replace::create(disk, &beside, &lines(&passwords))?;
        replace::create(disk, &path, &policy).inspect_err(|_| {
            let _ = disk.remove(&beside);
        })?;
        Ok(Made { policy: path, passwords: Some(beside), exposed })
    }

    /// The policy with these passwords, without the clients that have none.
    fn policy(&self, passwords: &[(&str, Plaintext)]) -> Result<Policy, InitError> {
        let (mut policy, _) = read(TEMPLATE, self.compat).map_err(InitError::Template)?;
        let clients: Vec<Client> = policy.clients().map(|client| Client::clone(client)).collect();
        for client in clients {
            let name = client.username.as_bytes();
            match passwords.iter().find(|(username, _)| username.as_bytes() == name) {
                Some((_, password)) => {
                    let hash = PasswordHash::create(password.as_bytes(), self.iterations)?;
                    let put = policy.put_client(Client { password: Password::Hash(hash), ..client });
                    debug_assert!(put.is_ok(), "its roles are there");
                }
                None => policy.remove_client(&client.username),
            }
        }
        policy.keep();
        Ok(policy)
    }

    fn not_found(&self, error: io::Error) -> InitError {
        InitError::NotWritten(Failure::new(super::Step::Resolve, self.path, error))
    }
}

/// The password in a file, and the file's mode.
fn password_in(disk: &dyn Disk, path: &Path) -> Result<(Plaintext, u32), InitError> {
    use std::os::unix::fs::MetadataExt as _;
    let unreadable = |error| InitError::PasswordFile { path: path.to_owned(), error };
    let metadata = disk.metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a file")));
    }
    let content = disk.read(path).map_err(unreadable)?;
    let line = content.split(|&byte| byte == b'\n').next().unwrap_or_default();
    // C: isspace().
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r');
    let end = line.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last.saturating_add(1));
    match line.get(..end).unwrap_or_default() {
        [] => Err(InitError::NoPassword(path.to_owned())),
        password if password.contains(&0) => Err(InitError::NulInPassword(path.to_owned())),
        password => Ok((Plaintext::new(password), metadata.mode())),
    }
}

/// The file for the random passwords of a policy: that of the policy with `.pw` after its name.
fn beside(policy: &Path) -> PathBuf {
    let mut name = OsString::from(policy);
    name.push(".pw");
    name.into()
}

/// A line `username password` for each.
fn lines(passwords: &[(&str, Plaintext)]) -> Vec<u8> {
    let line = |(username, password): &(&str, Plaintext)| {
        [username.as_bytes(), b" ", password.as_bytes(), b"\n"].concat()
    };
    passwords.iter().flat_map(line).collect()
}

impl From<Failure> for InitError {
    fn from(failure: Failure) -> Self {
        Self::NotWritten(failure)
    }
}

impl From<RandomnessError> for InitError {
    fn from(error: RandomnessError) -> Self {
        Self::NoRandomness(error)
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PasswordFile { path, error } => {
                write!(f, "cannot read the first password from `{}`: {error}", path.display())
            }
            Self::NoPassword(path) => {
                write!(f, "there is no password in the first line of `{}`", path.display())
            }
            Self::NulInPassword(path) => {
                write!(f, "the password in `{}` holds a NUL character", path.display())
            }
            Self::TooShort => {
                write!(f, "the password in {PASSWORD_VARIABLE} has fewer than {SHORTEST} characters")
            }
            Self::CopyOfMissing(copy) => write!(
                f,
                "a save of it was interrupted, and its copy is `{}`: put that in its place, or remove it",
                copy.display()
            ),
            Self::NoRandomness(error) => error.fmt(f),
            Self::Template(error) => write!(f, "its template, {error}"),
            Self::NotWritten(failure) => failure.fmt(f),
        }
    }
}

impl Error for InitError {}
