//! The plugins that run in this process: one to a policy file, however many `plugin` lines name it.
//!
//! With `per_listener_settings`, a 2.0 broker starts the plugin once for every listener that names it.
//! Two policies and two writers on one file would undo each other's changes.

use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::served::Served;
use crate::options::PluginOptions;

/// Those of this process.
pub(super) static RUNNING: Running<Served> = Running::new();

/// Plugins by their files.
pub(super) struct Running<T>(Mutex<Vec<Entry<T>>>);

struct Entry<T> {
    file: PathBuf,
    options: PluginOptions,
    plugin: Weak<T>,
}

impl<T> Running<T> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The plugin that runs on this file, and the options that it was started with.
    pub(super) fn find(&self, options: &PluginOptions) -> Option<(Arc<T>, PluginOptions)> {
        let file = identity(&options.config_file);
        let entries = self.0.lock();
        let entry = entries.iter().find(|entry| entry.file == file && entry.plugin.strong_count() > 0)?;
        Some((entry.plugin.upgrade()?, entry.options.clone()))
    }

    /// Remembers a plugin until it ends.
    pub(super) fn add(&self, options: PluginOptions, plugin: &Arc<T>) {
        let file = identity(&options.config_file);
        let mut entries = self.0.lock();
        entries.retain(|entry| entry.plugin.strong_count() > 0);
        entries.push(Entry { file, options, plugin: Arc::downgrade(plugin) });
    }
}

/// The same for two names of one file, as far as the file exists.
fn identity(file: &Path) -> PathBuf {
    file.canonicalize().or_else(|_| path::absolute(file)).unwrap_or_else(|_| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(file: &Path) -> PluginOptions {
        PluginOptions::new(file.to_owned())
    }

    #[test]
    fn a_second_start_on_the_same_file_finds_the_first_by_any_of_its_names() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("policy.json");
        let link = directory.path().join("link.json");
        std::fs::write(&file, "{}").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let running = Running::new();
        let plugin = Arc::new(1);
        running.add(options(&file), &plugin);
        for name in [&file, &link, &directory.path().join("./policy.json")] {
            assert_eq!(running.find(&options(name)), Some((plugin.clone(), options(&file))));
        }
        assert_eq!(running.find(&options(&directory.path().join("other.json"))), None);
    }

    #[test]
    fn a_plugin_that_ended_is_not_found() {
        let running = Running::new();
        let plugin = Arc::new(1);
        running.add(options(Path::new("/no/such/file")), &plugin);
        drop(plugin);
        assert_eq!(running.find(&options(Path::new("/no/such/file"))), None);
    }
}
