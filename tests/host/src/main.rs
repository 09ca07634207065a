//! `plugin-host PLUGIN`: a broker for one plugin, driven by lines of JSON. See the library.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use plugin_host::{Host, serve};

fn main() -> Result<(), Box<dyn Error>> {
    let plugin = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: plugin-host PLUGIN")?;
    let mut host = Host::load(&plugin)?;
    serve(&mut host, io::stdin().lock(), io::stdout().lock())?;
    Ok(())
}
