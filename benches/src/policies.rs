//! Policies of many clients, and of roles with many ACLs: making and loading them. What is done to them then is in
//! [`crate::changes`].

use std::collections::BTreeMap;
use std::error::Error;

use plugin_host::Request;
use serde_json::{Value, json};

use crate::bench::{Bench, Side, Worker};
use crate::table::Table;
use crate::worker::{Done, Order, median};

const CLIENTS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// The C plugin takes 52 s for these.
pub const LARGEST_OF_THEIRS: usize = 100_000;
const ACLS: [usize; 3] = [1_000, 10_000, 100_000];
pub const LARGEST_ROLE_OF_THEIRS: usize = 10_000;
/// How many roles and groups the clients are spread over.
pub const ROLES: usize = 10;

const HASH: &str = "AD2vun4aBIwrHAa2zR+Dc6g2vpH9gHqBNcg1WMMVwznj1F5stV9cHLHSpHuzF6RbiYlVCot2cN4d97/x3iV4Bg==";
const SALT: &str = "c2FsdCBvZiAxMiBi";

pub fn client(number: usize) -> String {
    format!("client-{number:07}")
}

/// A policy of so many clients, each with a password, a group and a role; `role-0` has so many ACLs.
pub fn policy(clients: usize, acls: usize) -> Vec<u8> {
    policy_of(clients, acls, ROLES)
}

