//! Counting instructions: what the worker asks of callgrind, and what is read from its files.
#![expect(unsafe_code, reason = "calls four functions without arguments in C")]

use std::error::Error;
use std::ffi::{OsString, c_int};
use std::fs;
use std::path::Path;

/// The function of the plugin host that calls a plugin, and the one of a plugin that loads its policy: what
/// happens in them is counted.
const COUNTED: [&str; 2] = ["plugin_host_call", "mosquitto_plugin_init"];

unsafe extern "C" {
    safe fn bench_callgrind_is_here() -> c_int;
    safe fn bench_callgrind_start();
    safe fn bench_callgrind_zero();
    safe fn bench_callgrind_dump();
}

/// Counts what `work` does inside the plugin's callbacks. The count becomes callgrind's next file.
///
/// # Errors
/// This process does not run in callgrind, or was built without its headers.
pub fn count(work: impl FnOnce()) -> Result<(), &'static str> {
    if bench_callgrind_is_here() == 0 {
        return Err(
            "not in valgrind, or built without valgrind's headers: install valgrind, then build again",
        );
    }
    bench_callgrind_start();
    bench_callgrind_zero();
    work();
    bench_callgrind_dump();
    Ok(())
}

/// The command line that a program is counted with; its files are named after `out`.
pub fn command(out: &Path) -> Vec<OsString> {
    let mut out_file = OsString::from("--callgrind-out-file=");
    out_file.push(out);
    let collect = COUNTED.map(|function| OsString::from(format!("--toggle-collect={function}")));
    ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no"]
        .into_iter()
        .map(OsString::from)
        .chain(collect)
        .chain([out_file])
        .collect()
}

/// The instructions in the `number`-th file, counted from 1.
///
/// # Errors
/// The file is not there, or not callgrind's.
pub fn read(out: &Path, number: u32) -> Result<u64, Box<dyn Error>> {
    let path = out.with_extension(number.to_string());
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(totals.ok_or_else(|| format!("{}: no totals", path.display()))?.trim().parse()?)
}
