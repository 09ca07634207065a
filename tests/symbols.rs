//! The built library against the dynamic linker: what it exports, and what it needs of whom.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use mosquitto_dynsec::ffi::REQUIRED_FUNCTIONS;
use object::{Object, ObjectSymbol};

/// What Debian's 2.0.11 broker offers to plugins (its src/linker.syms), a name a line.
const EXPORTS_OF_2_0_11: &str = include_str!("exports_of_2_0_11.txt");

/// Where everything else may come from; `ld-linux…` is the loader itself.
const SYSTEM_LIBRARIES: [&str; 6] =
    ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux"];

/// `$DYNSEC_OURS`, or what this very run of Cargo built.
fn library() -> PathBuf {
    if let Some(path) = env::var_os("DYNSEC_OURS") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let candidates = test.ancestors().skip(1).take(2).map(|folder| folder.join("libmosquitto_dynsec.so"));
    candidates
        .into_iter()
        .find(|path| path.exists())
        .expect("the library is not beside this test; set DYNSEC_OURS")
}

fn with_object<T>(path: &Path, look: impl FnOnce(object::File<'_>) -> T) -> T {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    look(object::File::parse(&*bytes).unwrap())
}

fn exports(path: &Path) -> BTreeSet<String> {
    with_object(path, |object| {
        let names = object.exports().unwrap().into_iter().map(|export| text(export.name()));
        names.collect()
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn exactly_the_three_functions_of_the_plugin_interface_are_exported() {
    let expected = ["mosquitto_plugin_cleanup", "mosquitto_plugin_init", "mosquitto_plugin_version"];
    assert_eq!(exports(&library()), expected.map(String::from).into());
}

#[test]
fn nothing_is_imported_but_from_the_c_library_and_the_compiler_s() {
    with_object(&library(), |object| {
        let weak: BTreeSet<String> = object
            .dynamic_symbols()
            .filter(|symbol| symbol.is_undefined() && symbol.is_weak())
            .filter_map(|symbol| Some(symbol.name().ok()?.to_owned()))
            .collect();
        for import in object.imports().unwrap() {
            let (name, from) = (text(import.name()), text(import.library()));
            let is_of_the_system = SYSTEM_LIBRARIES.iter().any(|library| from.starts_with(library));
            // One that may be missing has no library where it is: crt1's hooks, mostly.
            assert!(is_of_the_system || (from.is_empty() && weak.contains(&name)), "{name} from `{from}`");
        }
    });
}

#[test]
fn what_is_looked_up_in_every_broker_is_in_2_0_11() {
    for name in REQUIRED_FUNCTIONS {
        assert!(EXPORTS_OF_2_0_11.lines().any(|export| export == *name), "{name}");
    }
}

#[test]
fn the_installed_broker_exports_what_2_0_11_does() {
    let broker = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
        .expect("mosquitto is installed: make dependencies");
    let exports = exports(broker);
    let missing: Vec<_> = EXPORTS_OF_2_0_11.lines().filter(|&name| !exports.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}
