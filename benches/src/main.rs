//! Measures the plugin and the C plugin, on the same work and in turns: `make bench`.
//!
//! - `bench [SUITE…]` runs all suites, or those, prints their tables, and puts the results into
//!   `docs/performance/results.json`.
//! - `bench document` puts the results into `docs/performance.md`, with pictures.
//! - `bench growth` fails where instructions grow faster with a policy than they may: for CI.
//! - `bench worker PLUGIN` is a process with a plugin loaded, which `bench` starts.
//!
//! A suite is a function that makes tables, in the list `SUITES`.
#![allow(unreachable_pub, reason = "what is public in a program is public to its other files")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program for developers, about rough numbers"
)]

mod adversarial;
mod bench;
mod brokers;
mod callgrind;
mod changes;
mod checks;
mod denied;
mod document;
mod growth;
mod held;
mod limits;
mod logins;
mod policies;
mod real;
mod reloads;
mod results;
mod stall;
mod storm;
mod table;
mod worker;

use std::env;
use std::error::Error;
use std::path::Path;

use bench::Bench;
use results::Results;
use table::Table;

/// What can be measured.
const SUITES: [(&str, Measure); 10] = [
    ("checks", checks::run),
    ("load", policies::load),
    ("changes", changes::changes),
    ("reads", changes::reads),
    ("adversarial", adversarial::run),
    ("logins", logins::run),
    ("brokers", brokers::measure),
    ("stall", stall::run),
    ("storm", storm::run),
    ("held", held::run),
];

/// They take minutes, and root for the broker of 2.1.
const ONLY_IF_ASKED: [&str; 4] = ["brokers", "stall", "storm", "held"];

type Measure = fn(&Bench) -> Result<Vec<Table>, Box<dyn Error>>;

const RESULTS: &str = "docs/performance/results.json";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["worker", plugin] => worker::run(Path::new(plugin)),
        ["document"] => document::write(Path::new(RESULTS)),
        ["growth"] => growth::check(&Bench::new()?),
        ref suites => measure(suites),
    }
}

fn measure(wanted: &[&str]) -> Result<(), Box<dyn Error>> {
    if let Some(unknown) = wanted.iter().find(|name| SUITES.iter().all(|(suite, _)| suite != *name)) {
        return Err(format!("there is no suite {unknown}").into());
    }
    let bench = Bench::new()?;
    let file = Path::new(RESULTS);
    for (suite, run) in SUITES {
        let is_wanted =
            if wanted.is_empty() { !ONLY_IF_ASKED.contains(&suite) } else { wanted.contains(&suite) };
        if !is_wanted {
            continue;
        }
        let tables = run(&bench)?;
        let mut results = Results::read(file)?;
        results.put(suite, tables, &bench);
        if let Some(suite) = results.suite(suite) {
            println!("\n{}", suite.circumstances.join("\n"));
            for table in &suite.tables {
                println!("\n{}\n\n{}", table.title, table.to_markdown());
            }
        }
        if !bench.is_whole() {
            continue;
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        results.write(file)?;
    }
    Ok(())
}
