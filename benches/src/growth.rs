//! What CI checks: how instructions grow with the size of a policy, and how many a check takes. Never times.

use std::error::Error;

use crate::adversarial;
use crate::bench::Bench;
use crate::{changes, limits, policies};

const SMALL: usize = 500;
/// Ten times as many, of clients and of ACLs in one role.
const LARGE: usize = 5_000;

/// Loading is linear: ten times as much takes at most this many times the instructions.
const LOAD: f64 = 11.5;
/// A change is in proportion to itself: among ten times as many it takes at most this many times the
/// instructions. What grows with the number of chunks, and the snapshot for saving, is in it.
const CHANGE: f64 = 2.0;
/// An explanation takes what the matches take, not what the ACLs do.
const EXPLANATION: f64 = 1.2;

/// Compares the instructions of the small policy with those of the large one, and those of checks and logins with their limits.
///
/// # Errors
/// Something grows faster than it may, or a check takes more than it may.
pub fn check(bench: &Bench) -> Result<(), Box<dyn Error>> {
    let mut failed = Vec::new();
    let mut compare = |what: &str, small: f64, large: f64, most: f64| {
        let growth = large / small;
        println!("{what}: {small:.0} and {large:.0} instructions, {growth:.2} times; at most {most}");
        if growth > most {
            failed.push(what.to_owned());
        }
    };
    compare("load", policies::count_load(bench, SMALL)?, policies::count_load(bench, LARGE)?, LOAD);
    let small = changes::count_changes(bench, SMALL)?;
    let large = changes::count_changes(bench, LARGE)?;
    for ((what, small), (_, large)) in small.into_iter().zip(large) {
        compare(what, small, large, CHANGE);
    }
    compare(
        "explainACL, the role has as many ACLs",
        changes::count_explanation(bench, SMALL)?,
        changes::count_explanation(bench, LARGE)?,
        EXPLANATION,
    );
    compare(
        "deleteRole, the role has as many ACLs",
        changes::count_deletion(bench, SMALL)?,
        changes::count_deletion(bench, LARGE)?,
        CHANGE,
    );
    compare(
        "deleteRole, deleteGroup and both anew, a tenth of all has them",
        changes::count_making_anew(bench, SMALL)?,
        changes::count_making_anew(bench, LARGE)?,
        CHANGE,
    );
    compare(
        "five commands, among as much that was set aside",
        changes::count_beside_what_is_set_aside(bench, SMALL)?,
        changes::count_beside_what_is_set_aside(bench, LARGE)?,
        CHANGE,
    );
    adversarial::compare(bench, &mut compare)?;
    limits::hold(bench, &mut |what, count, most| {
        println!("{what}: {count:.0} instructions; at most {most:.0}");
        if count > most {
            failed.push(what.to_owned());
        }
    })?;
    if failed.is_empty() { Ok(()) } else { Err(format!("these take too much: {}", failed.join("; ")).into()) }
}
