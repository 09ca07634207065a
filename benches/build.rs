//! Compiles what talks to callgrind, and makes the host's symbols visible to the plugins that are loaded.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=src/callgrind.c");
    // Where valgrind's headers come and go, what is compiled changes.
    println!("cargo:rerun-if-changed=/usr/include/valgrind/callgrind.h");
    cc::Build::new().file("src/callgrind.c").warnings_into_errors(true).try_compile("bench_callgrind")?;
    println!("cargo:rustc-link-arg-bins=-rdynamic");
    Ok(())
}
