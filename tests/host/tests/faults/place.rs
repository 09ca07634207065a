//! Where a policy lies, and how it can be saved there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::programs::root;

/// What a policy is at first.
pub(crate) const POLICY: &str = include_str!("../../../data/2.0.11-init.json");

/// How the policy can be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Replaced,
    /// The file is a mount of its own.
    InPlace,
}

/// A folder with a policy, one for state, and what is mounted there.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    way: Way,
}

impl Place {
    pub(crate) fn new(way: Way) -> Self {
        let folder = match root() {
            Some(root) => tempfile::tempdir_in(root.join("tmp")).unwrap(),
            None => tempfile::tempdir().unwrap(),
        };
        for name in ["home", "state"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let place = Self { folder, way };
        fs::write(place.policy(), POLICY).unwrap();
        if way == Way::InPlace {
            let source = place.folder.path().join("source");
            fs::write(&source, POLICY).unwrap();
            let status =
                Command::new("mount").arg("--bind").arg(&source).arg(place.policy()).status().unwrap();
            assert!(status.success(), "a file is mounted here: run this as root");
        }
        place
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("home/policy.json")
    }

    /// Who is in the file; none if it is no policy.
    pub(crate) fn usernames(&self) -> Option<BTreeSet<String>> {
        let policy: Value = serde_json::from_slice(&fs::read(self.policy()).ok()?).ok()?;
        let clients = policy["clients"].as_array()?.iter();
        Some(clients.map(|client| client["username"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// How long the file is.
    pub(crate) fn length(&self) -> u64 {
        fs::metadata(self.policy()).unwrap().len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.way == Way::InPlace {
            let _ = Command::new("umount").arg("--lazy").arg(self.policy()).status();
        }
    }
}
