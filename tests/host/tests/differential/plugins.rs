//! Where the two plugins are, and which version theirs is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use plugin_host::HostProgram;

use crate::place::Place;

/// A version of the C plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    V2_0_11,
    V2_0_21,
    V2_1_2,
}

impl Version {
    /// What our option `compat` is beside it. 2.1 can be told from the broker's functions, which the host of
    /// 2.1 has; 2.0.21 only from the broker's own executable.
    fn compat(self) -> &'static str {
        match self {
            Self::V2_0_11 => "2.0",
            Self::V2_0_21 => "2.0.21",
            Self::V2_1_2 => "auto",
        }
    }

    fn host(self) -> &'static str {
        match self {
            Self::V2_0_11 | Self::V2_0_21 => env!("CARGO_BIN_EXE_plugin-host"),
            Self::V2_1_2 => env!("CARGO_BIN_EXE_plugin-host-2-1"),
        }
    }
}

/// A plugin, what runs it, and the options that it gets beside its `config_file`.
#[derive(Clone, Debug)]
pub struct PluginUnderTest {
    /// As the host sees it.
    pub path: PathBuf,
    pub options: Vec<(&'static str, String)>,
    pub host: HostProgram,
    pub place: Place,
}

/// Ours: `DYNSEC_OURS`, or the newest build of this workspace.
pub fn ours() -> PluginUnderTest {
    let path = env::var_os("DYNSEC_OURS").map_or_else(newest_build, PathBuf::from);
    let place = Place::of_this_run();
    let path = place.bring(&existing(path));
    let compat = env::var("DYNSEC_DIFF_COMPAT").unwrap_or_else(|_| version().compat().to_owned());
    // As many iterations as 2.0 has: the tests are about policies, not about hashing.
    let options = vec![("compat", compat), ("password_iterations", "101".to_owned())];
    PluginUnderTest { path, options, host: place.program(Path::new(version().host())), place }
}

/// Theirs: `DYNSEC_THEIRS`, or where Debian's package mosquitto has it.
pub fn theirs() -> PluginUnderTest {
    let place = Place::of_this_run();
    let path = path_of_theirs(&place);
    PluginUnderTest { path, options: Vec::new(), host: place.program(Path::new(version().host())), place }
}

/// Both as real brokers have them: ours without its denial log, which C has not.
pub fn on_broker() -> (PluginUnderTest, PluginUnderTest) {
    let mut ours = ours();
    ours.options.push(("denial_log", "false".to_owned()));
    (ours, theirs())
}

/// The version of theirs, by what is in it.
pub fn version() -> Version {
    static VERSION: OnceLock<Version> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let place = Place::of_this_run();
        let plugin = fs::read(place.outside(&path_of_theirs(&place))).expect("the C plugin is readable");
        let has = |text: &str| plugin.windows(text.len()).any(|window| window == text.as_bytes());
        if has("mosquitto_control_generic_callback") {
            Version::V2_1_2
        } else if has("Deleting the anonymous group is forbidden") {
            Version::V2_0_21
        } else {
            Version::V2_0_11
        }
    })
}

/// As the place sees it.
fn path_of_theirs(place: &Place) -> PathBuf {
    let path = env::var_os("DYNSEC_THEIRS").map(PathBuf::from).or_else(|| installed(place));
    let path = path.expect(
        "the C plugin, mosquitto_dynamic_security.so, is not installed: `apt-get install mosquitto`, or set \
         DYNSEC_THEIRS to its path",
    );
    existing(place.outside(&path));
    path
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.is_file(), "there is no plugin at {}", path.display());
    path
}

fn installed(place: &Place) -> Option<PathBuf> {
    let libraries = fs::read_dir(place.outside(Path::new("/usr/lib"))).ok()?;
    let candidates = libraries.flatten().map(|entry| entry.path()).flat_map(|directory| {
        // The second is where the first is a link to, which may be absolute.
        ["mosquitto_dynamic_security.so", "mosquitto/mosquitto_dynamic_security.so"]
            .map(|name| directory.join(name))
    });
    candidates.into_iter().find(|path| path.is_file()).map(|path| place.inside(&path))
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
