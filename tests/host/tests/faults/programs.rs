//! Which plugin it is, in which host, and in which system.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Whether it is the C plugin's turn.
pub(crate) fn is_theirs() -> bool {
    env::var_os("DYNSEC_FAULTS_OF").is_some()
}

/// The root folder of another system that it runs in.
pub(crate) fn root() -> Option<PathBuf> {
    env::var_os("DYNSEC_FAULTS_ROOT").map(PathBuf::from)
}

/// A path as the host has it.
pub(crate) fn inside(path: &Path) -> PathBuf {
    match root() {
        Some(root) => Path::new("/").join(path.strip_prefix(root).expect("it is in the root folder")),
        None => path.to_owned(),
    }
}

/// The host with the functions of the plugin's broker.
pub(crate) fn host() -> &'static str {
    let path = plugin();
    let plugin = match root() {
        Some(root) => root.join(path.strip_prefix("/").expect("a path in the root folder")),
        None => path,
    };
    let is_of_2_1 = |bytes: Vec<u8>| {
        let name = b"mosquitto_control_generic_callback";
        bytes.windows(name.len()).any(|window| window == name)
    };
    if is_theirs() && is_of_2_1(fs::read(plugin).unwrap()) {
        env!("CARGO_BIN_EXE_plugin-host-2-1")
    } else {
        env!("CARGO_BIN_EXE_plugin-host")
    }
}

/// `DYNSEC_FAULTS_OF`, `DYNSEC_OURS`, or the build of this workspace.
pub(crate) fn plugin() -> PathBuf {
    if let Some(path) = env::var_os("DYNSEC_FAULTS_OF").or_else(|| env::var_os("DYNSEC_OURS")) {
        return path.into();
    }
    let executable = env::current_exe().expect("a running test has a path");
    executable.ancestors().nth(2).expect("a test lies in deps").join("libmosquitto_dynsec.so")
}
