//! What happens at start: the policy is opened, made before that if it is missing and may be made, and
//! the log says what came of it.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::broker::{Broker, BrokerFamily, LogLevel};
use crate::file_report::{count, report_issues, report_refused};
use crate::options::PluginOptions;
use crate::password::Plaintext;
use crate::policy::{Client, Compat, Password, Policy};
use crate::store::{
    Disk, FirstRun, InitError, Loaded, Made, OpenError, PASSWORD_VARIABLE, PasswordFrom, Shown, Store,
    Writable, is_one_file,
};

/// How many clients are named in one line.
const MOST_NAMES: usize = 5;

/// Why the plugin cannot start.
#[derive(Debug)]
pub enum StartError {
    /// Two options name one file, which would be written over.
    OneFile {
        /// The options.
        options: [&'static str; 2],
        /// Its path, as the first has it.
        path: PathBuf,
    },
    /// The policy cannot be used.
    Open(OpenError),
    /// There is none, and none could be made.
    Init {
        /// Its path.
        path: PathBuf,
        /// Why none could be made.
        error: InitError,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneFile { options: [one, other], path } => {
                write!(
                    f,
                    "`{one}` and `{other}` name the same file, `{}`: each needs its own",
                    path.display()
                )
            }
            Self::Open(error) => error.fmt(f),
            Self::Init { path, error } => {
                write!(f, "there is no `{}`, and none could be made: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for StartError {}

/// Looks whether what is written to one file is written to another one as well.
pub(crate) fn tell_files_apart(options: &PluginOptions) -> Result<(), StartError> {
    let files = [
        ("plugin_opt_audit_file", options.audit_file.as_ref()),
        ("plugin_opt_metrics_file", options.metrics_file.as_ref()),
        ("plugin_opt_config_file", Some(&options.config_file)),
    ];
    for (index, (one, path)) in files.iter().enumerate() {
        let Some(path) = path else { continue };
        for (other, other_path) in files.iter().skip(index.saturating_add(1)) {
            if other_path.is_some_and(|other_path| is_one_file(path, other_path)) {
                return Err(StartError::OneFile { options: [one, other], path: (*path).clone() });
            }
        }
    }
    Ok(())
}

/// Opens the policy. Where it is missing and that is asked for, it is made.
pub(crate) fn open(
    options: &PluginOptions,
    compat: Compat,
    family: BrokerFamily,
    broker: &dyn Broker,
    disk: &dyn Fn() -> Box<dyn Disk>,
) -> Result<(Loaded, Store), StartError> {
    let open = || {
        let (file, state_dir) = (&options.config_file, options.state_dir.as_deref());
        Store::open_on(disk(), file, state_dir, compat, options.strict_config).map_err(StartError::Open)
    };
    let opened = match open() {
        Err(StartError::Open(OpenError::Missing { path })) if options.config_init.makes_policy(family) => {
            let first_run = FirstRun {
                path: &options.config_file,
                state_dir: options.state_dir.as_deref(),
                password: first_password(options),
                iterations: options.password_iterations,
                compat,
            };
            match first_run.make() {
                Ok(made) => report_made(&made, &first_run.password, broker),
                Err(error) => return Err(StartError::Init { path, error }),
            }
            open()
        }
        opened => opened,
    };
    if let Err(StartError::Open(error)) = &opened {
        report_refused(error, broker);
    }
    opened
}

/// As the C plugin of 2.1 chooses.
fn first_password(options: &PluginOptions) -> PasswordFrom {
    if let Some(file) = &options.password_init_file {
        PasswordFrom::File(file.clone())
    } else if let Some(password) = std::env::var_os(PASSWORD_VARIABLE) {
        PasswordFrom::Environment(Plaintext::new(password.as_bytes()))
    } else {
        PasswordFrom::Random
    }
}

/// Says what was made, and where its passwords are.
fn report_made(made: &Made, from: &PasswordFrom, broker: &dyn Broker) {
    let whose = match (&made.passwords, from) {
        (Some(passwords), _) => format!(
            "the administrator `admin` and the client `democlient`, whose passwords are in {}: keep them elsewhere \
             and remove that file",
            passwords.display()
        ),
        (None, PasswordFrom::File(file)) => {
            format!("the administrator `admin`, whose password is that in {}", file.display())
        }
        (None, _) => format!("the administrator `admin`, whose password is that in {PASSWORD_VARIABLE}"),
    };
    let line = format!("dynsec: there was no {}: made a policy with {whose}", made.policy.display());
    broker.log(LogLevel::Notice, line.as_bytes());
    if let (true, PasswordFrom::File(file)) = (made.exposed, from) {
        let line = format!("dynsec: everybody on this machine has rights on {}: chmod 600", file.display());
        broker.log(LogLevel::Warning, line.as_bytes());
    }
}

/// Where a 2.0 broker may get its C plugin back: says which clients that could not let in.
pub(crate) fn report_unreadable(policy: &Policy, options: &PluginOptions, broker: &dyn Broker) {
    if policy.compat() >= Compat::V2_1 {
        return;
    }
    let is_unreadable = |client: &Client| match &client.password {
        Password::Hash(hash) => !hash.is_read_by_2_0(),
        Password::None | Password::Unusable => false,
    };
    let names: Vec<_> = policy.clients().filter(|client| is_unreadable(client)).collect();
    if names.is_empty() {
        return;
    }
    let what_to_do = if options.rehash_on_login {
        "each is hashed again when it logs in here, as plugin_opt_rehash_on_login says"
    } else {
        "let it log in here with plugin_opt_rehash_on_login true, or set its password"
    };
    let have = if names.len() == 1 { "has" } else { "have" };
    let mut line = format!(
        "dynsec: {} {have} a password hash that the C plugin of Mosquitto 2.0 cannot read; {what_to_do}:",
        count(names.len(), "client"),
    );
    for (index, client) in names.iter().take(MOST_NAMES).enumerate() {
        line.push_str(if index == 0 { " " } else { ", " });
        line.push_str(&Shown::new(client.username.as_bytes()).to_string());
    }
    let more = names.len().saturating_sub(MOST_NAMES);
    if more > 0 {
        line = format!("{line} and {more} more");
    }
    broker.log(LogLevel::Notice, line.as_bytes());
}

/// One line for what was loaded, one for each imperfection of the file, and one if it cannot be saved
/// as it should be.
pub(crate) fn report(loaded: &Loaded, store: &Store, broker: &dyn Broker) {
    let path = store.path().display();
    report_issues(&loaded.issues, store.path(), broker);
    if let Some(recovered) = &loaded.recovered {
        let copy = recovered.copy.display();
        let line = match &recovered.not_completed {
            None => format!("dynsec: {path}: a save was interrupted; completed from its copy {copy}"),
            Some(error) => format!(
                "dynsec: {path}: a save was interrupted; its copy {copy} is used, and must be kept until a \
                 command can be saved: {error}"
            ),
        };
        broker.log(LogLevel::Warning, line.as_bytes());
    }
    let policy = &loaded.policy;
    let counts = [
        count(policy.clients().len(), "client"),
        count(policy.groups().len(), "group"),
        count(policy.roles().len(), "role"),
    ];
    let version = env!("CARGO_PKG_VERSION");
    let counts = counts.join(", ");
    let saved = match store.writable() {
        Writable::Replaced => "it can be saved",
        Writable::InPlace { .. } => "it can be saved, but only in place",
        Writable::No(_) => "it cannot be saved",
    };
    let line = format!("dynsec: mosquitto-dynsec {version} loaded {path}: {counts}; {saved}");
    broker.log(LogLevel::Notice, line.as_bytes());
    match store.writable() {
        Writable::Replaced => {}
        way => broker.log(LogLevel::Warning, format!("dynsec: {path} is {way}").as_bytes()),
    }
}
