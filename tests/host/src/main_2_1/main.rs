//! `plugin-host-2-1 PLUGIN`: `plugin-host` for plugins of Mosquitto 2.1. See the library.

mod exports;

use std::error::Error;
use std::io;
use std::path::PathBuf;

use plugin_host::{Host, newer, serve};

fn main() -> Result<(), Box<dyn Error>> {
    let plugin = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: plugin-host-2-1 PLUGIN")?;
    exports::pin();
    newer::enable()?;
    let mut host = Host::load(&plugin)?;
    exports::fill_what_is_freed_by(&plugin);
    serve(&mut host, io::stdin().lock(), io::stdout().lock())?;
    Ok(())
}
