//! What happens at start: the policy is opened, and the log says what came of it.

use crate::broker::{Broker, LogLevel};
use crate::options::PluginOptions;
use crate::policy::Compat;
use crate::store::{Loaded, OpenError, Store, Writable};

/// How many imperfections of the file are listed one by one.
const MOST_ISSUES: usize = 50;

pub(crate) fn open(options: &PluginOptions, compat: Compat) -> Result<(Loaded, Store), OpenError> {
    Store::open(&options.config_file, options.state_dir.as_deref(), compat, options.strict_config)
}

/// One line for what was loaded, one for each imperfection of the file, and one if it cannot be saved
/// as it should be.
pub(crate) fn report(loaded: &Loaded, store: &Store, broker: &dyn Broker) {
    let path = store.path().display();
    for issue in loaded.issues.iter().take(MOST_ISSUES) {
        let line = format!("dynsec: {path}: {issue}");
        broker.log(LogLevel::Warning, line.as_bytes());
    }
    let more = loaded.issues.len().saturating_sub(MOST_ISSUES);
    if more > 0 {
        broker.log(LogLevel::Warning, format!("dynsec: {path}: and {more} more such parts").as_bytes());
    }
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

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
