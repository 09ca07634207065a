//! Libraries for brokers, of C that is beside the cases.

use std::path::Path;
use std::process::Command;

/// The library that a file of `tests/broker` makes.
pub(crate) fn build(source: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let library = folder.path().join("library.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker").join(source);
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
    let built = command.output().expect("there is a C compiler");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    std::fs::read(library).expect("it was built")
}
