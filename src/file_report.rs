//! What the log says of the policy file whenever it is read: what is wrong with it, and what a reload has changed.

use std::path::Path;

use crate::broker::{Broker, LogLevel};
use crate::policy::Difference;
use crate::store::{Issue, OpenError};

/// How many imperfections of the file are listed one by one.
const MOST_ISSUES: usize = 50;

/// One line for each of the issues for which a strict plugin refuses a file.
pub(crate) fn report_refused(error: &OpenError, broker: &dyn Broker) {
    if let OpenError::Imperfect { path, issues } = error {
        report_issues(issues, path, broker);
    }
}

/// One line for what a reload has changed, and one for each imperfection of the file.
pub(crate) fn report_reloaded(issues: &[Issue], path: &Path, difference: &Difference, broker: &dyn Broker) {
    report_issues(issues, path, broker);
    let anonymous = if difference.concerned.anonymous { " and anonymous ones" } else { "" };
    let line = format!(
        "dynsec: {} was changed by another hand, and reloaded: {} differ, which concerns {}{anonymous}",
        path.display(),
        count(difference.records, "record"),
        count(difference.clients, "client"),
    );
    broker.log(LogLevel::Notice, line.as_bytes());
}

/// One line for each imperfection of the file.
pub(crate) fn report_issues(issues: &[Issue], path: &Path, broker: &dyn Broker) {
    let path = path.display();
    // A file that has everything twice has few records that matter.
    let (ambiguous, others): (Vec<_>, Vec<_>) = issues.iter().partition(|issue| issue.what.is_ambiguous());
    for issue in ambiguous.into_iter().chain(others).take(MOST_ISSUES) {
        let line = format!("dynsec: {path}: {issue}");
        broker.log(LogLevel::Warning, line.as_bytes());
    }
    let more = issues.len().saturating_sub(MOST_ISSUES);
    if more > 0 {
        broker.log(LogLevel::Warning, format!("dynsec: {path}: and {more} more such parts").as_bytes());
    }
}

/// A number, and of what.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
