//! Where the two plugins are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A plugin, and the options that it gets beside its `config_file`.
#[derive(Clone, Debug)]
pub struct PluginUnderTest {
    pub path: PathBuf,
    pub options: Vec<(&'static str, String)>,
}

/// Ours: `DYNSEC_OURS`, or the newest build of this workspace.
pub fn ours() -> PluginUnderTest {
    let path = env::var_os("DYNSEC_OURS").map_or_else(newest_build, PathBuf::from);
    let compat = env::var("DYNSEC_DIFF_COMPAT").unwrap_or_else(|_| "2.0".to_owned());
    // As many iterations as 2.0 has: the tests are about policies, not about hashing.
    let options = vec![("compat", compat), ("password_iterations", "101".to_owned())];
    PluginUnderTest { path: existing(path), options }
}

/// Theirs: `DYNSEC_THEIRS`, or where Debian's package mosquitto has it.
pub fn theirs() -> PluginUnderTest {
    let path = env::var_os("DYNSEC_THEIRS").map(PathBuf::from).or_else(installed);
    let path = path.expect(
        "the C plugin, mosquitto_dynamic_security.so, is not installed: `apt-get install mosquitto`, or set \
         DYNSEC_THEIRS to its path",
    );
    PluginUnderTest { path: existing(path), options: Vec::new() }
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.is_file(), "there is no plugin at {}", path.display());
    path
}

fn installed() -> Option<PathBuf> {
    let libraries = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let candidates = libraries.flat_map(|directory| {
        ["mosquitto_dynamic_security.so", "mosquitto/mosquitto_dynamic_security.so"]
            .map(|name| directory.join(name))
    });
    candidates.into_iter().find(|path| path.is_file())
}

/// The newest `libmosquitto_dynsec.so` of the target directory that this test was built into. `cargo build`
/// leaves it beside `deps`, `cargo test` in it.
fn newest_build() -> PathBuf {
    let executable = env::current_exe().expect("a running test has a path");
    let target = executable.ancestors().nth(3).expect("a test lies in TARGET/PROFILE/deps");
    let places = ["release", "release/deps", "debug", "debug/deps"];
    let built = places.map(|place| target.join(place).join("libmosquitto_dynsec.so"));
    built.into_iter().filter(|path| path.is_file()).max_by_key(|path| modified(path)).unwrap_or_else(|| {
        panic!(
            "there is no libmosquitto_dynsec.so in {}: `cargo build --release` first, or set DYNSEC_OURS",
            target.display()
        )
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}
