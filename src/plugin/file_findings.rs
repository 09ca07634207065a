//! What is wrong with the policy file, for lintPolicy.

use super::Plugin;
use crate::control::FileFinding;
use crate::store::Writable;

impl Plugin {
    /// What was set aside at the start, and that the file cannot be saved, where it cannot.
    pub(super) fn what_is_wrong_with_the_file(&self) -> Vec<FileFinding> {
        let mut findings = Vec::new();
        {
            let store = self.store.lock();
            if let Writable::No(why) = store.writable() {
                let path = store.path().display().to_string();
                findings.push(FileFinding::Unwritable { path, why: why.to_string() });
            }
        }
        findings.extend(self.issues.iter().map(|issue| FileFinding::SetAside {
            line: issue.position.line,
            column: issue.position.column,
            path: issue.path.clone(),
            what: issue.what.to_string(),
        }));
        findings
    }
}
