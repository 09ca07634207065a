//! What is wrong with the policy file, for lintPolicy.

use super::Plugin;
use crate::control::FileFinding;
use crate::store::Writable;

impl Plugin {
    /// What was set aside when it was read, and that the file cannot be saved, where it cannot.
    pub(super) fn what_is_wrong_with_the_file(&self) -> Vec<FileFinding> {
        let mut findings = Vec::new();
        // While a save is under way the broker's thread does not wait for its end, and it is not hopeless.
        if let Some(store) = self.store.try_lock()
            && let Writable::No(why) = store.writable()
        {
            let path = store.path().display().to_string();
            findings.push(FileFinding::Unwritable { path, why: why.to_string() });
        }
        findings.extend(self.issues.lock().iter().map(|issue| FileFinding::SetAside {
            line: issue.position.line,
            column: issue.position.column,
            path: issue.path.clone(),
            what: issue.what.to_string(),
        }));
        findings
    }
}
