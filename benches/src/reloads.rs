//! How long a reload of an edited policy file holds the broker's thread: the callback of SIGHUP, and the ticks until what the
//! file says is in force.

use std::error::Error;
use std::fs;

use plugin_host::Request;
use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::policies::policy;
use crate::table::Table;
use crate::worker::{Order, percentile};

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

type Edit = fn(&mut Value);

/// What is edited. The role and the group are those of a tenth of all clients.
const EDITS: [(&str, Edit); 3] = [
    ("a client", |policy| {
        let middle = policy["clients"].as_array().map_or(0, Vec::len) / 2;
        policy["clients"][middle]["disabled"] = json!(true);
    }),
    ("a role", |policy| {
        let acl =
            json!({"acltype": "publishClientReceive", "topic": "edited/#", "priority": 0, "allow": false});
        if let Some(acls) = policy["roles"][1]["acls"].as_array_mut() {
            acls.push(acl);
        }
    }),
    ("a group", |policy| policy["groups"][1]["roles"] = json!([{"rolename": "role-2"}])),
];

/// SIGHUP, with one record of so many edited.
pub fn run(bench: &Bench) -> Result<Table, Box<dyn Error>> {
    let mut held = Table::new(
        "held-reload",
        "SIGHUP, one record edited: how long that holds the broker's thread. The callback waits for the file, for a second at most.",
        "ms",
    );
    for size in SIZES.into_iter().filter(|size| bench.takes(*size)) {
        for (what, edit) in EDITS {
            let Some([callback, tick]) =
                bench.measure(&format!("reload, {size} clients, {what}"), || reload(bench, size, edit))?
            else {
                continue;
            };
            let clients = Some(size as u64);
            held.push(&format!("{what}: callback"), clients, None, Some(callback));
            held.push(&format!("{what}: ticks, the longest"), clients, None, Some(tick));
        }
    }
    Ok(held)
}

/// Milliseconds of the callback, and of the longest tick.
fn reload(bench: &Bench, clients: usize, edit: Edit) -> Result<[f64; 2], Box<dyn Error>> {
    let mut policy: Value = serde_json::from_slice(&policy(clients, 10))?;
    let mut worker = bench.start(Side::Ours)?;
    let path = bench.new_path();
    fs::write(&path, policy.to_string())?;
    Bench::load_file(&mut worker, &path, &[])?;
    worker.ask(Request::Tick { count: 3, pause_ms: 20 })?;
    edit(&mut policy);
    fs::write(path, policy.to_string())?;
    drop(policy);
    let mut done = worker.order(&Order::Reload)?;
    Ok([percentile(&mut done.singles, 1.0) / 1e6, percentile(&mut done.batches, 1.0) / 1e6])
}
