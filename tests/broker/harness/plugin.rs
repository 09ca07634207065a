//! The two plugins and where their files are.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::container::Image;
use super::fault;
use super::place::{Place, set_mode};

/// Which plugin a broker is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plugin {
    /// The one this repository builds.
    Ours,
    /// The C plugin that comes with the broker.
    Theirs,
}

impl Plugin {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Ours => Self::Theirs,
            Self::Theirs => Self::Ours,
        }
    }

    /// The library as a broker at `place` names it. Ours is copied to `folder` where the broker may not
    /// reach it otherwise: at another place, and as another user.
    pub(crate) fn library(self, place: &Place, folder: &Path, other_user: bool) -> PathBuf {
        match (self, place) {
            (Self::Theirs, Place::Image(image)) => return image.theirs().to_owned(),
            (Self::Ours, Place::Image(_)) => return Image::ours().to_owned(),
            _ => {}
        }
        match self {
            Self::Theirs => theirs(place),
            Self::Ours if matches!(place, Place::Here) && !other_user => ours(),
            Self::Ours => {
                let built = ours();
                let copy = folder.join("libmosquitto_dynsec.so");
                std::fs::copy(&built, &copy)
                    .unwrap_or_else(|error| fault!("cannot copy {}: {error}", built.display()));
                set_mode(&copy, 0o755);
                place.inside(&copy)
            }
        }
    }
}

/// Our library on this machine: `DYNSEC_OURS`, or the newest of those beside the test executable.
fn ours() -> PathBuf {
    if let Some(path) = from_env("DYNSEC_OURS") {
        return path;
    }
    let exe = std::env::current_exe().expect("the test executable has a path");
    let deps = exe.parent().expect("the test executable lies in a folder");
    let found = [Some(deps), deps.parent()]
        .into_iter()
        .flatten()
        .map(|dir| dir.join("libmosquitto_dynsec.so"))
        .filter(|path| path.is_file())
        .max_by_key(|path| modified(path));
    found.unwrap_or_else(|| {
        fault!(
            "no libmosquitto_dynsec.so in {} or above: run `cargo build`, or set DYNSEC_OURS to its path",
            deps.display()
        )
    })
}

/// The C plugin as the broker at `place` would be told of it: `DYNSEC_THEIRS`, or where Debian puts it.
fn theirs(place: &Place) -> PathBuf {
    if let Ok(path) = std::env::var("DYNSEC_THEIRS") {
        let path = PathBuf::from(path);
        if place.outside(&path).is_file() {
            return path;
        }
        fault!("DYNSEC_THEIRS is `{}`, which is no file", path.display());
    }
    let libraries = place.outside(Path::new("/usr/lib"));
    let candidates = std::fs::read_dir(&libraries).into_iter().flatten().flatten().flat_map(|entry| {
        ["", "mosquitto"].map(|sub| entry.path().join(sub).join("mosquitto_dynamic_security.so"))
    });
    let found = candidates.into_iter().find(|path| path.is_file());
    found.map_or_else(
        || {
            fault!(
                "no mosquitto_dynamic_security.so under {}: `apt-get install mosquitto` (Debian), \
                 or set DYNSEC_THEIRS to its path",
                libraries.display()
            )
        },
        |path| place.inside(&path),
    )
}

fn from_env(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(variable)?);
    if !path.is_file() {
        fault!("{variable} is `{}`, which is no file", path.display());
    }
    Some(path)
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}
