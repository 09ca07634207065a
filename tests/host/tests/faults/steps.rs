//! What a save changes, call by call, and what it takes to be on the disk at the end.

use std::path::Path;

use crate::place::Way;

/// The calls that change something, or wait until it is on the disk.
const CHANGES: [&str; 8] =
    ["pwrite64", "write", "fsync", "fdatasync", "rename", "link", "unlink", "ftruncate"];

/// The steps of a save, where the file has been so long: each call, of which file, and from where it is written.
pub(crate) fn expected_steps(way: Way, length: u64) -> Vec<String> {
    let new = |folder, name| {
        vec![
            format!("pwrite64 {folder}/new 0"),
            format!("fsync {folder}/new"),
            format!("rename {folder}/new {folder}/{name}"),
            format!("fsync {folder}"),
        ]
    };
    match way {
        Way::Replaced => new("home", "policy.json"),
        Way::InPlace => {
            let mut steps = new("state", "copy");
            steps.push(format!("pwrite64 home/policy.json {length}"));
            let rest = [
                // The mark, without which it would not be known that the copy counts.
                "pwrite64 home/policy.json 0",
                "fsync home/policy.json",
                "pwrite64 home/policy.json 1",
                "ftruncate home/policy.json",
                "fsync home/policy.json",
                "pwrite64 home/policy.json 0",
                "fsync home/policy.json",
                "unlink state/copy",
            ];
            steps.extend(rest.map(str::to_owned));
            steps
        }
    }
}

/// The steps that calls are, as strace writes them.
pub(crate) fn steps(calls: &[String], folder: &Path) -> Vec<String> {
    calls.iter().filter_map(|call| step(call, folder)).collect()
}

fn step(call: &str, folder: &Path) -> Option<String> {
    let (name, arguments) = call.split_once('(')?;
    if !CHANGES.contains(&name) {
        return None;
    }
    let mut words = vec![name.to_owned()];
    // An open file, with its path, or paths.
    if arguments.starts_with('"') {
        words.extend(arguments.split('"').skip(1).step_by(2).map(|path| short(path, folder)));
    } else {
        let path = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        words.push(path.map_or_else(|| arguments.to_owned(), |(path, _)| short(path, folder)));
    }
    if name == "pwrite64" {
        let offset = call.rsplit_once(')').and_then(|(arguments, _)| arguments.rsplit_once(", "));
        words.push(offset.map_or_else(|| call.to_owned(), |(_, offset)| offset.to_owned()));
    }
    Some(words.join(" "))
}

/// A path in the folder, without what is another name each time.
fn short(path: &str, folder: &Path) -> String {
    let within = Path::new(path).strip_prefix(folder).map_or(path, |path| path.to_str().unwrap_or_default());
    let parent = Path::new(within).parent().map_or_else(String::new, |parent| parent.display().to_string());
    if within.ends_with(".dynsec-tmp") {
        format!("{parent}/new")
    } else if within.ends_with(".recovery.json") {
        format!("{parent}/copy")
    } else {
        within.to_owned()
    }
}
