//! Ours against the C plugin: both do the same, and whatever differs is a defect or a known difference.
//!
//! Each plugin has a process, a broker and a policy file of its own. A case is a policy and some dozens of
//! steps, made from a seed; a case that fails is made small, and printed as a recipe.
//!
//! - `DYNSEC_OURS`, `DYNSEC_THEIRS`: paths of the two plugins; by default the newest build of this workspace,
//!   and what Debian's package mosquitto installs. Which version theirs is decides what is known to differ.
//! - `DYNSEC_DIFF_ROOT`: the root folder of another system, where both plugins run by chroot, which needs root;
//!   `DYNSEC_THEIRS` is a path in it then.
//! - `DYNSEC_DIFF_CASES`: how many cases; 500.
//! - `DYNSEC_DIFF_BROKER_CASES`: how many of them on real brokers; 10. Half as many more with certificates.
//! - `DYNSEC_DIFF_SECONDS`: for how long, instead of a number of cases.
//! - `DYNSEC_DIFF_SEED`: the seed of the first case; the others follow. A failure names the seed of its case.
//! - `DYNSEC_DIFF_FAILURES`: after how many failures to stop; 1.
//! - `DYNSEC_DIFF_COMPAT`: our option `compat`; by default that of their version.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "a test fails by a panic, and is one crate"
)]

mod acts;
mod contender;
mod crashes;
mod difference;
mod duel;
mod generate;
mod hazards;
mod kicks;
mod known_differences;
mod known_for_acls;
mod known_for_certificates;
mod known_in_log;
mod known_priorities;
mod on_broker;
mod place;
mod plugins;
mod saved;
mod script;
mod shrink;
mod side;
mod stream;
mod tally;
mod wire;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use difference::Difference;
use duel::{Arena, Duel, Verdict};
use known_differences::KNOWN_DIFFERENCES;
use script::Script;
use tally::Tally;

const SEED: u64 = 20_110_000;
const CASES: u64 = 500;
const BROKER_CASES: u64 = 10;

#[test]
fn ours_differs_from_the_c_plugin_only_as_documented() {
    let (ours, theirs) = (plugins::ours(), plugins::theirs());
    let duel = Duel { ours: &ours, theirs: &theirs, known: KNOWN_DIFFERENCES, arena: Arena::Host };
    run("ours against the C plugin", duel, generate::script, cases());
}

/// The same with real brokers and clients: what was delivered to whom, and who got in, counts too.
#[test]
fn on_real_brokers_ours_differs_only_as_documented() {
    let (ours, theirs) = plugins::on_broker();
    let duel = Duel { ours: &ours, theirs: &theirs, known: KNOWN_DIFFERENCES, arena: Arena::Brokers };
    let cases = setting("DYNSEC_DIFF_BROKER_CASES").unwrap_or(BROKER_CASES);
    let tally = run("ours against the C plugin, on real brokers", duel, generate::broker_script, cases);
    let common = [
        "payloads",
        "ACL checks",
        "logins",
        "deliveries",
        "clients that came back",
        "shared subscriptions: refused",
    ];
    for what in common {
        assert!(cases < BROKER_CASES || tally.of(what) > 0, "the cases have {what}");
    }
    let rarer = [
        "wills that came",
        "sessions found again",
        "takeovers",
        "publishes of all kinds: refused",
        "subscriptions to several filters: granted",
        "subscriptions to several filters: refused",
        "unsubscriptions from several filters: granted",
        "unsubscriptions from several filters: refused",
    ];
    for what in rarer {
        assert!(cases < 10 * BROKER_CASES || tally.of(what) > 0, "the cases have {what}");
    }
}

/// The same where brokers know clients by their certificates, and ask no plugin about their logins. Clients are disabled and
/// deleted often.
#[test]
fn on_real_brokers_by_certificate_ours_differs_only_as_documented() {
    let (ours, theirs) = plugins::on_broker();
    let arena = Arena::BrokersByCertificate;
    let duel = Duel { ours: &ours, theirs: &theirs, known: KNOWN_DIFFERENCES, arena };
    let cases = setting("DYNSEC_DIFF_BROKER_CASES").unwrap_or(BROKER_CASES) / 2;
    let title = "ours against the C plugin, on real brokers, by certificate";
    let tally = run(title, duel, generate::certificate_script, cases);
    for what in ["ACL checks answered 0", "clients shut out"] {
        assert!(cases < BROKER_CASES / 2 || tally.of(what) > 0, "the cases have {what}");
    }
    for what in ["clients shut out that were deleted", "wills that came", "takeovers"] {
        assert!(cases < BROKER_CASES || tally.of(what) > 0, "the cases have {what}");
    }
}

/// What C loads, ours loads, and means the same by it.
#[test]
fn ours_reads_flawed_files_as_the_c_plugin_does() {
    let (ours, theirs) = (plugins::ours(), plugins::theirs());
    let duel = Duel { ours: &ours, theirs: &theirs, known: KNOWN_DIFFERENCES, arena: Arena::Host };
    run("ours against the C plugin, with flawed files", duel, generate::flawed_script, cases() / 2);
}