/// The same with that number of roles, and of groups, among all.
pub fn policy_of(clients: usize, acls: usize, roles: usize) -> Vec<u8> {
    let acl = |number: usize| json!({"acltype": "publishClientSend", "topic": format!("site/{number}/state"), "priority": 0, "allow": true});
    let members = |group: usize| {
        let numbers = (group..clients).step_by(roles);
        numbers.map(|number| json!({"username": client(number)})).collect::<Vec<_>>()
    };
    let of_client = |number: usize| {
        json!({
            "username": client(number), "password": HASH, "salt": SALT, "iterations": 101,
            "roles": [{"rolename": format!("role-{}", number % roles)}],
        })
    };
    let policy = json!({
        "defaultACLAccess": {
            "publishClientSend": false, "publishClientReceive": true, "subscribe": false, "unsubscribe": true,
        },
        "clients": (0..clients).map(of_client).collect::<Vec<Value>>(),
        "groups": (0..roles).map(|group| json!({
            "groupname": format!("group-{group}"), "roles": [], "clients": members(group),
        })).collect::<Vec<Value>>(),
        "roles": (0..roles).map(|role| json!({
            "rolename": format!("role-{role}"),
            "acls": (0..if role == 0 { acls } else { 10 }).map(acl).collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
    });
    policy.to_string().into_bytes()
}

/// Ten roles, each with so many ACLs of each of three types.
fn large_roles(acls: usize) -> Vec<u8> {
    const TYPES: [&str; 3] = ["publishClientSend", "publishClientReceive", "subscribePattern"];
    let role = |role: usize| {
        let acl = |(acltype, number): (&str, usize)| json!({"acltype": acltype, "topic": format!("site/{role}/{number}/state"), "allow": true});
        let each = TYPES.into_iter().flat_map(|acltype| (0..acls).map(move |number| (acltype, number)));
        json!({"rolename": format!("role-{role}"), "acls": each.map(acl).collect::<Vec<Value>>()})
    };
    let roles: Vec<Value> = (0..ROLES).map(role).collect();
    json!({"clients": [], "groups": [], "roles": roles}).to_string().into_bytes()
}

/// The order that loads a policy. Which of the 2.0 brokers it is, ours would look for in the program that runs, and
/// this one is fifty times as large as a broker: so it is told.
fn init(bench: &Bench, side: Side, policy: &[u8]) -> Result<Request, Box<dyn Error>> {
    let path = bench.new_path();
    std::fs::write(&path, policy)?;
    let mut options = BTreeMap::from([("config_file".to_owned(), path.to_string_lossy().into_owned())]);
    if side == Side::Ours {
        options.insert("compat".to_owned(), "2.0".to_owned());
    }
    Ok(Request::Init { options, fill_freed_memory: false })
}

pub fn load_into(
    bench: &Bench,
    side: Side,
    worker: &mut Worker,
    policy: &[u8],
) -> Result<Done, Box<dyn Error>> {
    let init = init(bench, side, policy)?;
    loaded(worker.ask(init)?)
}

fn loaded(done: Done) -> Result<Done, Box<dyn Error>> {
    match done.answer.rc {
        Some(0) => Ok(done),
        rc => Err(format!("the plugin refused its policy: {rc:?} {:?}", done.answer.deeds).into()),
    }
}

pub fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Loading: time and memory.
pub fn load(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut times = Table::new(
        "load-times",
        "Loading so many clients, each with a password, a group and a role: the plugin's init.",
        "ms",
    );
    let mut resident = Table::new("load-memory", "Memory of the whole process once they are loaded.", "MB");
    let mut peak = Table::new("load-peak", "The most memory while they were loaded.", "MB");
    let mut roles = Table::new("load-acls", "Loading roles of so many ACLs.", "ms");
    for size in CLIENTS.into_iter().filter(|size| bench.takes(*size)) {
        let policy = policy(size, 10);
        let [theirs, ours] = load_both(bench, &policy, size, size <= LARGEST_OF_THEIRS, "clients")?;
        let size = Some(size as u64);
        times.push("clients", size, theirs.map(|it| it.0), ours.map(|it| it.0));
        resident.push("clients", size, theirs.map(|it| it.1), ours.map(|it| it.1));
        peak.push("clients", size, theirs.map(|it| it.2), ours.map(|it| it.2));
    }
    for size in ACLS.into_iter().filter(|size| bench.takes(*size)) {
        let policy = policy(0, size);
        let [theirs, ours] = load_both(bench, &policy, size, size <= LARGEST_ROLE_OF_THEIRS, "ACLs")?;
        roles.push("ACLs of one role", Some(size as u64), theirs.map(|it| it.0), ours.map(|it| it.0));
    }
    let size = LARGEST_ROLE_OF_THEIRS;
    if bench.takes(size) {
        let what = "ACLs of each of three types in ten roles";
        let [theirs, ours] = load_both(bench, &large_roles(size), size, true, what)?;
        roles.push(what, Some(size as u64), theirs.map(|it| it.0), ours.map(|it| it.0));
    }
    Ok(vec![times, resident, peak, roles])
}

/// Milliseconds, megabytes afterwards and at the peak.
type Loaded = Option<(f64, f64, f64)>;

fn load_both(
    bench: &Bench,
    policy: &[u8],
    size: usize,
    theirs_too: bool,
    what: &str,
) -> Result<[Loaded; 2], Box<dyn Error>> {
    let mut all: [Vec<(f64, f64, f64)>; 2] = Default::default();
    let turns = if size >= LARGEST_OF_THEIRS { 1 } else { 5 };
    for turn in 0..turns.max(3) {
        for side in Side::BOTH {
            if side == Side::Theirs && (!theirs_too || turn >= turns) {
                continue;
            }
            bench.progress(&format!("load, {size} {what}, {side:?}"));
            let mut worker = bench.start(side)?;
            let done = load_into(bench, side, &mut worker, policy)?;
            let megabytes = |kilobytes: u64| kilobytes as f64 / 1000.0;
            let loaded =
                (milliseconds(done.nanoseconds), megabytes(done.resident_kb), megabytes(done.peak_kb));
            all[side as usize].push(loaded);
        }
    }
    Ok(all.map(|all| {
        let middle = |of: fn(&(f64, f64, f64)) -> f64| median(&mut all.iter().map(of).collect::<Vec<_>>());
        (!all.is_empty()).then(|| (middle(|it| it.0), middle(|it| it.1), middle(|it| it.2)))
    }))
}

/// Instructions of loading, ours.
pub fn count_load(bench: &Bench, size: usize) -> Result<f64, Box<dyn Error>> {
    let mut worker = bench.start_counting(Side::Ours)?;
    let init = init(bench, Side::Ours, &policy(size, size))?;
    let (done, count) = worker.count_order(&Order::CountAsk(init))?;
    loaded(done).map(|_| count as f64)
}