/// Of ACLs of a type with one topic the same one decides, whatever commands do to them.
#[test]
fn of_several_acls_with_one_topic_the_same_counts() {
    let (ours, theirs) = (plugins::ours(), plugins::theirs());
    let duel = Duel { ours: &ours, theirs: &theirs, known: KNOWN_DIFFERENCES, arena: Arena::Host };
    run("ours against the C plugin, with ACLs given twice", duel, generate::several_acls_script, cases() / 2);
}

/// The comparison itself is sound: it finds nothing where there is nothing.
#[test]
fn c_plugin_against_itself_gives_no_difference() {
    let theirs = plugins::theirs();
    let duel = Duel { ours: &theirs, theirs: &theirs, known: &[], arena: Arena::Host };
    run("the C plugin against itself, with flawed files", duel, generate::flawed_script, cases() / 10);
    let (_, on_broker) = plugins::on_broker();
    let duel_of_brokers = Duel { ours: &on_broker, theirs: &on_broker, arena: Arena::Brokers, ..duel };
    let cases_on_brokers = setting("DYNSEC_DIFF_BROKER_CASES").unwrap_or(BROKER_CASES) / 5;
    run(
        "the C plugin against itself, on real brokers",
        duel_of_brokers,
        generate::broker_script,
        cases_on_brokers,
    );
    let tally = run("the C plugin against itself", duel, generate::script, cases() / 5);
    for what in ["payloads", "ACL checks", "logins", "restarts with each other's file"] {
        assert!(tally.of(what) > 0, "the cases have {what}");
    }
}

#[test]
fn every_known_difference_is_in_the_docs_by_its_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/differences.md");
    let docs = fs::read_to_string(path).expect("the docs are there");
    let names = docs.split("**").skip(1).step_by(2).map(plain).collect::<BTreeSet<_>>();
    let missing =
        KNOWN_DIFFERENCES.iter().map(|known| known.name).filter(|name| !names.contains(&plain(name)));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0], "not in bold in docs/differences.md");
}

/// A name however it is written in a text.
fn plain(name: &str) -> String {
    let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
    words.trim_end_matches('.').replace('`', "").to_lowercase()
}

fn cases() -> u64 {
    setting("DYNSEC_DIFF_CASES").unwrap_or(CASES)
}

fn setting(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}` and should be a number")))
}

/// Runs the cases, on all processors. Panics with the failures, made small.
fn run(title: &str, duel: Duel<'_>, script_of: fn(u64) -> Script, cases: u64) -> Tally {
    let first = setting("DYNSEC_DIFF_SEED").unwrap_or(SEED);
    let enough = setting("DYNSEC_DIFF_FAILURES").unwrap_or(1);
    let end = setting("DYNSEC_DIFF_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let cases = if end.is_some() { u64::MAX } else { cases };
    let next = AtomicU64::new(0);
    let failures = AtomicU64::new(0);
    let results = Mutex::new((Tally::default(), Vec::new()));
    let work = || {
        let directory = duel.ours.place.directory();
        while failures.load(Ordering::Relaxed) < enough {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= cases || end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            let seed = first.wrapping_add(case);
            let verdict = duel.fight(&script_of(seed), directory.path());
            let recipe = (!verdict.news.is_empty()).then(|| {
                failures.fetch_add(1, Ordering::Relaxed);
                recipe(duel, script_of(seed), seed, directory.path(), &verdict.news)
            });
            let (tally, recipes) = &mut *results.lock().unwrap();
            tally.count("cases");
            tally.add(&verdict.tally);
            recipes.extend(recipe);
        }
    };
    thread::scope(|scope| {
        // Brokers and their clients mostly wait for each other.
        let each = if duel.arena.has_brokers() { 2 } else { 1 };
        for _ in 0..each * thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (tally, recipes) = results.into_inner().unwrap();
    // Not by a macro, whose output is shown only when a test fails.
    let summary = format!("\n{title}, seeds from {first}:\n{tally}");
    io::stderr().write_all(summary.as_bytes()).unwrap();
    assert!(recipes.is_empty(), "{title}: differences that are not known\n{}", recipes.join("\n"));
    tally
}

/// The smallest script that shows what the case of a seed shows, and what it shows. What it shows only once is told as
/// it was.
fn recipe(duel: Duel<'_>, original: Script, seed: u64, directory: &Path, news: &[Difference]) -> String {
    let fight = |script: &Script| duel.fight(script, directory);
    let first_aspect = |verdict: &Verdict| verdict.news.first().map(|news| news.aspect);
    let wanted = first_aspect(&fight(&original));
    if wanted.is_none() {
        let mut told = original;
        told.steps.truncate(news.first().map_or(usize::MAX, |news| news.step.saturating_add(1)));
        let mut text =
            format!("  DYNSEC_DIFF_SEED={seed} DYNSEC_DIFF_CASES=1, seen once and not again\n{told}");
        for one in news {
            let _ = write!(text, "{one}");
        }
        return text;
    }
    let smallest = shrink::shrink(original, |script| first_aspect(&fight(script)) == wanted);
    let mut text = format!("  DYNSEC_DIFF_SEED={seed} DYNSEC_DIFF_CASES=1\n{smallest}");
    for news in fight(&smallest).news {
        let _ = write!(text, "{news}");
    }
    text
}
